"""``--output summary``: counts by action, region, account and status; times; failures."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...models.lifecycle import LifecycleExecutionResource
from ..listing import Listing
from .console import STATUS_STYLES, RichWriter, execution_header, replace_controls, status_style
from .describe import (
    format_seconds,
    format_time,
    kind_and_name,
    shared_date,
    short_reason,
    without_nulls,
)

_Resources = Sequence[LifecycleExecutionResource]
_PLURALS = defaultdict(
    lambda: "other resources",
    {"image": "images", "ami": "AMIs", "container": "container images"},
)
_MAX_NAMES = 6  # of the resources that failed for the same reason


def show_summary(writer: RichWriter, listing: Listing) -> None:
    """Show the summary of the listing."""
    pages, token = listing.all_pages()
    resources = without_nulls(resource for page in pages for resource in page.resources)
    kinds = Counter(kind_and_name(resource)[0] for resource in resources)
    count = ", ".join(f"{number} {_PLURALS[kind]}" for kind, number in kinds.most_common())
    writer.show(execution_header(pages, count or "no resources"))
    if resources:
        _show_resources(writer, resources)
    listing.resume_state.token = token


def _show_resources(writer: RichWriter, resources: _Resources) -> None:
    writer.show(Text(), _counts("ACTION", resources, _action))
    by_location = [
        _counts("REGION", resources, lambda one: replace_controls(one.region) or "-"),
        _counts("ACCOUNT", resources, lambda one: replace_controls(one.account_id) or "-"),
    ]
    writer.show(Text(), Columns(by_location, padding=(1, 6)), Text(), *_times(resources))
    for status, title, max_names in (
        ("FAILED", "What failed, and why", _MAX_NAMES),
        ("SKIPPED", "What was skipped, and why", 0),
    ):
        group = [resource for resource in resources if _status(resource) == status]
        if group:
            writer.show(Text(), Text(title, style="bold"), _reasons(group, status, max_names))


def _status(resource: LifecycleExecutionResource) -> str:
    return (replace_controls(resource.state.status) if resource.state is not None else "") or "-"


def _action(resource: LifecycleExecutionResource) -> str:
    return (replace_controls(resource.action.name) if resource.action is not None else "") or "-"


def _counts(
    title: str, resources: _Resources, key: Callable[[LifecycleExecutionResource], str]
) -> Table:
    """Return the number of resources of each key and status, the most frequent key first."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for resource in resources:
        counts[key(resource)][_status(resource)] += 1
    totals: Counter[str] = Counter()
    for row in counts.values():
        totals.update(row)
    statuses = sorted(totals, key=_rank)
    table = Table(
        box=box.SIMPLE,
        pad_edge=False,
        show_edge=False,
        show_footer=len(counts) > 1,
        header_style="bold",
        footer_style="bold",
    )
    table.add_column(title, "TOTAL", no_wrap=True)
    for status in statuses:
        header = Text(status, status_style(status))
        table.add_column(header, str(totals[status]), justify="right", no_wrap=True)
    table.add_column("TOTAL", str(totals.total()), justify="right", no_wrap=True, style="bold")
    for name, row in sorted(counts.items(), key=lambda pair: (-pair[1].total(), pair[0])):
        cells = [_count_cell(row[status], status) for status in statuses]
        table.add_row(Text(name), *cells, str(row.total()))
    return table


def _rank(status: str) -> tuple[int, str]:
    known = list(STATUS_STYLES)
    return (known.index(status) if status in known else len(known), status)


def _count_cell(count: int, status: str) -> Text:
    return Text(str(count), status_style(status)) if count else Text("·", "dim")


def _times(resources: _Resources) -> Iterator[RenderableType]:
    """Yield the time that all the actions took together, and the times that each of them took."""
    started = [resource.start_time for resource in resources if resource.start_time is not None]
    ended = [resource.end_time for resource in resources if resource.end_time is not None]
    if not started:
        return
    first, last = min(started), max([*started, *ended])
    running = sum(resource.end_time is None for resource in resources)
    line = Text.assemble(
        ("Time   ", "bold"),
        f"{format_time(first, None)} to {format_time(last, shared_date(started))} UTC, "
        f"{format_seconds((last - first).total_seconds())}",
    )
    if running:
        line.append(f"; {running} not yet over", status_style("IN_PROGRESS"))
    yield line
    durations = [
        ((resource.end_time - resource.start_time).total_seconds(), kind_and_name(resource)[1])
        for resource in resources
        if resource.start_time is not None and resource.end_time is not None
    ]
    if durations:
        seconds = [duration for duration, _ in durations]
        longest, name = max(durations, key=lambda duration: duration[0])
        yield Text(
            f"       each {format_seconds(min(seconds))} to {format_seconds(longest)} ({name}), "
            f"half of them within {format_seconds(statistics.median(seconds))}"
        )


def _reasons(resources: _Resources, status: str, max_names: int) -> Padding:
    """Return the reasons, the most frequent first, each with the first of its resources."""
    groups: dict[str, list[LifecycleExecutionResource]] = defaultdict(list)
    for resource in resources:
        reason = resource.state.reason if resource.state is not None else None
        groups[short_reason(reason or "no reason is given")].append(resource)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", no_wrap=True, style=status_style(status))
    table.add_column()
    for reason, group in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        parts: list[RenderableType] = [Text(reason)]
        if max_names:
            names = [kind_and_name(resource)[1] for resource in group[:max_names]]
            more = len(group) - len(names)
            listed = ", ".join(names) + (f" and {more} more" if more else "")
            parts.append(Text(listed, style="dim"))
        table.add_row(str(len(group)), Group(*parts))
    return Padding(table, (0, 0, 0, 2))
