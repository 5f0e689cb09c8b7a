"""Items that botocore's paginator loses where a listing resumes, and what is done here."""

from typing import Any

import pytest

from imagebuilder_pager.pagination import encode_token
from tests.fakes.paginated_service import (
    WAYS,
    FakeService,
    Listing,
    botocores,
    ours,
    pages_by,
)

# 8. The page that a token without an offset resumes at: nobody has any of it yet.


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
    everything, _ = pages_by(way, FakeService(FOLDERS))
    before, tokens = pages_by(way, FakeService(FOLDERS), {"MaxItems": 5})
    after, _ = pages_by(way, FakeService(FOLDERS), {"StartingToken": tokens[-1]})
    prefixes = [page["CommonPrefixes"] for page in (*before, *after)]
    assert prefixes == [everything[0]["CommonPrefixes"], ["0/3/0"], [], ["0/6/0"]]


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
