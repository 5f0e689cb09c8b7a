"""``--output summary``: how many of what, where, how long, and what went wrong."""

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
from ..context import ListContext
from .console import STATUS_STYLES, RichWriter, status_style, strip_controls
from .describe import clock, format_seconds, kind_and_name, shared_date, short_reason
from .heading import heading

__all__ = ["show_summary"]


_Resources = Sequence[LifecycleExecutionResource]
_PLURALS = defaultdict(
    lambda: "other resources",
    {"image": "images", "ami": "AMIs", "container": "container images"},
)
_NAMED = 6  # resources of a reason that are named


def show_summary(screen: RichWriter, listing: ListContext) -> None:
    """Shows the summary of what the listing has."""
    pages, token = listing.all_pages()
    resources = [resource for page in pages for resource in page.resources]
    kinds = Counter(kind_and_name(resource)[0] for resource in resources)
    count = ", ".join(f"{number} {_PLURALS[kind]}" for kind, number in kinds.most_common())
    screen.show(heading(pages, count or "no resources"))
    if resources:
        _show_resources(screen, resources)
    listing.resume_state.advance(token)


def _show_resources(screen: RichWriter, resources: _Resources) -> None:
    screen.show(Text(), _counts("ACTION", resources, _action))
    places = [
        _counts("REGION", resources, lambda one: strip_controls(one.region) or "-"),
        _counts("ACCOUNT", resources, lambda one: strip_controls(one.account_id) or "-"),
    ]
    screen.show(Text(), Columns(places, padding=(1, 6)), Text(), *_durations(resources))
    for status, title in (
        ("FAILED", "What failed, and why"),
        ("SKIPPED", "What was skipped, and why"),
    ):
        some = [resource for resource in resources if _status(resource) == status]
        if some:
            named = _NAMED if status == "FAILED" else 0
            screen.show(Text(), Text(title, style="bold"), *_reasons(some, status, named))


def _status(resource: LifecycleExecutionResource) -> str:
    return (strip_controls(resource.state.status) if resource.state is not None else "") or "-"


def _action(resource: LifecycleExecutionResource) -> str:
    return (strip_controls(resource.action.name) if resource.action is not None else "") or "-"


def _counts(
    title: str, resources: _Resources, key: Callable[[LifecycleExecutionResource], str]
) -> Table:
    """How many there are of each key and status, the most frequent key first."""
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
    table.add_column(title, "IN ALL", no_wrap=True)
    for status in statuses:
        title_of = Text(status, status_style(status))
        table.add_column(title_of, str(totals[status]), justify="right", no_wrap=True)
    table.add_column("IN ALL", str(totals.total()), justify="right", no_wrap=True, style="bold")
    for name, row in sorted(counts.items(), key=lambda pair: (-pair[1].total(), pair[0])):
        cells = [_number(row[status], status) for status in statuses]
        table.add_row(Text(name), *cells, str(row.total()))
    return table


def _rank(status: str) -> tuple[int, str]:
    known = list(STATUS_STYLES)
    return (known.index(status) if status in known else len(known), status)


def _number(count: int, status: str) -> Text:
    return Text(str(count), status_style(status)) if count else Text("·", "dim")


def _durations(resources: _Resources) -> Iterator[RenderableType]:
    started = [one.start_time for one in resources if one.start_time is not None]
    ended = [one.end_time for one in resources if one.end_time is not None]
    if not started:
        return
    day = shared_date(resources)
    first, last = min(started), max([*started, *ended])
    running = sum(one.end_time is None for one in resources)
    over = format_seconds((last - first).total_seconds())
    line = Text.assemble(
        ("Time   ", "bold"), f"{clock(first, None)} to {clock(last, day)} UTC, {over}"
    )
    if running:
        line.append(f"; {running} not yet over", status_style("IN_PROGRESS"))
    yield line
    spans = {
        id(one): (one.end_time - one.start_time).total_seconds()
        for one in resources
        if one.start_time is not None and one.end_time is not None
    }
    if spans:
        longest = max((one for one in resources if id(one) in spans), key=lambda o: spans[id(o)])
        yield Text(
            f"       each {format_seconds(min(spans.values()))} to {format_seconds(max(spans.values()))} "
            f"({kind_and_name(longest)[1]}), half of them within "
            f"{format_seconds(statistics.median(spans.values()))}"
        )


def _reasons(resources: _Resources, status: str, named: int) -> Iterator[RenderableType]:
    """The reasons, the most frequent first, and under each the resources that it holds for."""
    groups: dict[str, list[LifecycleExecutionResource]] = defaultdict(list)
    for resource in resources:
        reason = resource.state.reason if resource.state is not None else None
        groups[short_reason(reason or "no reason is given")].append(resource)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", no_wrap=True, style=status_style(status))
    table.add_column()
    for reason, some in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        parts: list[RenderableType] = [Text(reason)]
        if named:
            names = [kind_and_name(one)[1] for one in some[:named]]
            more = len(some) - len(names)
            listed = ", ".join(names) + (f" and {more} more" if more else "")
            parts.append(Text(listed, style="dim"))
        table.add_row(str(len(some)), Group(*parts))
    yield Padding(table, (0, 0, 0, 2))
