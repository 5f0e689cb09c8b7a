"""A token on every page and on every item, and programs that are killed and resume from one."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagebuilder_pager.pagination import decode_token
from tests.fakes.image_builder import ID, async_client_of, client_of, local
from tests.fakes.listings import configs, listings
from tests.fakes.paginated_service import (
    WAYS,
    FakeService,
    Listing,
    Pages,
    expand_items,
    items_by,
    pages_by,
    paginate_by,
    run,
)
from tests.fakes.tokens import NUMBERS


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("most", [None, 0, 3, 4, 9, 10])
def test_a_page_of_image_builder_has_its_token_in_every_spelling(
    way: str, most: int | None
) -> None:
    """The token of the service has another name, also on a page that is cut off."""

    async def main() -> None:
        client: Any = client_of(local(10)) if way == "sync" else async_client_of(local(10))
        config = {"PageSize": 3, "MaxItems": most}
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        pages = Pages(paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config))
        assert pages.resume_token is None
        done = 0
        token: str | None = None
        async for page in pages:
            done += len(page.resources)
            token = pages.resume_token
            assert (token is None) == (page.next_token is None) == (done == 10)
            assert page.resume_token == page["NextToken"] == page.get("NextToken") == token
            assert ("NextToken" in page) == (token is not None)
            assert page.get("nextToken") == page.next_token
            assert "NextToken" not in page.to_dict()
            assert page.to_dict().get("nextToken") == page.next_token
            if done in {3, 6, 9}:  # a whole page of the service
                assert decode_token(token or "") == {"nextToken": page.next_token}
        assert done == (10 if most is None else most)
        full = await pages.build_full_result()
        assert full.get("NextToken") == token
        assert ("NextToken" in full) == (token is not None)

    run(way, main)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_the_position_of_a_page_has_the_token_of_each_item(way: str, prefetch: int) -> None:
    config = {"PageSize": 4, "Prefetch": prefetch}
    _, tokens, _ = items_by(way, FakeService(NUMBERS), config)

    async def main() -> None:
        pages = paginate_by(way, FakeService(NUMBERS), config)
        assert pages.position is None
        positions: list[Any] = [pages.position async for _ in pages]
        assert [position.item_count for position in positions] == [4, 4, 2]
        assert tokens == [
            position.token_after(items + 1)
            for position in positions
            for items in range(position.item_count)
        ]

    run(way, main)


# The crash test: a program stores the token with each item, or page, that it has finished, and is
# killed. The runs put together have to have each item once, in order.


def in_another_mood(data: st.DataObject, listing: Listing) -> Listing:
    """The same listing; the service returns other numbers of items, fewer than asked for, too."""
    mood = data.draw(listings())
    return dataclasses.replace(listing, most=mood.most, short=mood.short)


@given(data=st.data(), listing=listings(), by=st.sampled_from(["items", "pages"]))
@settings(deadline=None, derandomize=True, max_examples=300)
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
        expected = listing.items[len(finished) :]
        if config.get("MaxItems") is not None:
            expected = expected[: int(config["MaxItems"])]
        if stop_after is None or len(tokens) < stop_after:
            assert items == list(expected)
        else:
            assert items == list(expected[: len(items)])
        finished += items
        assert None not in tokens[:-1]
        if token is None:
            break
    assert finished == list(listing.items)
