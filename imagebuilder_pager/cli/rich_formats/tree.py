"""``--output tree``: each image with its children, and their snapshots.

The children of an image are listed with ``parentResourceId``, for four images at a time. The images
are shown in their order, each as soon as all of its children are there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text
from rich.tree import Tree

from ..._threads import call_in_thread
from ...models.lifecycle import LifecycleExecutionResource, LifecycleExecutionResourceState
from ..listing import Listing
from .console import RichWriter, execution_header, replace_controls, status_style
from .describe import format_duration, kind_and_name, without_nulls

if TYPE_CHECKING:
    from concurrent.futures import Future

_CONCURRENT_CALLS = 4
_NO_PARENT = LifecycleExecutionResource()

Children = list[LifecycleExecutionResource]


def show_tree(writer: RichWriter, listing: Listing) -> None:
    """Show the resources of the listing as trees."""
    is_first = True
    for page, token in listing.pages():
        if is_first:
            note = "each image, what came from it, and the snapshots of that"
            writer.show(execution_header([page], note))
            is_first = False
        for resource, children in _with_children(listing, without_nulls(page.resources)):
            writer.show(Text(), _tree(resource, children))
        listing.resume_state.token = token
    if is_first:
        writer.show(execution_header([], "no resources"))


def _with_children(
    listing: Listing, resources: Iterable[LifecycleExecutionResource]
) -> Iterator[tuple[LifecycleExecutionResource, Children]]:
    """Yield each resource with its children, a few of the calls for them ahead."""
    calls: deque[tuple[LifecycleExecutionResource, Future[Children]]] = deque()
    for resource in resources:
        calls.append((resource, call_in_thread(partial(_list_children, listing, resource), "tree")))
        if len(calls) == _CONCURRENT_CALLS:
            first, children = calls.popleft()
            yield first, children.result()
    for resource, children in calls:
        yield resource, children.result()


def _list_children(listing: Listing, resource: LifecycleExecutionResource) -> Children:
    if kind_and_name(resource)[0] != "image":
        return []
    parameters = {
        "lifecycleExecutionId": listing.request.parameters["lifecycleExecutionId"],
        "parentResourceId": resource.resource_id,
    }
    return without_nulls(listing.items_of(parameters))


def _tree(resource: LifecycleExecutionResource, children: Children) -> Tree:
    tree = Tree(_label(resource, (0, 0), _NO_PARENT), guide_style="dim")
    _add_details(tree, resource)
    widths = (
        max((len(kind_and_name(child)[1]) for child in children), default=0),
        max((len(replace_controls(child.region)) for child in children), default=0),
    )
    for child in children:
        _add_details(tree.add(_label(child, widths, resource)), child)
    return tree


def _add_details(branch: Tree, resource: LifecycleExecutionResource) -> None:
    for uri in without_nulls(resource.image_uris):
        branch.add(Text(replace_controls(uri).rpartition("/")[2], style="dim"))
    for snapshot in without_nulls(resource.snapshots):
        line = Text(replace_controls(snapshot.snapshot_id)).append("  ")
        line.append(_status(snapshot.state))
        branch.add(_with_reason(line, snapshot.state, resource.state))


def _label(
    resource: LifecycleExecutionResource,
    widths: tuple[int, int],
    parent: LifecycleExecutionResource,
) -> Text:
    """Return a resource in a line or two, without the action, time and reason of its parent."""
    region = replace_controls(resource.region).ljust(widths[1])
    line = Text(kind_and_name(resource)[1].ljust(widths[0]), "bold")
    line.append(f"  {region}  {replace_controls(resource.account_id)}  ", "not bold")
    if resource.action is not None and resource.action != parent.action:
        line.append(f"{replace_controls(resource.action.name)}  ", "not bold")
    line.append(_status(resource.state))
    duration = format_duration(resource.start_time, resource.end_time)
    if duration and duration != format_duration(parent.start_time, parent.end_time):
        line.append(f"  {duration}", "not bold dim")
    return _with_reason(line, resource.state, parent.state)


def _status(state: LifecycleExecutionResourceState | None) -> Text:
    status = "" if state is None else replace_controls(state.status)
    return Text(status, f"not bold {status_style(status)}")


def _with_reason(
    line: Text,
    state: LifecycleExecutionResourceState | None,
    parent_state: LifecycleExecutionResourceState | None,
) -> Text:
    if state is None or state.reason is None:
        return line
    if parent_state is not None and state.reason == parent_state.reason:
        return line
    style = "red" if state.status == "FAILED" else ""
    return line.append(f"\n{replace_controls(state.reason)}", f"not bold {style}")
