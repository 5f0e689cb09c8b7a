"""Cases in which botocore's paginator is wrong: what it does, and what is done here."""

import copy
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagebuilder_pager._validation import describe_value
from imagebuilder_pager.exceptions import PaginationError, ParamValidationError, StartingTokenError
from imagebuilder_pager.pagination import decode_token, encode_token
from tests.fakes.listings import configs, listings
from tests.fakes.paginated_service import (
    BACKENDS,
    WAYS,
    FakeService,
    Listing,
    botocores,
    expand_items,
    items_by,
    ours,
    ours_async,
    pages_by,
    run,
)
from tests.fakes.tokens import ENTRY, NUMBERS

PROFILE = settings(deadline=None, derandomize=True, max_examples=150)


# 1. A token taken at one PageSize and resumed at a smaller one.


@pytest.mark.parametrize("way", WAYS)
def test_1_a_smaller_page_size_after_resuming_repeats_nothing(way: str) -> None:
    first = {"PageSize": 5, "MaxItems": 4}
    token = botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=first)
    token = token.build_full_result()["NextToken"]
    resumed = {"PageSize": 2, "StartingToken": token}

    botocore_pages = list(botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=resumed))
    assert expand_items(NUMBERS, botocore_pages) == [2, 3, 4, 5, 6, 7, 8, 9]  # had 0, 1, 2, 3

    pages, _ = pages_by(way, FakeService(NUMBERS), resumed)
    assert expand_items(NUMBERS, pages) == [4, 5, 6, 7, 8, 9]
    assert [page["Items"] for page in pages] == [[], [], [4, 5], [6, 7], [8, 9]]


@pytest.mark.parametrize("way", WAYS)
def test_1_a_service_that_returns_fewer_than_before_repeats_nothing(way: str) -> None:
    token = encode_token({"Token": "t0:2.0", "boto_truncate_amount": 4})
    fewer = Listing(entry=ENTRY, items=list(range(10)), most=5, short=(3,))
    config = {"StartingToken": token, "MaxItems": 3}

    botocore_pages = list(botocores(FakeService(fewer), ENTRY).paginate(PaginationConfig=config))
    assert expand_items(fewer, botocore_pages) == [4, 5, 6]  # 4 and 5 again

    pages, tokens = pages_by(way, FakeService(fewer), config)
    assert expand_items(fewer, pages) == [6, 7, 8]
    assert decode_token(tokens[-1] or "") == {"Token": "t0:8.0", "boto_truncate_amount": 1}


@pytest.mark.parametrize("way", WAYS)
def test_1_a_token_made_of_the_last_item_survives_its_being_skipped(way: str) -> None:
    """As S3's: where all items of a page are left out, botocore finds no token and stops."""
    entry = {**ENTRY, "output_token": "NextToken || Items[-1].Key", "more_results": "More"}
    items = [{"Key": f"k{number}"} for number in range(6)]
    listing = Listing(entry=entry, items=items, most=2, kind="key", prefix="k")
    config = {"StartingToken": encode_token({"Token": None, "boto_truncate_amount": 3})}

    botocore_pages = list(botocores(FakeService(listing), entry).paginate(PaginationConfig=config))
    assert expand_items(listing, botocore_pages) == []

    pages, tokens = pages_by(way, FakeService(listing), config)
    assert [page["Items"] for page in pages] == [[], items[3:4], items[4:]]
    assert decode_token(tokens[0] or "") == {"Token": "k1", "boto_truncate_amount": 1}


@given(data=st.data(), listing=listings(), way=st.sampled_from(WAYS))
@PROFILE
def test_1_every_item_comes_once_whatever_the_sizes(
    data: st.DataObject, listing: Listing, way: str
) -> None:
    """From the token after any page, at any other size, from a service in another mood."""
    _, tokens = pages_by(way, FakeService(listing), data.draw(configs(listing)))
    _, item_tokens, _ = items_by(way, FakeService(listing), data.draw(configs(listing)))
    token = data.draw(st.sampled_from([*tokens, *item_tokens]))
    resumed_at = number_of_items_before(listing, token)
    mood = data.draw(listings())
    again = Listing(
        **{name: getattr(listing, name) for name in Listing.__dataclass_fields__}
        | {"most": mood.most, "short": mood.short}
    )
    config = data.draw(configs(listing))
    pages, after = pages_by(way, FakeService(again), {**config, "StartingToken": token})
    most = len(listing.items) if config.get("MaxItems") is None else int(config["MaxItems"])
    expected = listing.items[resumed_at : resumed_at + most]
    assert expand_items(again, pages) == list(expected)
    if after[-1] is not None:
        rest, _ = pages_by(way, FakeService(listing), {"StartingToken": after[-1]})
        assert [*expected, *expand_items(listing, rest)] == list(listing.items[resumed_at:])


