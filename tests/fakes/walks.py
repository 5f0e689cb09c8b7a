"""Walks of a made-up account, in every way."""

from collections.abc import Iterable
from typing import Any

from imagebuilder_pager.lifecycle_walk import LifecycleRecord

from .image_builder import Handler, async_client_of, client_of
from .paginated_service import run


def records_by(
    way: str, account: Handler, stop_after: int | None = None, **arguments: Any
) -> tuple[list[LifecycleRecord], str | None]:
    """The records of a walk in one of the ways, and the token behind them."""
    records: list[LifecycleRecord] = []
    if way == "sync":
        walk = client_of(account).walk_lifecycle(**arguments)
        for record in walk:
            records.append(record)
            if len(records) == stop_after:
                break
        return records, walk.resume_token

    async def main() -> str | None:
        walk = async_client_of(account).walk_lifecycle(**arguments)
        async for record in walk:
            records.append(record)
            if len(records) == stop_after:
                break
        return walk.resume_token

    return records, run(way, main)


def keys_of(records: Iterable[LifecycleRecord]) -> list[tuple[Any, ...]]:
    return [tuple(record.key) for record in records]
