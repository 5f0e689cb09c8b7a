"""A token on every page and on every item, and programs that are killed and go on from one."""

import contextlib
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagebuilder_pager import ImageBuilder
from imagebuilder_pager.local import Account
from imagebuilder_pager.pagination import decode_token
from tests.fakes.image_builder import (
    ID,
    answering,
    async_client_of,
    client_of,
    listing_of,
    local,
    resources,
)
from tests.fakes.listings import configs, listings
from tests.fakes.paginated_service import (
    BACKENDS,
    WAYS,
    FakeService,
    Listing,
    expand_items,
    items_by,
    pages_by,
    run,
)

PROFILE = settings(deadline=None, derandomize=True, max_examples=120)
OPERATION: Any = "list_lifecycle_execution_resources"


def names(items: Any) -> list[str]:
    return [item["resourceId"] for item in items]


NAMES = names(resources(100))


def token_of(pages: Any) -> str | None:
    """As a function, since a type checker thinks that an attribute stays None once it was."""
    token: str | None = pages.resume_token
    return token


def position_of(pages: Any) -> Any:
    return pages.position


def check_page(page: Any, token: str | None, wire_token: bool) -> None:
    """The page's own token is the iterator's, in every spelling; the wire's has another name."""
    assert page.resume_token == token
    assert page["NextToken"] == token
    assert page.get("NextToken") == token
    assert ("NextToken" in page) == (token is not None)
    assert (page.next_token is not None) == wire_token
    assert page.get("nextToken") == page.next_token
    assert "NextToken" not in page.to_dict()
    assert page.to_dict().get("nextToken") == page.next_token
    if token is not None and wire_token and "boto_truncate_amount" not in decode_token(token):
        assert decode_token(token) == {"nextToken": page.next_token}


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_token_on_every_page(prefetch: int) -> None:
    paginator = client_of(local(10)).get_paginator("list_lifecycle_execution_resources")
    pages = paginator.paginate(
        lifecycleExecutionId=ID, PaginationConfig={"PageSize": 3, "Prefetch": prefetch}
    )
    assert token_of(pages) is None
    done = 0
    tokens: list[str | None] = []
    for page in pages:
        done += len(page.resources)
        tokens.append(pages.resume_token)
        check_page(page, pages.resume_token, wire_token=done < 10)
        if pages.resume_token is not None:
            rest = paginator.paginate(
                lifecycleExecutionId=ID, PaginationConfig={"StartingToken": page["NextToken"]}
            )
            assert names(rest.items()) == NAMES[done:10]
    assert done == 10
    assert [token is None for token in tokens] == [False, False, False, True]
    assert token_of(pages) is None
    assert "NextToken" not in pages.build_full_result()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_token_on_every_page_async(backend: str, prefetch: int) -> None:
    async def main() -> None:
        client = async_client_of(local(10))
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        pages = paginator.paginate(
            lifecycleExecutionId=ID, PaginationConfig={"PageSize": 3, "Prefetch": prefetch}
        )
        assert token_of(pages) is None
        done = 0
        async for page in pages:
            done += len(page.resources)
            check_page(page, pages.resume_token, wire_token=done < 10)
            if done < 10:
                assert page["NextToken"] is not None
                rest = paginator.paginate(
                    lifecycleExecutionId=ID, PaginationConfig={"StartingToken": page["NextToken"]}
                )
                assert names([item async for item in rest.items()]) == NAMES[done:10]
        assert done == 10
        assert token_of(pages) is None
        assert "NextToken" not in await pages.build_full_result()

    run(backend, main)


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_token_on_every_item(prefetch: int) -> None:
    paginator = client_of(local(10)).get_paginator("list_lifecycle_execution_resources")
    pages = paginator.paginate(
        lifecycleExecutionId=ID, PaginationConfig={"PageSize": 4, "Prefetch": prefetch}
    )
    items = pages.items()
    assert token_of(pages) is None
    for done, _ in enumerate(items, start=1):
        assert (pages.resume_token is None) == (done == 10)
        if done < 10:
            rest = paginator.paginate(
                lifecycleExecutionId=ID,
                PaginationConfig={"StartingToken": pages.resume_token, "PageSize": done % 3 + 1},
            )
            assert names(rest.items()) == NAMES[done:10]
    assert token_of(pages) is None


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_token_on_every_item_async(backend: str, prefetch: int) -> None:
    async def main() -> None:
        client = async_client_of(local(10))
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        pages = paginator.paginate(
            lifecycleExecutionId=ID, PaginationConfig={"PageSize": 4, "Prefetch": prefetch}
        )
        assert token_of(pages) is None
        done = 0
        async for _ in pages.items():
            done += 1
            assert (pages.resume_token is None) == (done == 10)
            if done < 10:
                rest = paginator.paginate(
                    lifecycleExecutionId=ID,
                    PaginationConfig={"StartingToken": pages.resume_token, "PageSize": 3},
                )
                assert names([item async for item in rest.items()]) == NAMES[done:10]
        assert done == 10
        assert token_of(pages) is None

    run(backend, main)


