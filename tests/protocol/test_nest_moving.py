"""Nested listings that change while a walk is stopped, tokens that expire, and made-up ones."""

import base64
import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from imagebuilder_pager.exceptions import (
    PagerError,
    PaginationError,
    ParentGoneError,
    StartingTokenError,
)
from imagebuilder_pager.pagination import decode_token, encode_token
from tests.fakes.nested_service import (
    ExpiredTokenError,
    NestedService,
    Node,
    Tree,
    moods,
    nest_of,
    node,
    path_of,
    sizes,
    trees,
    walk_by,
)
from tests.fakes.paginated_service import WAYS

PROFILE = settings(deadline=None, derandomize=True, max_examples=100)


def stopped(
    data: st.DataObject, tree: Tree, mood: dict[str, Any]
) -> tuple[list[Any], tuple[str, ...], str]:
    """The records of a walk that is stopped after any of them, the last one, and the token."""
    expected = tree.records()
    assume(expected)
    number = data.draw(st.integers(1, len(expected)))
    service = NestedService(tree.roots, mood)
    walked = walk_by("sync", service, tree, stop_after=number)
    assume(walked.last is not None)
    assert walked.last is not None
    return walked.records, walked.records[-1], walked.last


def behind(tree: Tree, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The records that a plain loop has behind those within the node at a path."""
    order = [*tree.records()]
    return [record for record in order if record > path and record[: len(path)] != path]


@given(data=st.data(), tree=trees(), mood=moods(), way=st.sampled_from(WAYS))
@PROFILE
def test_a_parent_that_is_gone_is_named_and_gone_past(
    data: st.DataObject, tree: Tree, mood: dict[str, Any], way: str
) -> None:
    """Whatever it is, from the outermost to the record itself; its token goes on behind it."""
    finished, last, token = stopped(data, tree, mood)
    gone = last[: data.draw(st.integers(1, len(last)))]
    rest = tree.without(gone)
    generation = data.draw(st.integers(0, 1))
    service = NestedService(rest.roots, {**mood, **data.draw(sizes())}, generation=generation)
    walked = walk_by(
        way, service, tree, starting_token=token, prefetch=data.draw(st.integers(0, 3))
    )
    assert walked.records == []
    error = walked.error
    assert isinstance(error, ParentGoneError)
    assert (error.level, error.item_id) == (f"level {len(gone) - 1}", gone[-1])
    assert gone[-1] in str(error)
    again = NestedService(rest.roots, {**mood, **data.draw(sizes())}, generation=generation)
    walked = walk_by(way, again, tree, starting_token=error.resume_token)
    assert walked.error is None
    # The keys are in the order of the tree.
    assert walked.records == behind(rest, gone)
    assert [*finished, *walked.records] == [r for r in tree.records() if r in finished] + behind(
        tree, gone
    )


@given(data=st.data(), way=st.sampled_from(WAYS), expired=st.booleans())
@PROFILE
def test_several_are_gone_and_nothing_behind_them_is_left_out(
    data: st.DataObject, way: str, *, expired: bool
) -> None:
    """Of the page that it stands in, whichever they are, and of what comes behind."""
    tree = Tree([node(f"a{number}", node("b")) for number in range(9)], (True, True))
    stop_after = data.draw(st.integers(1, 16))
    walked = walk_by("sync", NestedService(tree.roots, {"most": 9}), tree, stop_after=stop_after)
    standing = int(walked.records[-1][0][1:])
    gone = {standing, *data.draw(st.sets(st.integers(0, 8)))}
    rest = Tree([n for i, n in enumerate(tree.roots) if i not in gone], tree.yields)
    service = NestedService(rest.roots, {"most": data.draw(st.integers(1, 9))})
    service.generation = int(expired)
    again = walk_by(way, service, tree, starting_token=walked.last)
    assert isinstance(again.error, ParentGoneError)
    assert again.error.item_id == f"a{standing}"
    again = walk_by(way, service, tree, starting_token=again.last)
    assert again.error is None
    assert again.records == [r for r in rest.records() if int(r[0][1:]) > standing]


def with_newcomers(nodes: list[Node], depth: int, numbers: Any) -> list[Node]:
    """The nodes with others between and before them, at every level."""
    changed: list[Node] = []
    for item in nodes:
        changed += [node(f"{item['Key']}-new{i}", is_leaf=True) for i in range(next(numbers))]
        changed.append({**item, "Children": with_newcomers(item["Children"], depth + 1, numbers)})
    return changed


@given(data=st.data(), tree=trees(), mood=moods(), way=st.sampled_from(WAYS))
@PROFILE
def test_what_is_added_moves_nothing_that_was_there(
    data: st.DataObject, tree: Tree, mood: dict[str, Any], way: str
) -> None:
    """Each record once of what was there at first; of what is new, at most once each."""
    finished, _, token = stopped(data, tree, mood)
    numbers = iter(lambda: data.draw(st.integers(0, 2)), None)
    grown = Tree(with_newcomers(tree.roots, 0, numbers), tree.yields)
    # The service's tokens are positions here: they are taken to have expired with the change.
    service = NestedService(grown.roots, {**mood, **data.draw(sizes())}, generation=1)
    walked = walk_by(
        way, service, tree, starting_token=token, prefetch=data.draw(st.integers(0, 3))
    )
    assert walked.error is None
    seen = [*finished, *walked.records]
    assert len(set(seen)) == len(seen)
    old = [record for record in seen if not any("new" in key for key in record)]
    assert old == tree.records()


@given(data=st.data(), tree=trees(), mood=moods(), way=st.sampled_from(WAYS))
@PROFILE
def test_tokens_that_have_expired_begin_their_listing_anew(
    data: st.DataObject, tree: Tree, mood: dict[str, Any], way: str
) -> None:
    finished, _, token = stopped(data, tree, mood)
    service = NestedService(tree.roots, {**mood, **data.draw(sizes())}, generation=1)
    expires_at = {data.draw(st.none() | st.integers(0, 8))}
    service.expire = expires_at.__contains__
    walked = walk_by(
        way, service, tree, starting_token=token, prefetch=data.draw(st.integers(0, 3))
    )
    assert walked.error is None
    assert [*finished, *walked.records] == tree.records()


FLAT = Tree([node("a", *(node(f"b{number}") for number in range(8)))], (False, True))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 3])
def test_a_service_that_takes_none_of_its_tokens_is_not_asked_for_ever(
    way: str, prefetch: int
) -> None:
    service = NestedService(FLAT.roots, {"most": 3}, expire=lambda number: True)
    walked = walk_by(way, service, FLAT, prefetch=prefetch)
    assert isinstance(walked.error, ExpiredTokenError)
    assert walked.records == [("a", "b0"), ("a", "b1"), ("a", "b2")]
    assert len(service.requests) <= 10
    rest = walk_by(way, NestedService(FLAT.roots), FLAT, starting_token=walked.last)
    assert [*walked.records, *rest.records] == FLAT.records()


@pytest.mark.parametrize("way", WAYS)
def test_without_a_predicate_an_expired_token_is_an_error(way: str) -> None:
    service = NestedService(FLAT.roots, {"most": 3}, expire=lambda number: True)
    levels = nest_of(service, FLAT, is_async=False)._levels
    from imagebuilder_pager.pagination.nest import Nest

    with pytest.raises(ExpiredTokenError):
        list(Nest(levels, make_record=path_of).walk())
    assert len(service.requests) == 3


def test_a_missing_id_is_gone_past_by_its_number() -> None:
    tree = Tree([node("a", *(node(f"b{number}") for number in range(6)))], (False, True))
    walk = nest_of(NestedService(tree.roots), tree, is_async=False).walk(page_size=2)
    for number, record in enumerate(walk, start=1):
        if walk.resume_token is None:
            break
        document: Any = decode_token(walk.resume_token)
        document["levels"][-1]["id"] = None
        rest = nest_of(NestedService(tree.roots), tree, is_async=False).walk(
            starting_token=encode_token(document), page_size=3
        )
        assert [record, *rest] == tree.records()[number - 1 :]


# Tokens.


def token_of(tree: Tree, number: int = 1) -> str:
    token = walk_by("sync", NestedService(tree.roots), tree, stop_after=number).last
    assert token is not None
    return token


def test_a_token_does_not_grow_with_the_walk() -> None:
    tree = Tree([node("a", *(node(f"b{number:05}") for number in range(3000)))], (True, True))
    walked = walk_by("sync", NestedService(tree.roots, {"most": 100}), tree)
    assert len(walked.records) == 3001
    assert max(len(token) for token in walked.tokens if token is not None) < 2000


def test_a_token_of_tokens_too_long_is_an_error() -> None:
    tree = Tree([node("a" * 1_000_000)], (True,))
    tree.roots.append(node("b"))
    walk = nest_of(NestedService(tree.roots), tree, is_async=False).walk(page_size=1)
    next(iter(walk))
    with pytest.raises(PaginationError, match=r"has 13\d\d\d\d\d characters"):
        walk.resume_token  # noqa: B018  # reading it is the test


GOOD: Any = decode_token(token_of(FLAT, 5))
LEVEL: Any = GOOD["levels"][1]


@pytest.mark.parametrize(
    "change",
    [
        {"nest": "0" * 16},
        {"nest": None},
        {"levels": []},
        {"levels": {}},
        {"levels": [LEVEL] * 3},
        {"levels": [LEVEL, 5]},
        {"more": 1},
        {"levels": [{**LEVEL, "next": True}, LEVEL]},
        {"levels": [LEVEL, {**LEVEL, "next": 1}]},
        {"levels": [LEVEL, {**LEVEL, "more": 1}]},
        {"levels": [LEVEL, {**LEVEL, "page": {"Bucket": "x"}}]},
        {"levels": [LEVEL, {**LEVEL, "page": {"boto_truncate_amount": 5}}]},
        {"levels": [LEVEL, {**LEVEL, "page": ["x"]}]},
        {"levels": [LEVEL, {**LEVEL, "at": -1}]},
        {"levels": [LEVEL, {**LEVEL, "at": 1.5}]},
        {"levels": [LEVEL, {**LEVEL, "before": 10**30}]},
        {"levels": [LEVEL, {**LEVEL, "id": 5}]},
        {"levels": [LEVEL, {**LEVEL, "passed": 5}]},
        {"levels": [LEVEL, {**LEVEL, "passed": "0123456"}]},
        {"levels": [LEVEL, {**LEVEL, "passed": "01234567" * 101, "at": 200}]},
        {"levels": [LEVEL, {**LEVEL, "passed": "01234567" * 3, "at": 2}]},
        {"levels": [{k: v for k, v in LEVEL.items() if k != "id"}]},
    ],
    ids=str,
)
def test_a_token_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    service = NestedService(FLAT.roots)
    nest = nest_of(service, FLAT, is_async=False)
    nest.walk(starting_token=encode_token(GOOD))
    with pytest.raises(StartingTokenError, match=r"^StartingToken: "):
        nest.walk(starting_token=encode_token({**GOOD, **change}))
    assert service.requests == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(data=st.data())
@PROFILE
def test_any_value_is_refused_or_goes_on(data: st.DataObject) -> None:
    """Whatever a stranger writes into a token: an error of ours, or a walk that ends."""
    levels = data.draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "page": st.just({}) | st.dictionaries(st.just("Token"), JSON) | JSON,
                    "at": st.integers(0, 9) | JSON,
                    "before": st.integers(0, 9) | JSON,
                    "id": st.sampled_from(["a", "b2", "b7", None]) | JSON,
                },
                optional={
                    "next": st.booleans() | JSON,
                    "passed": st.sampled_from(["", "0" * 8, "1" * 16]) | JSON,
                },
            )
            | JSON,
            max_size=3,
        )
        | JSON
    )
    document = {"nest": GOOD["nest"], "levels": levels}
    token = base64.b64encode(json.dumps(document).encode()).decode()
    service = NestedService(FLAT.roots)
    try:
        walk = nest_of(service, FLAT, is_async=False).walk(starting_token=token)
    except StartingTokenError:
        return
    try:
        records = list(walk)
    except PagerError:
        return
    assert len(service.requests) < 30
    assert records == FLAT.records()[len(FLAT.records()) - len(records) :]
