"""The method ``walk_lifecycle`` of both clients; the walk itself is loaded when it is called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .exceptions import MissingDependencyException

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Unpack

    from .lifecycle_walk import AsyncLifecycleWalk, LifecycleWalk, WalkOptions

_PARTS = (f"{__package__}.lifecycle_walk", f"{__package__}.pagination.nest")


@contextmanager
def _importing_walk() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _PARTS:
            raise
        raise MissingDependencyException(
            f"walk_lifecycle needs {' and '.join(_PARTS)}, which this copy of the library leaves "
            "out: build it with them, by make slim SLIM_WITH=walk"
        ) from None


class WalkMethods:
    """The walk of the sync client."""

    region_name: str

    def walk_lifecycle(
        self,
        policies: Iterable[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        children: bool = True,
        **options: Unpack[WalkOptions],
    ) -> LifecycleWalk:
        """Return an iterable over what lifecycle policies have done, each record once.

        It lists the policies, the executions of each, the resources of each execution and, with
        ``children``, the AMIs or container images of each image, and yields a
        :class:`LifecycleRecord` for each execution and each resource. Nothing is sent before the
        first record is requested. After each, ``resume_token`` of the iterable resumes right behind
        it; ``docs/walk.md`` says what it promises where the account has changed since.

        - ``policies``: the ARNs of the policies, in their order. Default: None, all of the account.
        - ``since``: the time from which on executions have ended. Default: None, no bound.
        - ``until``: the time before which executions have ended. One that has not ended is left out
          only if it started at ``until`` or later. Default: None, no bound.
        - ``children``: whether to list what came from each image: one more call for each image.
          Default: True.
        - ``PageSize``: the items of a page, at every level. Default: the service's choice.
        - ``StartingToken``: the ``resume_token`` of an earlier walk with the same arguments.
          Default: the beginning.
        - ``Prefetch``: the pages to fetch ahead, 0 to 100; the async client fetches them at the
          same time. Default: 0.

        Raises :class:`ParamValidationError` and :class:`StartingTokenError` at once. The iteration
        raises the errors of the operations, and :class:`ParentGoneError` where an item that the
        token points to no longer exists: the ``resume_token`` of that error resumes behind it.
        """
        with _importing_walk():
            from .lifecycle_walk.walk import WalkArguments, make_walk

        arguments = WalkArguments(
            policies=policies, since=since, until=until, children=children, options=options
        )
        return make_walk(self, self.region_name, arguments)


class AsyncWalkMethods:
    """The walk of the async client."""

    region_name: str

    def walk_lifecycle(
        self,
        policies: Iterable[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        children: bool = True,
        **options: Unpack[WalkOptions],
    ) -> AsyncLifecycleWalk:
        """Return an async iterable over what lifecycle policies have done; see the sync client's.

        With ``Prefetch``, pages of several listings are fetched at the same time, in order.
        """
        with _importing_walk():
            from .lifecycle_walk.async_walk import make_async_walk
            from .lifecycle_walk.walk import WalkArguments

        arguments = WalkArguments(
            policies=policies, since=since, until=until, children=children, options=options
        )
        return make_async_walk(self, self.region_name, arguments)