def number_of_items_before(listing: Listing, token: str | None) -> int:
    """What a token says, to the service that gave it."""
    if token is None:
        return 0
    values = decode_token(token)
    offset: int = values.pop("boto_truncate_amount", 0)
    given = {name: value for name, value in values.items() if value is not None}
    return listing.state(given)[0] + offset


# 2. Iterating a second time, and twice at the same time.


@pytest.mark.parametrize("config", [{}, {"Prefetch": 2}], ids=str)
def test_2_each_iteration_starts_anew(config: dict[str, Any]) -> None:
    everything = {**config, "PageSize": 4}
    pages = botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=everything)
    assert [page["Items"] for page in pages] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [page["Items"] for page in pages] == [[8, 9]]

    service = FakeService(NUMBERS)
    pages = ours(service, ENTRY).paginate(PaginationConfig=everything)
    for _ in range(3):
        assert [page["Items"] for page in pages] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        assert pages.build_full_result() == {"Items": list(range(10))}
        assert list(pages.items()) == list(range(10))
        assert list(pages.search("Items[0]")) == [0, 4, 8]
    assert len(service.requests) == 3 * 4 * 3


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("config", [{}, {"Prefetch": 2}], ids=str)
def test_2_each_async_iteration_starts_anew(backend: str, config: dict[str, Any]) -> None:
    async def main() -> None:
        paginator = ours_async(FakeService(NUMBERS).later, ENTRY)
        pages = paginator.paginate(PaginationConfig={**config, "PageSize": 4})
        for _ in range(3):
            each = [page["Items"] async for page in pages]
            assert each == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
            assert await pages.build_full_result() == {"Items": list(range(10))}
            assert [item async for item in pages.items()] == list(range(10))
            assert [found async for found in pages.search("Items[0]")] == [0, 4, 8]

    run(backend, main)


def test_2_two_iterations_at_the_same_time_do_not_touch_each_other() -> None:
    config = {"PageSize": 4}
    pages = botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=config)
    a, b = iter(pages), iter(pages)
    mixed = [next(a)["Items"], next(a)["Items"], next(b)["Items"]]
    assert mixed == [[0, 1, 2, 3], [4, 5, 6, 7], [4, 5, 6, 7]]

    pages = ours(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=config)
    a, b, c = iter(pages), iter(pages), pages.items()
    assert [next(a)["Items"], next(a)["Items"]] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [next(b)["Items"], next(c), next(c)] == [[0, 1, 2, 3], 0, 1]
    assert [next(a)["Items"], next(b)["Items"], next(c)] == [[8, 9], [4, 5, 6, 7], 2]
    assert list(a) == []
    assert [page["Items"] for page in b] == [[8, 9]]
    assert list(c) == [3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_2_two_async_iterations_at_the_same_time(backend: str, prefetch: int) -> None:
    async def main() -> None:
        config = {"PageSize": 4, "Prefetch": prefetch}
        pages = ours_async(FakeService(NUMBERS).later, ENTRY).paginate(PaginationConfig=config)
        a, b = aiter(pages), pages.items()
        assert [await anext(a), await anext(a)] == [
            {"Items": [0, 1, 2, 3], "NextToken": "t0:4.0"},
            {"Items": [4, 5, 6, 7], "NextToken": "t0:8.0"},
        ]
        assert [await anext(b), await anext(b)] == [0, 1]
        assert [page["Items"] async for page in a] == [[8, 9]]
        assert [item async for item in b] == list(range(2, 10))

    run(backend, main)


@pytest.mark.parametrize("prefetch", [0, 2])
def test_2_two_threads_iterate_over_one_iterator(prefetch: int) -> None:
    """One has two pages, then the other comes and has all of them, then the first goes on."""

    def both(pages: Any) -> list[list[Any]]:
        in_the_middle, done = threading.Event(), threading.Event()

        def early() -> list[Any]:
            iterator = iter(pages)
            seen = [next(iterator)["Items"], next(iterator)["Items"]]
            in_the_middle.set()
            assert done.wait(20)
            return seen + [page["Items"] for page in iterator]

        def late() -> list[Any]:
            assert in_the_middle.wait(20)
            seen = [page["Items"] for page in pages]
            done.set()
            return seen

        with ThreadPoolExecutor(2) as executor:
            futures = [executor.submit(early), executor.submit(late)]
            return [future.result() for future in futures]

    config = {"PageSize": 2, "Prefetch": prefetch}
    expected = [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    wrong = both(botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=config))
    assert wrong == [expected, expected[1:]]
    right = both(ours(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=config))
    assert right == [expected, expected]


@pytest.mark.parametrize("prefetch", [0, 2])
def test_2_many_threads_at_once(prefetch: int) -> None:
    pages = ours(FakeService(NUMBERS), ENTRY).paginate(
        PaginationConfig={"PageSize": 1, "MaxItems": 9, "Prefetch": prefetch}
    )
    start = threading.Barrier(4, timeout=20)

    def each(_: int) -> list[Any]:
        start.wait()
        return list(pages.items())

    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(each, range(4))) == [list(range(9))] * 4


