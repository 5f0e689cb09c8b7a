"""Cases in which botocore's paginator is wrong, each with its result and ours."""

import copy
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from imagebuilder_pager.exceptions import PaginationError, ParamValidationError
from imagebuilder_pager.pagination import decode_token, encode_token
from tests.fakes.paginated_service import (
    ENTRY,
    WAYS,
    FakeService,
    Listing,
    botocores,
    expand_items,
    ours,
    pages_by,
    paginate_by,
    run,
)
from tests.fakes.prefetching import collect
from tests.fakes.tokens import NUMBERS

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


# 2. Iterating a second time, and twice at the same time.

PAGES = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("config", [{}, {"Prefetch": 2}], ids=str)
def test_2_each_iteration_starts_anew(way: str, config: dict[str, Any]) -> None:
    everything = {**config, "PageSize": 4}
    wrong = botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=everything)
    assert [page["Items"] for page in wrong] == PAGES
    assert [page["Items"] for page in wrong] == PAGES[-1:]

    async def main() -> None:
        service = FakeService(NUMBERS)
        pages = paginate_by(way, service, everything)
        for _ in range(3):
            assert [page["Items"] async for page in pages] == PAGES
            assert await pages.build_full_result() == {"Items": list(range(10))}
            assert [item async for item in pages.items()] == list(range(10))
            assert [found async for found in pages.search("Items[0]")] == [0, 4, 8]
        assert len(service.requests) == 3 * 4 * 3

    run(way, main)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_2_two_iterations_at_the_same_time_do_not_touch_each_other(way: str, prefetch: int) -> None:
    config = {"PageSize": 4, "Prefetch": prefetch}
    wrong = botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=config)
    a, b = iter(wrong), iter(wrong)
    assert [next(a)["Items"], next(a)["Items"], next(b)["Items"]] == [*PAGES[:2], PAGES[1]]

    async def main() -> None:
        pages = paginate_by(way, FakeService(NUMBERS), config)
        a, b, c = aiter(pages), aiter(pages), pages.items()
        assert [(await anext(a))["Items"], (await anext(a))["Items"]] == PAGES[:2]
        assert [(await anext(b))["Items"], await anext(c), await anext(c)] == [PAGES[0], 0, 1]
        assert [page["Items"] async for page in a] == PAGES[2:]
        assert [page["Items"] async for page in b] == PAGES[1:]
        assert [item async for item in c] == list(range(2, 10))

    run(way, main)


@pytest.mark.parametrize("prefetch", [0, 2])
def test_2_many_threads_at_once(prefetch: int) -> None:
    pages = ours(FakeService(NUMBERS), ENTRY).paginate(
        PaginationConfig={"PageSize": 1, "MaxItems": 9, "Prefetch": prefetch}
    )
    start = threading.Barrier(4, timeout=20)

    def list_items(_: int) -> list[Any]:
        start.wait()
        return list(pages.items())

    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(list_items, range(4))) == [NUMBERS.items[:9]] * 4


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
    pages = ours(cache, entry).paginate(**params)
    for _ in range(2):
        assert [page["R"] for page in pages] == [
            {"Items": [1, 2], "More": []},
            {"Items": [3, 4], "More": ["b"]},
        ]
        assert pages.build_full_result()["R"] == {"Items": [1, 2, 3, 4], "More": ["b"]}
    assert ours(cache, entry).paginate().build_full_result()["R"]["Items"] == [0, 1, 2, 3, 4, 5]
    assert (kept, params) == (original, before)

    botocores(cache, entry).paginate(**params).build_full_result()
    assert kept != original


# 6. Tokens that go round in a circle.


class Circle(FakeService):
    """A service whose tokens lead back: after the last of them comes the first."""

    def __init__(self, tokens: list[Any], lead_in: int = 0) -> None:
        super().__init__(NUMBERS)
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
    "two after two": (["a", "b", "c", "d"], 2),
    "a hundred": ([f"token {number}" for number in range(100)], 0),
    "objects": ([{"at": 1}, {"at": 2}], 0),
    "bytes": ([b"\xff", b"\xfe"], 0),
    "the same at once": (["a"], 0),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("circle", CIRCLES)
@pytest.mark.parametrize("prefetch", [0, 3])
def test_6_a_circle_of_tokens_ends(way: str, circle: str, prefetch: int) -> None:
    tokens, lead_in = CIRCLES[circle]
    wrong = botocores(Circle(tokens, lead_in), ENTRY).paginate()
    if len(tokens) > 1:
        assert len(list(itertools.islice(wrong, 1000))) == 1000
    else:  # the one circle that botocore sees, though a page later
        with pytest.raises(Exception, match="The same next token was received twice"):
            list(wrong)

    service = Circle(tokens, lead_in)
    seen: list[Any] = []
    with pytest.raises(PaginationError) as caught:
        run(way, lambda: collect(paginate_by(way, service, {"Prefetch": prefetch}).items(), seen))
    assert str(caught.value) == (
        f"page {len(tokens) + 1} ends with a token that was used before, so that the pages would "
        "repeat without end (input tokens: Token)"
    )
    assert type(caught.value) is PaginationError
    assert seen == ["start", *range(len(tokens))]  # each page came, and once
    assert len(service.requests) == len(tokens) + 1


def test_6_a_circle_back_to_the_starting_token() -> None:
    items = paginate_by("sync", Circle(["a", "b"]), {"StartingToken": "a"}).items()
    seen: list[Any] = []
    with pytest.raises(PaginationError, match="page 2 ends with a token that was used before"):
        run("sync", lambda: collect(items, seen))
    assert seen == [0, 1]


