"""The method ``walk_lifecycle`` of both clients; the walk itself is loaded when it is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .exceptions import MissingDependencyException

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Unpack

    from .lifecycle_walk import AsyncLifecycleWalk, LifecycleWalk, WalkOptions
    from .lifecycle_walk.walk import WalkArguments


def _check_arguments(**given: Any) -> WalkArguments:
    """Return the arguments of a walk, checked."""
    try:
        from .lifecycle_walk.walk import WalkArguments
    except ModuleNotFoundError as error:
        part = f"{__package__}.lifecycle_walk"
        if error.name != part:
            raise
        raise MissingDependencyException(
            f"walk_lifecycle needs {part}, which this copy of the library leaves out; make slim "
            "SLIM_WITH=walk builds one that has it"
        ) from None
    return WalkArguments(**given)


class WalkMethods:
    """The walk of the sync client."""

    def walk_lifecycle(
        self,
        policies: Iterable[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        children: bool = True,
        **options: Unpack[WalkOptions],
    ) -> LifecycleWalk:
        """Return an iterable over the executions of lifecycle policies, and their resources.

        It lists the policies, the executions of each, the resources of each execution and, with
        ``children``, the AMIs or container images of each image, and yields a
        :class:`LifecycleRecord` for each execution and each resource. Nothing is sent before the
        first record is requested. After each, ``resume_token`` of the iterable resumes right behind
        it; ``docs/walk.md`` describes its promises if the account has changed meanwhile.

        - ``policies``: the ARNs of the policies, in their order. Default: None, all of the account.
        - ``since``: the time from which on executions have ended. Default: None, no bound.
        - ``until``: the time before which executions have ended. One that has not ended is left out
          only if it started at ``until`` or later. Default: None, no bound.
        - ``children``: whether to list the AMIs or container images of each image, with one more
          call for each. Default: True.
        - ``PageSize``: the items of a page, at every level. Default: the service's choice.
        - ``StartingToken``: the ``resume_token`` of an earlier walk with the same arguments.
          Default: the beginning.
        - ``Prefetch``: the pages to fetch ahead in each listing, 0 to 100. Default: 0.

        Raises :class:`ParamValidationError` and :class:`StartingTokenError` at once. The iteration
        raises the errors of the operations, and :class:`ParentGoneError` if an item of the token no
        longer exists: with the ``resume_token`` of that error, the listing of the item begins anew.
        """
        arguments = _check_arguments(
            policies=policies, since=since, until=until, children=children, options=options
        )
        from .lifecycle_walk.steps import LifecycleWalk

        return LifecycleWalk(self, arguments)


class AsyncWalkMethods:
    """The walk of the async client."""

    def walk_lifecycle(
        self,
        policies: Iterable[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        children: bool = True,
        **options: Unpack[WalkOptions],
    ) -> AsyncLifecycleWalk:
        """Return an async iterable; see the sync client's method."""
        arguments = _check_arguments(
            policies=policies, since=since, until=until, children=children, options=options
        )
        from .lifecycle_walk.async_walk import AsyncLifecycleWalk

        return AsyncLifecycleWalk(self, arguments)