def test_2_the_callers_dictionaries_are_never_changed() -> None:
    """Neither the parameters, nor pages that the callable may want to keep, as a cache does."""
    kept = {
        None: {"R": {"Items": [0, 1, 2], "More": ["a"]}, "NextToken": "t"},
        "t": {"R": {"Items": [3, 4, 5], "More": ["b"]}, "NextToken": None},
    }
    original = copy.deepcopy(kept)
    entry = {**ENTRY, "result_key": ["R.Items", "R.More"], "non_aggregate_keys": ["R"]}

    def cache(Token: Any = None, **_: Any) -> Any:  # noqa: N803  # the wire's name
        return kept[Token]

    start = encode_token({"Token": None, "boto_truncate_amount": 1})
    config = {"MaxItems": 4, "StartingToken": start, "PageSize": 3, "Prefetch": 1}
    params: dict[str, Any] = {"Filter": {"Names": ["x"]}, "PaginationConfig": config}
    before = copy.deepcopy(params)

    assert ours(cache, entry).paginate().build_full_result()["R"]["Items"] == [0, 1, 2, 3, 4, 5]
    assert kept == original
    for _ in range(2):
        pages = ours(cache, entry).paginate(**params)
        assert [page["R"] for page in pages] == [
            {"Items": [1, 2], "More": []},
            {"Items": [3, 4], "More": ["b"]},
        ]
        full = pages.build_full_result()
        assert full["R"] == {"Items": [1, 2, 3, 4], "More": ["b"]}
        assert kept == original
        assert params == before

    botocores(cache, entry).paginate(**params).build_full_result()
    assert kept != original


# 6. Tokens that go round in a circle.


class Circle(FakeService):
    """A service whose tokens lead back: after the last of them comes the first."""

    def __init__(self, tokens: list[Any], lead_in: int = 0) -> None:
        super().__init__(NUMBERS)
        self.after = dict(enumerate(tokens))
        self.tokens = tokens
        self.lead_in = lead_in

    def __call__(self, **params: Any) -> dict[str, Any]:
        self.requests.append(params)
        assert len(self.requests) < 2000, "it would not end"
        if "Token" not in params:
            return {"Items": ["start"], "NextToken": self.tokens[0]}
        number = self.tokens.index(params["Token"])
        back = number + 1 if number + 1 < len(self.tokens) else self.lead_in
        return {"Items": [number], "NextToken": self.tokens[back]}