@pytest.mark.parametrize("prefetch", [0, 2])
def test_the_position_of_a_page_has_the_token_of_each_of_its_items(prefetch: int) -> None:
    paginator = client_of(local(8)).get_paginator("list_lifecycle_execution_resources")
    config: Any = {"PageSize": 3, "Prefetch": prefetch}
    pages = paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)
    by_item = [token_of(pages) for _ in pages.items()]
    again = paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)
    assert position_of(again) is None
    positions = [position_of(again) for _ in again]
    assert [position.item_count for position in positions] == [3, 3, 2]
    assert by_item == [
        position.token_after(items + 1)
        for position in positions
        for items in range(position.item_count)
    ]


def test_from_item_to_item_each_in_a_run_of_its_own() -> None:
    paginator = client_of(local(7)).get_paginator("list_lifecycle_execution_resources")
    token: str | None = None
    seen: list[Any] = []
    for size in (3, 2, 4, 1, 3, 3, 2):
        config: Any = {"PageSize": size, "StartingToken": token}
        pages = paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)
        seen.extend(names([next(pages.items())]))
        token = pages.resume_token
    assert seen == NAMES[:7]
    assert token is None


@pytest.mark.parametrize("most", [0, 1, 3, 4, 9, 10, 11])
@pytest.mark.parametrize("prefetch", [0, 2])
def test_with_max_items(most: int, prefetch: int) -> None:
    """A cut-off page keeps the wire's own token, and has one that resumes inside of it."""
    paginator = client_of(local(10)).get_paginator("list_lifecycle_execution_resources")
    config: Any = {"PageSize": 3, "MaxItems": most, "Prefetch": prefetch}
    pages = paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)
    *_, last = pages
    check_page(last, pages.resume_token, wire_token=most < 10)
    assert (pages.resume_token is None) == (most >= 10)
    full = pages.build_full_result()
    assert names(full["resources"]) == NAMES[: min(most, 10)]
    assert full.get("NextToken") == pages.resume_token == last["NextToken"]
    assert ("NextToken" in full) == (most < 10)
    if most < 10:
        resumed: Any = {"StartingToken": full["NextToken"]}
        rest = paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=resumed)
        assert names(rest.items()) == NAMES[most:10]


def without_what_varies(page: dict[str, Any]) -> dict[str, Any]:
    """Without the id and the date of the answer."""
    metadata = page["ResponseMetadata"]
    headers = metadata["HTTPHeaders"]
    kept = {name: headers[name] for name in headers if name not in {"date", "x-amzn-requestid"}}
    return {
        **page,
        "ResponseMetadata": {"HTTPStatusCode": metadata["HTTPStatusCode"], "HTTPHeaders": kept},
    }


@pytest.mark.parametrize(
    "config",
    [{}, {"PageSize": 7}, {"PageSize": 5, "MaxItems": 13}, {"MaxItems": 10}, {"MaxItems": 0}],
    ids=str,
)
def test_pages_and_tokens_are_boto3s(
    client: ImageBuilder, boto3_client: Any, account: Account, config: dict[str, Any]
) -> None:
    for execution in account.executions[:12]:
        params: Any = {
            "lifecycleExecutionId": execution.lifecycle_execution_id,
            "PaginationConfig": config,
        }
        expected = boto3_client.get_paginator(OPERATION).paginate(**params)
        pages = client.get_paginator("list_lifecycle_execution_resources").paginate(**params)
        as_boto3 = [without_what_varies(page.to_dict()) for page in pages]
        assert as_boto3 == [without_what_varies(page) for page in expected]
        assert pages.resume_token == expected.resume_token
        assert pages.non_aggregate_part.keys() == expected.non_aggregate_part.keys()
        full = boto3_client.get_paginator(OPERATION).paginate(**params).build_full_result()
        assert pages.build_full_result() == full


# The crash test: a program stores the token with each item, or page, that it has finished, and is
# killed. The runs put together have to have each item once, in order.


