"""``--output tree``: each image with what came from it, and the snapshots of that.

What belongs to an image is fetched with ``parentResourceId``, for a few images at a time; the
images are shown in their order, each as soon as it is whole.
"""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from rich.text import Text
from rich.tree import Tree

from ...models.lifecycle import LifecycleExecutionResource, LifecycleExecutionResourceState
from ..context import ListContext
from .console import RichWriter, status_style, strip_controls
from .describe import format_duration, kind_and_name
from .heading import heading

__all__ = ["show_tree"]


_AT_A_TIME = 4

T = TypeVar("T")
ResultT = TypeVar("ResultT")


def show_tree(screen: RichWriter, listing: ListContext) -> None:
    """Shows what the listing has as trees."""

    def children(one: LifecycleExecutionResource) -> list[LifecycleExecutionResource]:
        resource_id = one.resource_id
        if resource_id is None or kind_and_name(one)[0] != "image":
            return []
        return list(listing.children(resource_id))

    first = True
    for page, token in listing.pages():
        if first:
            screen.show(heading([page], "each image, what came from it, and the snapshots of that"))
            first = False
        for resource, belonging in _in_order(children, page.resources):
            screen.show(Text(), _tree(resource, belonging))
        listing.resume_state.advance(token)
    if first:
        screen.show(heading([], "no resources"))


def _tree(
    resource: LifecycleExecutionResource, belonging: list[LifecycleExecutionResource]
) -> Tree:
    tree = Tree(_label(resource, (0, 0), None), guide_style="dim")
    _add_details(tree, resource)
    widths = (
        max((len(kind_and_name(child)[1]) for child in belonging), default=0),
        max((len(strip_controls(child.region)) for child in belonging), default=0),
    )
    for child in belonging:
        _add_details(tree.add(_label(child, widths, resource)), child)
    return tree


def _add_details(branch: Tree, resource: LifecycleExecutionResource) -> None:
    for uri in resource.image_uris:
        branch.add(Text(strip_controls(uri).rpartition("/")[2], style="dim"))
    for snapshot in resource.snapshots:
        line = Text(strip_controls(snapshot.snapshot_id)).append("  ")
        branch.add(
            _with_reason(line.append(_status(snapshot.state)), snapshot.state, resource.state)
        )


def _label(
    resource: LifecycleExecutionResource,
    widths: tuple[int, int],
    image: LifecycleExecutionResource | None,
) -> Text:
    """A resource in a line or two; what it has in common with its image is not said again."""
    region = strip_controls(resource.region).ljust(widths[1])
    line = Text(kind_and_name(resource)[1].ljust(widths[0]), "bold")
    line.append(f"  {region}  {strip_controls(resource.account_id)}  ", "not bold")
    if resource.action is not None and (image is None or resource.action != image.action):
        line.append(f"{strip_controls(resource.action.name)}  ", "not bold")
    line.append(_status(resource.state))
    time = format_duration(resource)
    if time and (image is None or time != format_duration(image)):
        line.append(f"  {time}", "not bold dim")
    return _with_reason(line, resource.state, None if image is None else image.state)


def _status(state: LifecycleExecutionResourceState | None) -> Text:
    status = "" if state is None else strip_controls(state.status)
    return Text(status, f"not bold {status_style(status)}")


def _with_reason(
    line: Text,
    state: LifecycleExecutionResourceState | None,
    above: LifecycleExecutionResourceState | None,
) -> Text:
    reason = None if state is None else state.reason
    if state is not None and reason is not None and (above is None or reason != above.reason):
        style = "red" if state.status == "FAILED" else ""
        line.append(f"\n{strip_controls(reason)}", f"not bold {style}")
    return line


class _BackgroundCall(Generic[ResultT]):
    """A function running in a thread of its own, which no exit of the program waits for."""

    def __init__(self, function: Callable[[], ResultT]) -> None:
        self._results: list[ResultT] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(function,), daemon=True)
        self._thread.start()

    def _run(self, function: Callable[[], ResultT]) -> None:
        try:
            self._results.append(function())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is wanted
            self._error = error

    def result(self) -> ResultT:
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._results[0]


def _in_order(
    function: Callable[[T], ResultT], arguments: Iterable[T]
) -> Iterator[tuple[T, ResultT]]:
    """Each argument with what the function makes of it; a few are under way at a time."""
    under_way: deque[tuple[T, _BackgroundCall[ResultT]]] = deque()
    for argument in arguments:
        if len(under_way) == _AT_A_TIME:
            done, errand = under_way.popleft()
            yield done, errand.result()
        under_way.append((argument, _BackgroundCall(functools.partial(function, argument))))
    for done, errand in under_way:
        yield done, errand.result()