def test_6_max_items_ends_before_the_circle_closes() -> None:
    pages, tokens = pages_by("sync", Circle(["a", "b"]), {"MaxItems": 3})
    assert expand_items(NUMBERS, pages) == ["start", 0, 1]
    assert tokens[-1] is not None


# 7. A negative MaxItems.


@pytest.mark.parametrize("given", [-1, "-4", -(10**15)])
def test_7_a_negative_max_items_is_refused(given: Any) -> None:
    wrong = botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig={"MaxItems": given})
    assert wrong.build_full_result()["Items"] in ([0, 1, 2, 3], [0], [])
    with pytest.raises(ParamValidationError, match=r"MaxItems: .* allowed: a whole number, 0"):
        paginate_by("sync", FakeService(NUMBERS), {"MaxItems": given})


# 8. The page that a token without an offset resumes at: the caller has none of it yet.


PREFIXES: dict[str, Any] = {
    "input_token": "Token",
    "output_token": "NextToken",
    "result_key": ["Contents", "CommonPrefixes"],
    "limit_key": "Max",
}
FOLDERS = Listing(entry=PREFIXES, items=list(range(7)), most=3, secondary=("list",))


@pytest.mark.parametrize("way", WAYS)
def test_8_the_further_result_keys_of_the_page_resumed_at_are_kept(way: str) -> None:
    """S3 with a Delimiter: boto/botocore issue 3119."""
    everything, tokens = pages_by(way, FakeService(FOLDERS))
    assert everything[1]["CommonPrefixes"] == ["0/3/0"]
    config = {"StartingToken": tokens[0]}

    wrong = list(botocores(FakeService(FOLDERS), PREFIXES).paginate(PaginationConfig=config))
    assert [page["CommonPrefixes"] for page in wrong] == [[], ["0/6/0"]]

    pages, _ = pages_by(way, FakeService(FOLDERS), config)
    assert pages == everything[1:]


@pytest.mark.parametrize("way", WAYS)
def test_8_within_a_page_they_came_with_its_first_items(way: str) -> None:
    before, tokens = pages_by(way, FakeService(FOLDERS), {"MaxItems": 5})
    after, _ = pages_by(way, FakeService(FOLDERS), {"StartingToken": tokens[-1]})
    prefixes = [page["CommonPrefixes"] for page in (*before, *after)]
    assert prefixes == [["0/0/0", "0/0/1", "0/0/2"], ["0/3/0"], [], ["0/6/0"]]


@pytest.mark.parametrize("way", WAYS)
def test_8_a_member_that_is_not_in_the_page_stays_absent(way: str) -> None:
    """So that ``page.get("Contents", [])`` can be iterated over, as without a token."""

    class Empty(FakeService):
        def __call__(self, **params: Any) -> dict[str, Any]:
            return {"CommonPrefixes": ["a/"]}

    config = {"StartingToken": "t"}
    wrong = list(botocores(Empty(FOLDERS), PREFIXES).paginate(PaginationConfig=config))
    assert wrong == [{"Contents": None, "CommonPrefixes": []}]
    assert pages_by(way, Empty(FOLDERS), config)[0] == [{"CommonPrefixes": ["a/"]}]


# 9. Maps instead of lists, as apigateway's GetUsage and taxsettings' ListTaxExemptions have.


MAPS: dict[str, Any] = {"input_token": "Token", "output_token": "Next", "result_key": "Usage"}
MAP_BY_TOKEN: dict[Any, dict[str, Any]] = {
    None: {"Usage": {"a": [1], "b": [2]}, "Next": "t"},
    "t": {"Usage": {"a": [3], "c": [4], "d": [5]}},
}


class Usage(FakeService):
    """Two pages of maps; the key ``a`` is in both."""

    def __init__(self) -> None:
        super().__init__(Listing(entry=MAPS, items=[]))

    def __call__(self, **params: Any) -> dict[str, Any]:
        page = MAP_BY_TOKEN[params.get("Token")]
        return {**page, "Usage": {name: list(days) for name, days in page["Usage"].items()}}


@pytest.mark.parametrize("way", WAYS)
def test_9_the_map_of_the_page_resumed_at_is_kept(way: str) -> None:
    config = {"StartingToken": encode_token({"Token": "t"})}
    wrong = list(botocores(Usage(), MAPS).paginate(PaginationConfig=config))
    assert wrong == [{"Usage": None}]
    assert pages_by(way, Usage(), config)[0] == [MAP_BY_TOKEN["t"]]


def test_9_the_full_result_joins_the_maps_of_all_pages() -> None:
    wrong = botocores(Usage(), MAPS).paginate().build_full_result()
    assert wrong == {"Usage": {"a": [1], "b": [2]}}
    joined = {"a": [1, 3], "b": [2], "c": [4], "d": [5]}
    pages = ours(Usage(), MAPS).paginate()
    for _ in range(2):  # and no page is changed by it
        assert pages.build_full_result() == {"Usage": joined}
    assert list(pages.items()) == ["a", "b", "a", "c", "d"]


@pytest.mark.parametrize("way", WAYS)
def test_9_a_map_is_cut_like_a_list(way: str) -> None:
    with pytest.raises((TypeError, KeyError)):  # a slice of a dictionary
        list(botocores(Usage(), MAPS).paginate(PaginationConfig={"MaxItems": 1}))

    token = None
    usages = []
    for most in (1, 2, 1, 1):
        config = {"MaxItems": most, "StartingToken": token}
        pages, tokens = pages_by(way, Usage(), config)
        usages += [page["Usage"] for page in pages]
        token = tokens[-1]
    assert token is None
    assert usages == [{"a": [1]}, {"b": [2]}, {"a": [3]}, {"c": [4]}, {"d": [5]}]
