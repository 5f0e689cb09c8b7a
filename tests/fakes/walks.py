"""Walks of an invented account, in every way."""

from collections.abc import Iterable
from typing import Any

from imagebuilder_pager.lifecycle_walk import LifecycleRecord

from .image_builder import Handler, async_client_of, client_of
from .paginated_service import Pages, gone_through


def walk_by(way: str, account: Handler, **arguments: Any) -> Pages:
    """Return a walk in one of the ways."""
    client = client_of(account) if way == "sync" else async_client_of(account)
    return Pages(client.walk_lifecycle(**arguments))


def records_by(
    way: str, account: Handler, stop_after: int | None = None, **arguments: Any
) -> tuple[list[LifecycleRecord], str | None]:
    """Return the records of a walk in one of the ways, and the token after them."""
    walk = walk_by(way, account, **arguments)
    records, _, token = gone_through(way, walk, walk, stop_after)
    return records, token


def keys_of(records: Iterable[LifecycleRecord]) -> list[tuple[Any, ...]]:
    return [tuple(record.key) for record in records]
