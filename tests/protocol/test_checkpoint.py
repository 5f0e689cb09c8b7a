"""Listings with a checkpoint: each item is processed, and then the token after it is saved."""

import asyncio
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from imagebuilder_pager import Checkpoint, exceptions
from imagebuilder_pager.pagination import (
    AsyncPageIterator,
    AsyncPaginator,
    PageIterator,
    PaginationSpec,
    Paginator,
)

ITEMS = [f"item {number}" for number in range(11)]
SPEC = PaginationSpec.from_model(
    {
        "input_token": "Marker",
        "output_token": "Next",
        "limit_key": "Limit",
        "result_key": "Items",
    }
)
Page = dict[str, Any]


class Service:
    """A service that lists :data:`ITEMS`; with ``trailing``, an empty page comes last."""

    def __init__(self, *, trailing: bool = False) -> None:
        self._trailing = trailing
        self.requests = 0
        self.expired: set[str] = set()

    def list_items(self, Limit: int = 4, Marker: str = "0") -> Page:  # noqa: N803 - wire names
        self.requests += 1
        if Marker in self.expired:
            raise exceptions.ClientError({"Error": {"Code": "Expired"}}, "ListItems")
        start, end = int(Marker), int(Marker) + Limit
        more = end < len(ITEMS) or (self._trailing and start < len(ITEMS))
        return {"Items": ITEMS[start:end], "Next": str(min(end, len(ITEMS))) if more else None}

    async def list_items_async(self, **params: Any) -> Page:
        await anyio.lowlevel.checkpoint()
        return self.list_items(**params)

    def pages(self, token: str | None, **config: Any) -> PageIterator[Page, str]:
        paginator: Paginator[Page, str] = Paginator(self.list_items, SPEC)
        return paginator.paginate(PaginationConfig={"StartingToken": token, **config})

    def pages_async(self, token: str | None, **config: Any) -> AsyncPageIterator[Page, str]:
        paginator: AsyncPaginator[Page, str] = AsyncPaginator(self.list_items_async, SPEC)
        return paginator.paginate(PaginationConfig={"StartingToken": token, **config})


class StoppedError(Exception):
    """The program is stopped while it processes an item."""


Run = Callable[..., list[str]]


def run_sync(
    path: Path, service: Service, stop_at: int | None = None, *, by: str = "items", **config: Any
) -> list[str]:
    """Process items or pages from the checkpoint on; return those whose processing has begun."""
    begun: list[str] = []
    with Checkpoint(path) as checkpoint:
        pages = service.pages(checkpoint.token, **config)
        if by == "items":
            for item in checkpoint.items(pages):
                begun.append(item)
                if len(begun) == stop_at:
                    raise StoppedError(begun)
        else:
            for page in checkpoint.pages(pages):
                begun += page["Items"]
                if stop_at is not None and len(begun) >= stop_at:
                    raise StoppedError(begun)
    return begun


async def run_async(
    path: Path, service: Service, stop_at: int | None = None, *, by: str = "items", **config: Any
) -> list[str]:
    begun: list[str] = []
    with Checkpoint(path) as checkpoint:
        pages = service.pages_async(checkpoint.token, **config)
        if by == "items":
            async for item in checkpoint.items(pages):
                begun.append(item)
                if len(begun) == stop_at:
                    raise StoppedError(begun)
        else:
            async for page in checkpoint.pages(pages):
                begun += page["Items"]
                if stop_at is not None and len(begun) >= stop_at:
                    raise StoppedError(begun)
    return begun


def runner(backend: str) -> Run:
    if backend == "sync":
        return run_sync
    return lambda *arguments, **config: anyio.run(
        lambda: run_async(*arguments, **config), backend=backend
    )


