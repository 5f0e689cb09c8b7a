"""The walk of the async client; a module of its own, so that a sync program does not load it."""

from __future__ import annotations

from typing import TypeAlias

from ..pagination.nest.async_nest import AsyncNest, AsyncNestIterator
from .records import LifecycleRecord
from .walk import NAME, WalkArguments, is_expired, make_record

#: The async twin of :class:`LifecycleWalk`; see :class:`AsyncNestIterator`.
AsyncLifecycleWalk: TypeAlias = AsyncNestIterator[LifecycleRecord]


def make_async_walk(
    client: object, region_name: str, arguments: WalkArguments
) -> AsyncLifecycleWalk:
    """Return a walk by the methods of an async client."""
    nest = AsyncNest(
        arguments.levels(client, arguments.list_policies_async),
        make_record=make_record,
        arguments={"region": region_name, **arguments.to_json()},
        is_expired=is_expired,
        name=NAME,
    )
    return nest.walk(**arguments.options)
