"""The same fake service, paged through by botocore and by us: everything has to be the same."""

import copy
import functools
import itertools
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from botocore.paginate import TokenDecoder
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import IS_FUZZ
from tests.fakes.listings import configs, expressions, listings
from tests.fakes.paginated_service import (
    ENTRY,
    WAYS,
    FakeService,
    Listing,
    Pages,
    botocores,
    botocores_complete,
    ours,
    paginate_by,
    run,
)

PROFILE = settings(
    deadline=None,
    derandomize=True,
    max_examples=140,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.filter_too_much],
)


async def exhausted(iterator: Any) -> Any:
    """The values of a result key; numbers cannot be iterated over, in botocore too."""
    try:
        return [value async for value in iterator]
    except TypeError:
        return "no list"


async def seen_by(
    make: Callable[[FakeService], Pages], listing: Listing, expression: str, first: str = ""
) -> dict[str, Any]:
    """Everything that a caller, and the service, see of a listing.

    botocore's iterators are good for one run only. With ``first``, the part to read first, the
    pages and the full result are of one iterator.
    """
    service = FakeService(listing)
    pages = make(service)
    seen: dict[str, Any] = {}
    for kind in ("full", "pages") if first == "full" else ("pages", "full"):
        service.requests.clear()
        used = pages if first or kind == "pages" else make(service)
        if kind == "full":
            seen[kind] = await used.build_full_result()
        else:
            seen[kind], seen["tokens"] = [], []
            async for page in used:
                seen[kind].append(copy.deepcopy(page))
                seen["tokens"].append(used.resume_token)
            seen["non-aggregate part"] = copy.deepcopy(used.non_aggregate_part)
        seen[f"requests of {kind}"] = service.requests[:]
        seen[f"token of {kind}"] = used.resume_token
    seen["found"] = [value async for value in make(service).search(expression)]
    seen["of keys"] = [await exhausted(values) for values in make(service).result_key_iters()]
    return seen


def check(data: st.DataObject, listing: Listing, config: dict[str, Any]) -> None:
    """Page through the listing in every way, in ``make test`` in two; all have to see the same."""
    expression = data.draw(expressions(listing))
    params: Any = {"Of": {"kinds": ["things"]}}
    reference = botocores_complete if "StartingToken" in config else botocores

    def botocores_pages(service: FakeService) -> Pages:
        paginator = reference(service, listing.entry)
        return Pages(paginator.paginate(PaginationConfig=dict(config), **params))

    expected = run("sync", lambda: seen_by(botocores_pages, listing, expression))
    del expected["tokens"]  # that after each page is ours alone
    first = data.draw(st.sampled_from(["pages", "full"]))
    depth = data.draw(st.integers(1, 4) | st.sampled_from(["1", 40]))
    ways = [*itertools.product(WAYS, ({}, {"Prefetch": depth}))]
    if not IS_FUZZ:
        ways = [ways[0], data.draw(st.sampled_from(ways[1:]))]
    tokens: list[list[str | None]] = []
    for way, prefetch in ways:
        make = functools.partial(paginate_by, way, config=config | prefetch, **params)
        seen = run(way, functools.partial(seen_by, make, listing, expression, first))
        tokens.append(seen.pop("tokens"))
        assert seen == expected, f"{way}, {prefetch}"
    assert tokens == tokens[:1] * len(ways)


@given(data=st.data(), listing=listings())
@PROFILE
def test_from_the_start(data: st.DataObject, listing: Listing) -> None:
    check(data, listing, data.draw(configs(listing)))


@given(data=st.data(), listing=listings())
@PROFILE
def test_from_botocores_own_token_at_the_same_page_size(
    data: st.DataObject, listing: Listing
) -> None:
    config = data.draw(configs(listing))
    first = botocores(FakeService(listing), listing.entry).paginate(
        PaginationConfig={**config, "MaxItems": data.draw(st.integers(0, len(listing.items)))}
    )
    token = first.build_full_result().get("NextToken")
    hypothesis.assume(token is not None)
    check(data, listing, {**config, "StartingToken": token})


@given(data=st.data(), listing=listings())
@PROFILE
def test_from_our_token_after_any_page(data: st.DataObject, listing: Listing) -> None:
    """botocore resumes from the tokens that only we have."""
    config = data.draw(configs(listing))
    pages = ours(FakeService(listing), listing.entry).paginate(PaginationConfig=config)
    tokens = [pages.resume_token for _ in pages]
    hypothesis.assume(tokens[0] is not None)
    token = data.draw(st.sampled_from([token for token in tokens if token is not None]))
    # At the same page size: at a smaller one botocore repeats or loses items.
    resumed = {**data.draw(configs(listing)), "PageSize": config.get("PageSize")}
    check(data, listing, {**resumed, "StartingToken": token})


@given(data=st.data(), listing=listings(kinds=("text", "key")))
@PROFILE
def test_from_a_token_of_the_service(data: st.DataObject, listing: Listing) -> None:
    tokens = listing.tokens(data.draw(st.sampled_from(listing.states)))
    token = tokens[listing.input_tokens[0]]
    # Only that token is given, so the service has to be content with it; and botocore must not take
    # it for something else.
    hypothesis.assume(len(tokens) == 1 and "___" not in token)
    with pytest.raises((ValueError, TypeError)):
        TokenDecoder().decode(token)
    check(data, listing, {**data.draw(configs(listing)), "StartingToken": token})


@given(data=st.data(), listing=listings(kinds=("text", "key")))
@PROFILE
def test_from_a_token_of_an_old_botocore(data: st.DataObject, listing: Listing) -> None:
    config = data.draw(configs(listing))
    state = data.draw(st.sampled_from(listing.states))
    start = data.draw(st.booleans())
    given = {} if start else listing.tokens(state)
    given = {name: given.get(name) for name in listing.input_tokens}
    hypothesis.assume(not any(value and "___" in value for value in given.values()))
    params = {name: value for name, value in given.items() if value is not None}
    if "PageSize" in config:
        params["Max"] = config["PageSize"]
    page = listing.page(params)
    for name in listing.primary.split("."):
        page = page.get(name) or {}
    offset = data.draw(st.integers(0, max(0, len(page) - 1)))  # beyond the page: case 1
    token = "___".join([*map(str, given.values()), str(offset)])
    check(data, listing, {**config, "StartingToken": token})


@pytest.mark.parametrize("most", [None, 0, 1, 2, 3])
def test_items_below_a_member_that_is_not_added_up(most: int | None) -> None:
    """ECR's and DevOps Guru's entries: the non-aggregate member holds the items, too."""
    entry = {**ENTRY, "result_key": ["Scan.Found", "Scan.More"], "non_aggregate_keys": ["Scan"]}
    pages: dict[str | None, dict[str, Any]] = {
        None: {"Scan": {"Found": [1, 2], "More": [], "Severities": {"HIGH": 2}}, "NextToken": "t"},
        "t": {"Scan": {"Found": [3], "More": ["x"], "Severities": {"LOW": 1}}},
    }

    def method(**params: Any) -> dict[str, Any]:
        return copy.deepcopy(pages[params.get("Token")])

    listed = ours(method, entry).paginate(PaginationConfig={"MaxItems": most})
    expected = botocores(method, entry).paginate(PaginationConfig={"MaxItems": most})
    full = listed.build_full_result()
    assert full == expected.build_full_result()
    assert full["Scan"]["Found"] == [1, 2, 3][:most]
    assert listed.non_aggregate_part["Scan"]["Severities"] == {"HIGH": 2}
