"""A token on every page and on every item, and programs that are killed and resume from one."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagebuilder_pager.pagination import decode_token
from tests.fakes.image_builder import (
    ID,
    Handler,
    async_client_of,
    client_of,
    local,
    resources,
)
from tests.fakes.listings import configs, listings
from tests.fakes.paginated_service import (
    WAYS,
    FakeService,
    Listing,
    Pages,
    expand_items,
    items_by,
    pages_by,
    run,
)

OPERATION: Any = "list_lifecycle_execution_resources"


def paginator_by(way: str, handler: Handler) -> Any:
    client: Any = client_of(handler) if way == "sync" else async_client_of(handler)
    return client.get_paginator(OPERATION)


def names(items: Any) -> list[str]:
    return [item["resourceId"] for item in items]


NAMES = names(resources(100))


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


async def rest_of(paginator: Any, token: str | None, **config: Any) -> list[str]:
    """The names of the items behind a token."""
    config = {"StartingToken": token, **config}
    pages = Pages(paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config))
    return names([item async for item in pages.items()])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_token_on_every_page(way: str, prefetch: int) -> None:
    async def main() -> None:
        paginator = paginator_by(way, local(10))
        config = {"PageSize": 3, "Prefetch": prefetch}
        pages = Pages(paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config))
        assert pages.resume_token is None
        done = 0
        async for page in pages:
            done += len(page.resources)
            check_page(page, pages.resume_token, wire_token=done < 10)
            assert (pages.resume_token is None) == (done == 10)
            if done < 10:
                assert await rest_of(paginator, page["NextToken"]) == NAMES[done:10]
        assert done == 10
        assert "NextToken" not in await pages.build_full_result()

    run(way, main)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_token_on_every_item(way: str, prefetch: int) -> None:
    """It is that of the item's page and number, also when the page is asked later."""

    async def main() -> None:
        paginator = paginator_by(way, local(10))
        config = {"PageSize": 4, "Prefetch": prefetch}
        pages = Pages(paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config))
        assert (pages.resume_token, pages.position) == (None, None)
        tokens: list[str | None] = []
        async for _ in pages.items():
            tokens.append(pages.resume_token)
            done = len(tokens)
            assert (pages.resume_token is None) == (done == 10)
            if done < 10:
                rest = await rest_of(paginator, pages.resume_token, PageSize=done % 3 + 1)
                assert rest == NAMES[done:10]
        assert pages.resume_token is None
        positions = [pages.position async for _ in pages]
        assert [position.item_count for position in positions] == [4, 4, 2]
        assert tokens == [
            position.token_after(items + 1)
            for position in positions
            for items in range(position.item_count)
        ]

    run(way, main)


@pytest.mark.parametrize("most", [0, 1, 3, 4, 9, 10, 11])
@pytest.mark.parametrize("prefetch", [0, 2])
def test_with_max_items(most: int, prefetch: int) -> None:
    """A cut-off page keeps the wire's own token, and has one that resumes inside of it."""
    paginator = paginator_by("sync", local(10))
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
        rest = run("sync", lambda: rest_of(paginator, full["NextToken"]))
        assert rest == NAMES[most:10]


# The crash test: a program stores the token with each item, or page, that it has finished, and is
# killed. The runs put together have to have each item once, in order.


def in_another_mood(data: st.DataObject, listing: Listing) -> Listing:
    """The same listing; the service returns other numbers of items, fewer than asked for, too."""
    mood = data.draw(listings())
    return dataclasses.replace(listing, most=mood.most, short=mood.short)


@given(data=st.data(), listing=listings(), by=st.sampled_from(["items", "pages"]))
@settings(deadline=None, derandomize=True, max_examples=240)
def test_a_program_that_is_killed_after_any_item_or_page(
    data: st.DataObject, listing: Listing, by: str
) -> None:
    finished: list[Any] = []
    token: str | None = None
    for number in range(200):
        way = data.draw(st.sampled_from(WAYS))
        service = FakeService(in_another_mood(data, listing))
        config = {**data.draw(configs(listing)), "Prefetch": data.draw(st.integers(0, 3))}
        config["StartingToken"] = token
        stop_after = data.draw(st.none() | st.integers(1, 4))
        if number == 199:  # all were of MaxItems 0, or killed early
            config["MaxItems"] = stop_after = None
        if by == "items":
            items, tokens, last = items_by(way, service, config, stop_after)
            token = tokens[-1] if len(items) == stop_after else last
        else:
            pages, tokens = pages_by(way, service, config, stop_after)
            items, token = expand_items(listing, pages), tokens[-1]
        finished += items
        assert finished == list(listing.items[: len(finished)])
        assert None not in tokens[:-1]
        if token is None:
            break
    assert finished == list(listing.items)
