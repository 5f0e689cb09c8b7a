"""The same fake service, paged through by botocore and by us: everything has to be the same."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore
import hypothesis
import pytest
from botocore.paginate import TokenDecoder
from hypothesis import given, settings
from hypothesis import strategies as st

from imagebuilder_pager.pagination import PaginationSpec
from tests.fakes.listings import configs, expressions, listings
from tests.fakes.paginated_service import (
    BACKENDS,
    FakeService,
    Listing,
    as_list,
    botocores,
    botocores_complete,
    ours,
    ours_async,
    run,
)

PROFILE = settings(
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.filter_too_much],
)


@dataclass
class Seen:
    """Everything that a caller, and the service, see of one listing."""

    pages: list[Any]
    requests: list[dict[str, Any]]
    resume_token: str | None
    non_aggregate_part: dict[str, Any]
    full: dict[str, Any]
    full_requests: list[dict[str, Any]]
    full_token: str | None
    found: list[Any]
    of_keys: list[Any]


def exhausted(iterator: Any) -> Any:
    """What an iterator over a result key has; numbers cannot be iterated over, in botocore too."""
    try:
        return list(iterator)
    except TypeError:
        return "no list"


def seen_sync(
    paginator: Callable[[Any, Any], Any],
    listing: Listing,
    config: dict[str, Any],
    expression: str,
    *,
    full_first: bool = False,
) -> Seen:
    service = FakeService(listing)
    again = FakeService(listing)

    def pages_of(of: FakeService) -> Any:
        params = {"Of": {"what": ["things"]}, "PaginationConfig": dict(config)}
        return paginator(of, listing.entry).paginate(**params)

    # botocore's iterators are good for one run only; ours are shared to show that they are not.
    once = pages_of(again)
    if full_first:
        full = once.build_full_result()
    pages = pages_of(service)
    handed_out = [copy.deepcopy(page) for page in pages]
    if not full_first:
        full = once.build_full_result()
    return Seen(
        pages=handed_out,
        requests=service.requests[:],
        resume_token=pages.resume_token,
        non_aggregate_part=copy.deepcopy(pages.non_aggregate_part),
        full=full,
        full_requests=again.requests,
        full_token=once.resume_token,
        found=list(pages_of(FakeService(listing)).search(expression)),
        of_keys=[exhausted(it) for it in pages_of(FakeService(listing)).result_key_iters()],
    )


async def seen_async(
    listing: Listing, config: dict[str, Any], expression: str, *, full_first: bool
) -> Seen:
    service = FakeService(listing)
    paginator = ours_async(service.later, listing.entry)
    pages = paginator.paginate(Of={"what": ["things"]}, PaginationConfig=config)
    full = await pages.build_full_result() if full_first else {}
    full_token = pages.resume_token
    full_requests = service.requests[:]
    service.requests.clear()
    handed_out = [copy.deepcopy(page) async for page in pages]
    requests, token = service.requests[:], pages.resume_token
    if not full_first:
        service.requests.clear()
        full = await pages.build_full_result()
        full_token, full_requests = pages.resume_token, service.requests[:]
    return Seen(
        pages=handed_out,
        requests=requests,
        resume_token=token,
        non_aggregate_part=pages.non_aggregate_part,
        full=full,
        full_requests=full_requests,
        full_token=full_token,
        found=[found async for found in pages.search(expression)],
        of_keys=[],  # the async twin has none
    )


def check(data: st.DataObject, listing: Listing, config: dict[str, Any]) -> Seen:
    """Pages through the listing in every way there is; all have to see the same."""
    expression = data.draw(expressions(listing))
    reference = botocores_complete if "StartingToken" in config else botocores
    expected = seen_sync(reference, listing, config, expression)
    full_first = data.draw(st.booleans())
    for prefetch in ({}, {"Prefetch": 2}):
        seen = seen_sync(ours, listing, config | prefetch, expression, full_first=full_first)
        assert seen == expected, f"sync, {prefetch}"
        for backend in BACKENDS:

            async def main(config: dict[str, Any] = config | prefetch) -> Seen:
                return await seen_async(listing, config, expression, full_first=full_first)

            of_async = run(backend, main)
            of_async.of_keys = expected.of_keys
            assert of_async == expected, f"{backend}, {prefetch}"
    return expected


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
    """botocore goes on from the tokens that only we have."""
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


ENTRIES = [
    pytest.param(path, id="/".join(path.parts[-3:-1]))
    for path in sorted(Path(botocore.__file__).parent.glob("data/*/*/paginators-1.json"))
]


def test_every_entry_of_aws_is_a_spec() -> None:
    """All of them: what botocore reads of an entry is what the spec says."""
    assert len(ENTRIES) > 400
    count = 0
    for param in ENTRIES:
        path: Any = param.values[0]
        for entry in json.loads(path.read_bytes())["pagination"].values():
            spec = PaginationSpec.from_model(entry)
            paginator = botocores(FakeService, entry)
            assert list(spec.input_tokens) == paginator._input_token
            assert [e.expression for e in spec.output_tokens] == as_list(entry["output_token"])
            assert [e.expression for e in spec.result_keys] == [
                key.expression for key in paginator.result_keys
            ]
            assert [e.expression for e in spec.non_aggregates] == [
                key.expression for key in paginator._non_aggregate_keys
            ]
            flag = spec.more_results_flag
            assert (flag and flag.expression) == entry.get("more_results")
            assert spec.limit_key == entry.get("limit_key")
            count += 1
    assert count > 3000


def test_items_below_a_member_that_is_not_added_up() -> None:
    """ECR's and DevOps Guru's entries: the non-aggregate member holds the items, too."""
    entry = {
        "input_token": "nextToken",
        "output_token": "nextToken",
        "limit_key": "maxResults",
        "result_key": ["scan.findings", "scan.enhanced"],
        "non_aggregate_keys": ["registryId", "scan"],
    }
    listing = Listing(
        entry=entry,
        items=[{"Key": f"k{n}"} for n in range(7)],
        most=3,
        secondary=("list",),
    )

    def method(**params: Any) -> Any:
        page = listing_without_scan.page(params)
        page["scan"]["severities"] = {"HIGH": 2}
        return page

    listing_without_scan = Listing(
        entry={**entry, "non_aggregate_keys": ["registryId"]},
        items=listing.items,
        most=listing.most,
        secondary=listing.secondary,
    )
    for most in (None, 0, 2, 3, 5, 7, 9):
        config = {"MaxItems": most}
        full = ours(method, entry).paginate(PaginationConfig=config).build_full_result()
        expected = botocores(method, entry).paginate(PaginationConfig=config)
        assert full == expected.build_full_result()
        wanted = listing.items if most is None else listing.items[:most]
        assert full["scan"]["findings"] == wanted
        pages = ours(method, entry).paginate(PaginationConfig=config)
        reference = botocores(method, entry).paginate(PaginationConfig=config)
        assert list(pages) == list(reference)
        assert pages.non_aggregate_part == reference.non_aggregate_part