def in_another_mood(data: st.DataObject, listing: Listing) -> Listing:
    """The same listing; the service returns other numbers of items, fewer than asked for, too."""
    mood = data.draw(listings())
    fields = {name: getattr(listing, name) for name in Listing.__dataclass_fields__}
    return Listing(**{**fields, "most": mood.most, "short": mood.short})


def configuration(data: st.DataObject, listing: Listing, token: str | None) -> dict[str, Any]:
    config = {**data.draw(configs(listing)), "Prefetch": data.draw(st.integers(0, 3))}
    return config if token is None else {**config, "StartingToken": token}


@given(data=st.data(), listing=listings())
@PROFILE
def test_a_program_that_is_killed_after_any_item(data: st.DataObject, listing: Listing) -> None:
    finished: list[Any] = []
    token: str | None = None
    for _ in range(200):
        way = data.draw(st.sampled_from(WAYS))
        service = FakeService(in_another_mood(data, listing))
        config = configuration(data, listing, token)
        killed_after = data.draw(st.none() | st.integers(1, 4))
        items, tokens, last = items_by(way, service, config, killed_after)
        finished += items
        assert finished == list(listing.items[: len(finished)])
        killed = len(items) == killed_after
        token = tokens[-1] if killed else last
        assert not tokens or None not in tokens[:-1]
        if token is None:
            break
    else:
        # Only runs of MaxItems 0, or that were killed early: the rest at once.
        finished += items_by("sync", FakeService(listing), {"StartingToken": token})[0]
    assert finished == list(listing.items)


@given(data=st.data(), listing=listings())
@PROFILE
def test_a_program_that_is_killed_after_any_page(data: st.DataObject, listing: Listing) -> None:
    finished: list[Any] = []
    token: str | None = None
    for _ in range(200):
        way = data.draw(st.sampled_from(WAYS))
        service = FakeService(in_another_mood(data, listing))
        config = configuration(data, listing, token)
        pages, tokens = pages_by(way, service, config, data.draw(st.none() | st.integers(1, 3)))
        finished += expand_items(listing, pages)
        assert finished == list(listing.items[: len(finished)])
        assert None not in tokens[:-1]
        token = tokens[-1]
        if token is None:
            break
    else:
        finished += items_by("sync", FakeService(listing), {"StartingToken": token})[0]
    assert finished == list(listing.items)


class KilledError(Exception):
    """The program ends here."""


@given(data=st.data(), count=st.integers(0, 30), way=st.sampled_from(WAYS))
@settings(PROFILE, max_examples=40)
def test_killed_with_the_client_of_image_builder(data: st.DataObject, count: int, way: str) -> None:
    """A crash is an exception in the loop; each run is a client of its own."""
    finished: list[str] = []
    stored: list[str | None] = [None]
    turns = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(tuple)
    for number in range(100):
        most = data.draw(st.integers(2, 25))
        service = FakeService(listing_of(count, most=most, short=data.draw(turns)))
        config: Any = {
            "PageSize": data.draw(st.none() | st.integers(1, 25)),
            "MaxItems": data.draw(st.none() | st.integers(1, 20)) if number < 50 else None,
            "Prefetch": data.draw(st.integers(0, 2)),
            "StartingToken": stored[-1],
        }
        killed_after = data.draw(st.none() | st.integers(1, 12)) if number < 50 else None
        program = Program(finished, stored, killed_after)
        with contextlib.suppress(KilledError):
            program.run(way, service, config)
        assert finished == NAMES[: len(finished)]
        if stored[-1] is None:
            break
    assert finished == NAMES[:count]


@dataclass
class Program:
    """What it has finished is what it has stored."""

    finished: list[str]
    stored: list[str | None]
    killed_after: int | None
    done: int = 0

    def finish(self, item: Any, token: str | None) -> None:
        self.finished.append(item.resource_id)
        self.stored.append(token)
        self.done += 1
        if self.done == self.killed_after:
            raise KilledError

    def run(self, way: str, service: FakeService, config: Any) -> None:
        if way != "sync":
            run(way, lambda: self.run_async(service, config))
            return
        with client_of(answering(service)) as client:
            paginator = client.get_paginator("list_lifecycle_execution_resources")
            pages = paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)
            for item in pages.items():
                self.finish(item, pages.resume_token)
            self.stored.append(pages.resume_token)

    async def run_async(self, service: FakeService, config: Any) -> None:
        async with async_client_of(answering(service)) as client:
            paginator = client.get_paginator("list_lifecycle_execution_resources")
            pages = paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)
            async for item in pages.items():
                self.finish(item, pages.resume_token)
            self.stored.append(pages.resume_token)