CIRCLES: dict[str, tuple[list[Any], int]] = {
    "two": (["a", "b"], 0),
    "three": (["a", "b", "c"], 0),
    "two after two": (["a", "b", "c", "d"], 2),
    "a hundred": ([f"token {number}" for number in range(100)], 0),
    "objects": ([{"at": 1}, {"at": 2}], 0),
    "bytes": ([b"\xff", b"\xfe"], 0),
}


@pytest.mark.parametrize("what", CIRCLES)
@pytest.mark.parametrize("prefetch", [0, 3])
def test_6_a_circle_of_tokens_ends(what: str, prefetch: int) -> None:
    tokens, lead_in = CIRCLES[what]
    pages = botocores(Circle(tokens, lead_in), ENTRY).paginate()
    assert len(list(itertools.islice(pages, 1000))) == 1000

    message = (
        f"page {len(tokens) + 1} ends with a token that was used before, so that the pages would "
        "repeat without end (input tokens: Token)"
    )
    for way in WAYS:
        service = Circle(tokens, lead_in)
        seen: list[Any] = []
        with pytest.raises(PaginationError) as caught:
            consume(way, service, seen, {"Prefetch": prefetch})
        assert str(caught.value) == message
        assert not isinstance(caught.value, StartingTokenError)
        assert seen == ["start", *range(len(tokens))]  # each page came, and once
        assert len(service.requests) == len(tokens) + 1


def consume(way: str, service: FakeService, seen: list[Any], config: Any) -> None:
    """As far as it goes."""
    if way == "sync":
        for page in ours(service, ENTRY).paginate(PaginationConfig=config):
            seen.extend(page["Items"])
        return

    async def main() -> None:
        async for page in ours_async(service.later, ENTRY).paginate(PaginationConfig=config):
            seen.extend(page["Items"])

    run(way, main)


def test_6_the_same_token_at_once() -> None:
    """The one circle that botocore sees, though a page later."""
    service = Circle(["a"])
    seen: list[Any] = []
    with pytest.raises(PaginationError, match="page 2 ends with a token that was used before"):
        consume("sync", service, seen, {})
    assert seen == ["start", 0]
    service = Circle(["a"])
    with pytest.raises(Exception, match="The same next token was received twice"):
        list(botocores(service, ENTRY).paginate())


def test_6_a_circle_back_to_the_starting_token() -> None:
    service = Circle(["a", "b"])
    seen: list[Any] = []
    with pytest.raises(PaginationError, match="page 2 ends with a token that was used before"):
        consume("sync", service, seen, {"StartingToken": "a"})
    assert seen == [0, 1]


def test_6_max_items_ends_before_the_circle_closes() -> None:
    pages, tokens = pages_by("sync", Circle(["a", "b"]), {"MaxItems": 3})
    assert expand_items(NUMBERS, pages) == ["start", 0, 1]
    assert tokens[-1] is not None


# 7. MaxItems below one.


@pytest.mark.parametrize("given", [-1, "-4", -(10**15)])
def test_7_a_negative_max_items_is_refused(given: Any) -> None:
    wrong = botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig={"MaxItems": given})
    assert wrong.build_full_result()["Items"] in ([0, 1, 2, 3], [0], [])

    service = FakeService(NUMBERS)
    for way in WAYS:
        with pytest.raises(ParamValidationError) as caught:
            pages_by(way, service, {"MaxItems": given})
        assert str(caught.value) == (
            "paginate: invalid parameters; nothing was sent\n"
            f"  - PaginationConfig.MaxItems: {describe_value(given)} given; allowed: a "
            "whole number, 0 or more"
        )
    assert service.requests == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("given", [0, "0"])
def test_7_max_items_0_is_one_empty_page_and_a_token_to_the_start(way: str, given: Any) -> None:
    expected = botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig={"MaxItems": given})
    expected_pages = list(expected)
    service = FakeService(NUMBERS)
    pages, tokens = pages_by(way, service, {"MaxItems": given})
    assert pages == expected_pages == [{"Items": [], "NextToken": "t0:5.0"}]
    assert tokens == [expected.resume_token]
    assert len(service.requests) == 1
    again, _ = pages_by(way, service, {"StartingToken": tokens[0]})
    assert expand_items(NUMBERS, again) == list(range(10))
