"""Listings with a checkpoint: each item is processed, and then the token after it is saved."""

import asyncio
import functools
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager import Checkpoint, exceptions
from tests.fakes.paginated_service import (
    ENTRY,
    WAYS,
    Each,
    FakeService,
    Listing,
    paginate_by,
    run,
)

ITEMS = [f"item {number}" for number in range(11)]


class Service(FakeService):
    """A service of four items a page; with ``trailing``, an empty page comes last."""

    def __init__(self, *, trailing: bool = False) -> None:
        super().__init__(Listing(entry=ENTRY, items=ITEMS, most=4, trailing=trailing))
        self.expired: str | None = None

    def __call__(self, **params: Any) -> dict[str, Any]:
        if params.get("Token") == self.expired is not None:
            raise exceptions.ClientError({"Error": {"Code": "Expired"}}, "ListItems")
        return super().__call__(**params)


class StoppedError(Exception):
    """The program is stopped while it processes an item."""


Process = Callable[..., list[str]]


def process_by(
    way: str,
    path: Path,
    service: Service,
    stop_at: int | None = None,
    *,
    by: str = "items",
    **config: Any,
) -> list[str]:
    """Process items or pages from the checkpoint on; return those whose processing has begun."""
    begun: list[str] = []

    async def main() -> None:
        with Checkpoint(path) as checkpoint:
            config["StartingToken"] = checkpoint.token
            pages = paginate_by(way, service, config).pages
            results = checkpoint.items(pages) if by == "items" else checkpoint.pages(pages)
            async for result in Each(results):
                begun.extend([result] if by == "items" else result["Items"])
                if stop_at is not None and len(begun) >= stop_at:
                    raise StoppedError(begun)

    run(way, main)
    return begun


@pytest.fixture(params=WAYS)
def process(request: pytest.FixtureRequest) -> Process:
    return functools.partial(process_by, request.param)


process_sync = functools.partial(process_by, "sync")


def pages_of(service: Service, token: str | None, way: str = "sync") -> Any:
    return paginate_by(way, service, {"StartingToken": token}).pages


def stopped(process: Process, *arguments: Any, **config: Any) -> list[str]:
    with pytest.raises(StoppedError) as caught:
        process(*arguments, **config)
    begun: list[str] = caught.value.args[0]
    return begun


@pytest.mark.parametrize("trailing", [False, True])
@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_listing_is_finished_after_its_last_item(
    process: Process, tmp_path: Path, trailing: bool, prefetch: int
) -> None:
    """Also where the last page is empty: no token is kept that would expire."""
    service = Service(trailing=trailing)
    assert process(tmp_path / "file", service, Prefetch=prefetch) == ITEMS
    saved = json.loads((tmp_path / "file").read_text())
    assert (saved["token"], saved["finished"]) == (None, True)
    sent = len(service.requests)
    assert process(tmp_path / "file", service, Prefetch=prefetch) == []
    assert len(service.requests) == sent


@pytest.mark.parametrize("stop_at", range(1, len(ITEMS) + 1))
def test_the_item_under_way_comes_again_and_no_other(
    process: Process, tmp_path: Path, stop_at: int
) -> None:
    service = Service()
    begun = stopped(process, tmp_path / "file", service, stop_at)
    assert begun == ITEMS[:stop_at]
    assert process(tmp_path / "file", service) == ITEMS[stop_at - 1 :]


def test_with_pages_the_page_under_way_comes_again(process: Process, tmp_path: Path) -> None:
    service = Service()
    assert stopped(process, tmp_path / "file", service, 5, by="pages") == ITEMS[:8]
    assert process(tmp_path / "file", service, by="pages") == ITEMS[4:]
    assert process(tmp_path / "file", service, by="pages") == []


def test_the_number_of_items_of_a_run_may_be_limited(process: Process, tmp_path: Path) -> None:
    service = Service(trailing=True)
    runs = [process(tmp_path / "file", service, MaxItems=5) for _ in range(4)]
    assert runs == [ITEMS[:5], ITEMS[5:10], ITEMS[10:], []]
    assert process(tmp_path / "other", service, MaxItems=0) == []
    assert process(tmp_path / "other", service) == ITEMS


def test_an_error_on_a_later_page_loses_and_repeats_nothing_until_a_restart(
    process: Process, tmp_path: Path
) -> None:
    service = Service()
    service.expired = "t0:8.0"
    with pytest.raises(exceptions.ClientError) as caught:
        process(tmp_path / "file", service)
    assert json.loads((tmp_path / "file").read_text())["token"] == caught.value.resume_token
    service.expired = None
    assert process(tmp_path / "file", service) == ITEMS[8:]
    with Checkpoint(tmp_path / "file") as checkpoint:
        checkpoint.restart()
    assert process(tmp_path / "file", service) == ITEMS


def test_pages_that_do_not_begin_at_the_checkpoint_are_an_error(tmp_path: Path) -> None:
    service = Service()
    stopped(process_sync, tmp_path / "file", service, 3)
    with Checkpoint(tmp_path / "file") as checkpoint:
        for way in ("sync", "asyncio"):
            with pytest.raises(exceptions.ParamValidationError, match="StartingToken"):
                checkpoint.items(pages_of(service, None, way))
    assert process_sync(tmp_path / "file", service) == ITEMS[2:]


def test_a_null_item_is_an_item(process: Process, tmp_path: Path) -> None:
    service = FakeService(Listing(entry=ENTRY, items=["a", None, "b"]))
    assert process(tmp_path / "file", service) == ["a", None, "b"]


@pytest.mark.parametrize("cancel_at", range(1, 40, 3))
def test_a_task_that_is_cancelled_at_any_moment_loses_nothing(
    tmp_path: Path, cancel_at: int
) -> None:
    """By asyncio's own cancelling, for which a thread does not wait."""
    begun: list[str] = []

    async def process(service: Service) -> None:
        with Checkpoint(tmp_path / "file") as checkpoint:
            async for item in checkpoint.items(pages_of(service, checkpoint.token, "asyncio")):
                begun.append(item)  # noqa: PERF401 - a cancelled comprehension has no list

    async def main() -> None:
        task = asyncio.ensure_future(process(Service()))
        for _ in range(cancel_at):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    rest = process_sync(tmp_path / "file", Service())
    repeated = len(begun) + len(rest) - len(ITEMS)
    assert begun + rest[repeated:] == ITEMS
    assert repeated in {0, 1}


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
            pages = pages_of(Service(), checkpoint.token, "asyncio")
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