@pytest.fixture(params=["sync", "asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Run:
    return runner(request.param)


def stopped(run: Run, *arguments: Any, **config: Any) -> list[str]:
    with pytest.raises(StoppedError) as caught:
        run(*arguments, **config)
    begun: list[str] = caught.value.args[0]
    return begun


@pytest.mark.parametrize("trailing", [False, True])
@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_listing_is_finished_after_its_last_item(
    run: Run, tmp_path: Path, trailing: bool, prefetch: int
) -> None:
    """Also where the last page is empty: no token is kept that would expire."""
    service = Service(trailing=trailing)
    assert run(tmp_path / "file", service, Prefetch=prefetch) == ITEMS
    saved = json.loads((tmp_path / "file").read_text())
    assert (saved["token"], saved["finished"]) == (None, True)
    sent = service.requests
    assert run(tmp_path / "file", service, Prefetch=prefetch) == []
    assert service.requests == sent


@pytest.mark.parametrize("stop_at", range(1, len(ITEMS) + 1))
def test_the_item_under_way_comes_again_and_no_other(
    run: Run, tmp_path: Path, stop_at: int
) -> None:
    service = Service()
    begun = stopped(run, tmp_path / "file", service, stop_at)
    assert begun == ITEMS[:stop_at]
    assert run(tmp_path / "file", service) == ITEMS[stop_at - 1 :]


def test_with_pages_the_page_under_way_comes_again(run: Run, tmp_path: Path) -> None:
    service = Service()
    assert stopped(run, tmp_path / "file", service, 5, by="pages") == ITEMS[:8]
    assert run(tmp_path / "file", service, by="pages") == ITEMS[4:]
    assert run(tmp_path / "file", service, by="pages") == []


def test_the_number_of_items_of_a_run_may_be_limited(run: Run, tmp_path: Path) -> None:
    service = Service(trailing=True)
    runs = [run(tmp_path / "file", service, MaxItems=5) for _ in range(4)]
    assert runs == [ITEMS[:5], ITEMS[5:10], ITEMS[10:], []]
    assert run(tmp_path / "other", service, MaxItems=0) == []
    assert run(tmp_path / "other", service) == ITEMS


def test_an_error_on_a_later_page_loses_and_repeats_nothing(run: Run, tmp_path: Path) -> None:
    service = Service()
    service.expired = {"8"}
    with pytest.raises(exceptions.ClientError) as caught:
        run(tmp_path / "file", service)
    assert json.loads((tmp_path / "file").read_text())["token"] == caught.value.resume_token
    service.expired = set()
    assert run(tmp_path / "file", service) == ITEMS[8:]


def test_a_listing_begins_anew_when_its_token_has_expired(tmp_path: Path) -> None:
    service = Service()
    assert run_sync(tmp_path / "file", service, MaxItems=4) == ITEMS[:4]
    service.expired = {"4"}
    with pytest.raises(exceptions.ClientError):
        run_sync(tmp_path / "file", service)
    service.expired = set()
    with Checkpoint(tmp_path / "file") as checkpoint:
        checkpoint.restart()
        assert list(checkpoint.items(service.pages(checkpoint.token))) == ITEMS


def test_leaving_the_loop_early_repeats_the_item_it_was_left_at(tmp_path: Path) -> None:
    service = Service()
    with Checkpoint(tmp_path / "file") as checkpoint:
        for item in checkpoint.items(service.pages(checkpoint.token)):
            if item == ITEMS[5]:
                break
    assert run_sync(tmp_path / "file", service) == ITEMS[5:]


def test_pages_that_do_not_begin_at_the_checkpoint_are_an_error(tmp_path: Path) -> None:
    service = Service()
    stopped(run_sync, tmp_path / "file", service, 3)
    with Checkpoint(tmp_path / "file") as checkpoint:
        for pages in (service.pages(None), service.pages_async(None)):
            with pytest.raises(exceptions.ParamValidationError, match="StartingToken"):
                checkpoint.items(pages)
    assert run_sync(tmp_path / "file", service) == ITEMS[2:]


def test_a_null_item_is_an_item(tmp_path: Path) -> None:
    paginator: Paginator[Page, Any] = Paginator(lambda **_: {"Items": ["a", None, "b"]}, SPEC)
    with Checkpoint(tmp_path / "file") as checkpoint:
        assert list(checkpoint.items(paginator.paginate())) == ["a", None, "b"]


@pytest.mark.parametrize("cancel_at", range(1, 40, 3))
def test_a_task_that_is_cancelled_at_any_moment_loses_nothing(
    tmp_path: Path, cancel_at: int
) -> None:
    """By asyncio's own cancelling, for which a thread does not wait."""
    begun: list[str] = []

    async def process(service: Service) -> None:
        with Checkpoint(tmp_path / "file") as checkpoint:
            async for item in checkpoint.items(service.pages_async(checkpoint.token)):
                begun.append(item)  # noqa: PERF401 - a cancelled comprehension has no list

    async def main() -> None:
        task = asyncio.ensure_future(process(Service()))
        for _ in range(cancel_at):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    rest = run_sync(tmp_path / "file", Service())
    assert begun + rest[len(begun) + len(rest) - len(ITEMS) :] == ITEMS
    assert 0 <= len(begun) + len(rest) - len(ITEMS) <= 1


def test_the_save_of_a_task_that_is_cancelled_is_waited_for_and_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_saving, may_save = threading.Event(), threading.Event()
    saved: list[str | None] = []
    replace = os.replace

    def wait_and_replace(source: str, target: str) -> None:
        is_saving.set()
        assert may_save.wait(20)
        replace(source, target)
        saved.append(json.loads(Path(target).read_text())["token"])

    async def main() -> None:
        with Checkpoint(tmp_path / "file") as checkpoint:
            pages = Service().pages_async(checkpoint.token)
            items = checkpoint.items(pages)
            assert await anext(items) == ITEMS[0]
            token = pages.resume_token
            monkeypatch.setattr(os, "replace", wait_and_replace)
            first = asyncio.ensure_future(anext(items))
            assert await asyncio.to_thread(is_saving.wait, 20)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            second = asyncio.ensure_future(anext(items))
            await asyncio.sleep(0)
            assert saved == []
            may_save.set()
            assert await second == ITEMS[1]
            assert saved == [token]

    asyncio.run(main())
