"""Listings within listings, beside a plain nested loop; and programs that are killed in one."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.nested_service import (
    NestedService,
    Tree,
    moods,
    sizes,
    trees,
    walk_by,
)
from tests.fakes.paginated_service import WAYS

PROFILE = settings(deadline=None, derandomize=True, max_examples=100)


def options(data: st.DataObject, token: str | None = None) -> dict[str, Any]:
    return {
        "page_size": data.draw(st.none() | st.integers(1, 5)),
        "prefetch": data.draw(st.integers(0, 6)),
        "starting_token": token,
    }


@given(data=st.data(), tree=trees(), mood=moods(), way=st.sampled_from(WAYS))
@PROFILE
def test_the_records_of_a_plain_nested_loop_in_its_order(
    data: st.DataObject, tree: Tree, mood: dict[str, Any], way: str
) -> None:
    walked = walk_by(way, NestedService(tree.roots, mood), tree, **options(data))
    assert walked.error is None
    assert walked.records == tree.records()
    assert walked.last is None
    assert None not in walked.tokens[:-1]


@given(data=st.data(), tree=trees(), mood=moods(), way=st.sampled_from(WAYS))
@PROFILE
def test_the_pages_have_the_same_records(
    data: st.DataObject, tree: Tree, mood: dict[str, Any], way: str
) -> None:
    service = NestedService(tree.roots, mood)
    walked = walk_by(way, service, tree, by_page=True, **options(data))
    assert [record for page in walked.records for record in page] == tree.records()
    assert len(walked.records) == len(service.requests)
    assert None not in walked.tokens[:-1]
    assert walked.last is None


@given(data=st.data(), tree=trees(), mood=moods())
@PROFILE
def test_a_walk_that_is_stopped_after_every_record(
    data: st.DataObject, tree: Tree, mood: dict[str, Any]
) -> None:
    """Each record in a run of its own, with another page size and in another way."""
    finished: list[Any] = []
    token: str | None = None
    expected = tree.records()
    for _ in range(len(expected) + 1):
        service = NestedService(tree.roots, {**mood, **data.draw(sizes())})
        way = data.draw(st.sampled_from(WAYS))
        walked = walk_by(way, service, tree, stop_after=1, **options(data, token))
        assert walked.error is None
        finished += walked.records
        assert finished == expected[: len(finished)]
        token = walked.last
        if token is None:
            break
    assert token is None
    assert finished == expected


@given(data=st.data(), tree=trees(), mood=moods(), by_page=st.booleans())
@PROFILE
def test_a_program_that_is_killed_anywhere(
    data: st.DataObject, tree: Tree, mood: dict[str, Any], *, by_page: bool
) -> None:
    """By its end, by an error of the service, or by tokens that expire."""
    finished: list[Any] = []
    token: str | None = None
    for number in range(60):
        expires_at = {data.draw(st.none() | st.integers(0, 8))}
        service = NestedService(
            tree.roots,
            {**mood, **data.draw(sizes())},
            expire=expires_at.__contains__,
            fail_at=data.draw(st.none() | st.integers(0, 12)) if number < 50 else None,
            generation=number if data.draw(st.booleans()) else 0,
        )
        way = data.draw(st.sampled_from(WAYS))
        stop_after = data.draw(st.none() | st.integers(1, 4)) if number < 50 else None
        walked = walk_by(
            way, service, tree, stop_after=stop_after, by_page=by_page, **options(data, token)
        )
        for records in walked.records:
            finished += records if by_page else [records]
        assert finished == tree.records()[: len(finished)]
        token = walked.last
        if token is None and walked.error is None:
            break
    assert finished == tree.records()


@given(data=st.data(), tree=trees(), mood=moods(), way=st.sampled_from(WAYS))
@PROFILE
def test_a_slice_of_pages_always_gets_on(
    data: st.DataObject, tree: Tree, mood: dict[str, Any], way: str
) -> None:
    """Also where so many pages have no record at all."""
    pages = len(walk_by("sync", NestedService(tree.roots, mood), tree, by_page=True).records)
    finished: list[Any] = []
    token: str | None = None
    for number in range(1, pages + 2):
        service = NestedService(tree.roots, mood)
        walked = walk_by(way, service, tree, stop_after=1, by_page=True, starting_token=token)
        finished += [record for page in walked.records for record in page]
        token = walked.last
        if token is None:
            assert number <= pages
            break
    assert finished == tree.records()
