"""``--output html``: the summary as one page, which needs nothing from outside.

All that the service says is escaped, and the page allows itself no request and no script but its
own, by their hashes. Without scripts only the sorting is gone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from typing import TYPE_CHECKING

from ..rich_formats.console import replace_controls
from .report import STATES

if TYPE_CHECKING:
    from ..stdout import Stdout
    from .report import Summary

_MAX_OPEN = 3  # reasons that show their executions from the start
_MAX_WEEKS = 520  # between which those without executions are shown
_KINDS = {"images": "images", "children": "made from them", "snapshots": "snapshots"}


class _Markup(str):
    """A text that is HTML; any other one is escaped."""

    __slots__ = ()


def write_html(
    stdout: Stdout, summary: Summary, executions: Mapping[str | None, tuple[list[Summary], int]]
) -> None:
    """Write the page of a summary.

    - ``executions``: what :func:`.report.failed_executions` returns.
    """
    style, script = _STYLE.strip(), _SCRIPT.strip()
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}"
    stdout.write(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>Lifecycle report</title>\n<style>{style}</style>\n</head>\n<body>\n"
    )
    for part in _body(summary, executions):
        stdout.write(part)
    stdout.write(f"<script>{script}</script>\n</body>\n</html>\n")


def _body(
    summary: Summary, executions: Mapping[str | None, tuple[list[Summary], int]]
) -> Iterator[str]:
    yield "<h1>Lifecycle report</h1>\n"
    run = summary["coverage"]["run"]
    if run is None:
        yield "<p>Nothing has been listed yet.</p>\n"
        return
    yield from _coverage(summary)
    yield from _tiles(summary)
    open_targets = [
        one for one in summary["targets"] if one["state"] not in {"complete", "running"}
    ]
    yield from _section("Failed and incomplete targets", _targets("gaps", open_targets))
    yield from _section("Executions by week", _weeks(summary["groups"]["week"]))
    yield from _section("What failed, and why", _failures(summary, executions))
    changes = summary["changes"] or {"failing": [], "recovered": []}
    for title, which in (
        ("Policies that fail since the run before", "failing"),
        ("Policies that have recovered", "recovered"),
    ):
        rows = [[*_place(one), _time(one["start_time"]), one["reason"]] for one in changes[which]]
        yield from _section(title, _table(which, [*_PLACE, "Last run", "Reason"], rows))
    rows = [
        [*_place(one), _time(one["last_start"]), f"{one['interval_days']:.3g}", one["cause"]]
        for one in summary["stopped_policies"]
    ]
    columns = [*_PLACE, "Last run", "Days between, at most", "Cause"]
    yield from _section("Policies that have stopped", _table("stopped", columns, rows))
    rows = [
        [
            _state("failed", "for long") if one["is_long"] else _state("unfinished", "unfinished"),
            *(_time(one["start_time"]), one["status"], *_place(one), one["execution_id"]),
        ]
        for one in summary["unfinished"]
    ]
    columns = ["", "Since", "Status", *_PLACE, "Execution"]
    hidden = _hidden(summary["hidden_unfinished"])
    table = _table("unfinished", columns, rows)
    yield from _section("Executions that have not ended", table, hidden)
    for grouping, title in (("policy", "Policies"), ("account", "Accounts"), ("region", "Regions")):
        yield from _section(title, _groups(grouping, summary["groups"][grouping]))
    if summary["targets"]:
        yield f"<details><summary>All {len(summary['targets'])} targets</summary>\n"
        yield from _targets("targets", summary["targets"])
        yield "</details>\n"


def _section(title: str, parts: Iterable[str], end: str = "") -> Iterator[str]:
    """Yield a section, nothing if it has no parts."""
    iterator = iter(parts)
    if (first := next(iterator, None)) is not None:
        yield f"<section>\n<h2>{title}</h2>\n{first}"
        yield from iterator
        yield f"{end}</section>\n"


def _coverage(summary: Summary) -> Iterator[str]:
    coverage, selection = summary["coverage"], summary["selection"]
    run, states = coverage["run"], coverage["states"]
    since, until = _time(coverage["complete_since"]), _time(coverage["complete_until"])
    line = f"<b>{states['complete']} of {sum(states.values())} targets complete</b>"
    if states["complete"]:
        line += f", up to {until}" + (f", from {since} on" if since else "")
    for state in ("failed", "incomplete", "stopped", "running"):
        if states[state]:
            line += f"; {_state(_TARGET_STATES[state], f'{states[state]} {state}')}"
    notes = [line]
    if gap := coverage["oldest_gap"]:
        name = f"{gap['account']}/{gap['region']}"
        notes.append(f"Oldest gap: {_text(name)}, complete up to {_time(gap['complete_until'])}")
    if coverage["never_listed"]:
        notes.append(f"Never listed completely: {coverage['never_listed']} targets")
    if run["is_under_way"]:
        notes.append(_state("unfinished", f"A run is under way, since {_time(run['started'])}"))
    if run["policies"] is not None:
        notes.append(f"The run was of {len(run['policies'])} policies alone.")
    if not run["children"]:
        notes.append("The run listed images alone, not what came from them.")
    if former := summary["former_targets"]:
        notes.append(f"{len(former)} further targets were listed by earlier runs, not by this one.")
    chosen = {name: value for name, value in selection.items() if value}
    for name, value in chosen.items():
        shown = _time(value) if isinstance(value, str) else ", ".join(value)
        notes.append(f"Only {_text(name)}: {_text(shown)}")
    notes.append(f"Run of {_time(run['started'])}. All times are in UTC.")
    yield "".join(f"<p>{note}</p>\n" for note in notes)


def _tiles(summary: Summary) -> Iterator[str]:
    counts, changes = summary["counts"], summary["changes"]
    yield '<dl class="tiles">\n'
    yield _tile("executions", counts["executions"], STATES)
    for kind, name in _KINDS.items():
        numbers = {"failed" if key == "FAILED" else key: n for key, n in counts[kind].items()}
        yield _tile(name, numbers, ("failed",))
    if changes is not None:
        yield _tile(f"new since the run of {_time(changes['since'])}", changes["new"], STATES)
        yield _tile("others that have ended since", changes["ended"], STATES)
    yield "</dl>\n"


def _tile(name: str, numbers: Mapping[str, int], states: Sequence[str]) -> str:
    parts = [_state(state, f"{numbers[state]:,} {state}") for state in states if numbers.get(state)]
    total = f"<dd><b>{sum(numbers.values()):,}</b><span>{' '.join(parts)}</span></dd>"
    return f"<div><dt>{_text(name)}</dt>{total}</div>\n"


def _targets(name: str, targets: Sequence[Summary]) -> Iterator[str]:
    columns = ["State", "Account", "Region", "Complete up to", "Error"]
    yield from _table(
        name,
        columns,
        [
            [
                _state(_TARGET_STATES[one["state"]], one["state"]),
                *(one["account"], one["region"], _time(one["complete_until"]), one["error"]),
            ]
            for one in targets
        ],
    )


def _weeks(weeks: Sequence[Summary]) -> Iterator[str]:
    """Yield a bar for each week, the newest first, and for those between without executions."""
    if not weeks:
        yield "<p>No lifecycle execution in this period.</p>\n"
        return
    known = {week["name"]: week for week in weeks}
    dates = sorted(date.fromisoformat(name) for name in known if name != "-")
    names = [one.isoformat() for one in dates]
    if dates and (dates[-1] - dates[0]).days // 7 < _MAX_WEEKS:
        number = (dates[-1] - dates[0]).days // 7 + 1
        names = [(dates[0] + timedelta(weeks=week)).isoformat() for week in range(number)]
    most = max(sum(week["executions"].values()) for week in weeks)
    yield f'<p class="legend">{" ".join(_state(state, state) for state in STATES)}</p>\n'
    rows = []
    for name in [*names[::-1], *(["-"] if "-" in known else [])]:
        counts = known.get(name, {}).get("executions", {})
        rows.append([name, _bar(counts, most), *_numbers(known.get(name))])
    yield from _table("week", ["Week from", "Executions", *_NUMBERS], rows)


def _bar(counts: Mapping[str, int], most: int) -> _Markup:
    parts, start = [], 0.0
    for state in STATES:
        if number := counts.get(state, 0):
            width = max(100 * number / most, 0.5)
            shape = f'x="{start:.2f}%" width="{width:.2f}%" height="100%"'
            title = f"<title>{number:,} {state}</title>"
            parts.append(f'<rect class="{state}" {shape}>{title}</rect>')
            start += width
    return _Markup(f'<svg class="bar" role="img" aria-hidden="true">{"".join(parts)}</svg>')


def _failures(
    summary: Summary, executions: Mapping[str | None, tuple[list[Summary], int]]
) -> Iterator[str]:
    for number, failure in enumerate(summary["failures"]):
        counts = [f"{failure[kind]:,} {name}" for kind, name in _FAILED.items() if failure[kind]]
        places = len(failure["places"]) + failure["hidden_places"]
        shown, hidden = executions.get(failure["reason"], ([], 0))
        yield f"<details{' open' if number < _MAX_OPEN else ''}><summary>"
        yield f"{_state('failed', ', '.join(counts))} in {places} targets: "
        yield f"{_text(failure['reason'] or 'no reason is given')}</summary>\n"
        rows = [
            [_time(one["time"]), *_place(one), one["execution_id"], one["resources"]]
            for one in shown
        ]
        columns = ["Ended", *_PLACE, "Execution", "Resources"]
        yield from _table(f"reason{number}", columns, rows)
        yield f"{_hidden(hidden)}</details>\n"
    if summary["hidden_reasons"]:
        yield f"<p>and {summary['hidden_reasons']:,} more reasons</p>\n"


def _groups(name: str, groups: Sequence[Summary]) -> Iterator[str]:
    ordered = sorted(groups, key=lambda one: (-one["executions"]["failed"], one["name"]))
    rows = [[one["name"], *_numbers(one)] for one in ordered]
    yield from _table(name, [name.capitalize(), *_NUMBERS], rows)


def _numbers(group: Summary | None) -> list[int]:
    if group is None:
        return [0] * len(_NUMBERS)
    executions, images, children = (group[kind] for kind in ("executions", "images", "children"))
    failed = [executions["failed"], images.get("FAILED", 0), children.get("FAILED", 0)]
    totals = [sum(executions.values()), sum(images.values()), sum(children.values())]
    return [number for pair in zip(totals, failed, strict=True) for number in pair]


def _table(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield a table that can be sorted, nothing if it has no rows."""
    head = "".join(f"<th>{column}</th>" for column in columns)
    start = f'<div class="wide"><table id="{name}">\n<thead><tr>{head}</tr></thead>\n<tbody>\n'
    for row in rows:
        cells = "".join(
            f'<td class="n{"" if cell else " zero"}">{cell:,}</td>'
            if isinstance(cell, int)
            else f"<td>{_text(cell)}</td>"
            for cell in row
        )
        yield f"{start}<tr>{cells}</tr>\n"
        start = ""
    if not start:
        yield "</tbody></table></div>\n"


def _text(value: object) -> str:
    if isinstance(value, _Markup):
        return value
    return "" if value is None else escape(replace_controls(str(value)))


def _state(state: str, text: str) -> _Markup:
    return _Markup(f'<span class="{state}">{_text(text)}</span>')


def _place(row: Summary) -> tuple[str, ...]:
    return row["account"], row["region"], row["policy"]


def _time(text: str | None) -> str:
    """Return a time to the minute."""
    return (text or "")[:16].replace("T", " ")


def _hidden(number: int) -> str:
    return f"<p>and {number:,} more</p>\n" if number else ""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_PLACE = ("Account", "Region", "Policy")
_NUMBERS = ("Executions", "failed", "Images", "failed", "Made from them", "failed")
_FAILED = {"executions": "executions", "images": "images", "children": "made from them"}
_TARGET_STATES = {
    **dict.fromkeys(("failed", "incomplete", "stopped"), "failed"),
    **{"running": "unfinished", "complete": "successful"},
}

_STYLE = """
:root { --back: #fff; --fore: #1f2328; --dim: #59636e; --line: #d5dae0; --soft: #f4f6f8;
  --failed: #b3261e; --unfinished: #8a5a00; --successful: #1f6feb; --other: #6e7781 }
@media screen and (prefers-color-scheme: dark) {
  :root { --back: #0d1117; --fore: #e6edf3; --dim: #9198a1; --line: #30363d; --soft: #161b22;
    --failed: #ff8a80; --unfinished: #e3b341; --successful: #6cb6ff; --other: #8b949e } }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--back); color: var(--fore);
  font: 15px/1.45 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0 0 .5rem } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
p { margin: .2rem 0 } .failed { color: var(--failed); fill: var(--failed) }
.unfinished { color: var(--unfinished); fill: var(--unfinished) }
.successful { color: var(--successful); fill: var(--successful) }
.other { color: var(--other); fill: var(--other) } .zero { color: var(--dim) }
.tiles { display: grid; gap: .5rem; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)) }
.tiles div { padding: .5rem .75rem; background: var(--soft); border: 1px solid var(--line);
  border-radius: 6px } dt { color: var(--dim) } dd { margin: 0 } dd b { font-size: 1.4rem }
dd span { display: block; font-size: .85rem } dd span span { display: inline }
.legend span::before { content: "\\25A0\\00A0" } .legend span { margin-right: 1rem }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .875rem }
th, td { text-align: left; padding: .2rem .6rem; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word }
thead th { color: var(--dim); white-space: nowrap } td.n { text-align: right;
  font-variant-numeric: tabular-nums } th button { all: unset; cursor: pointer }
th button:focus-visible { outline: 2px solid } th button::after { content: " \\2195" }
[aria-sort=ascending] button::after { content: " \\2191" }
[aria-sort=descending] button::after { content: " \\2193" }
.bar { display: block; width: 100%; min-width: 8rem; height: 1rem }
details { margin: .5rem 0; border-left: 3px solid var(--line); padding-left: .6rem }
summary { cursor: pointer; overflow-wrap: anywhere }
@media print { body { max-width: none; padding: 0; font-size: 9pt } .wide { overflow: visible }
  tr, .tiles div { break-inside: avoid } h2 { break-after: avoid } thead { display: table-header-group }
  th button::after { content: none } }
"""

_SCRIPT = """
const value = row => index => row.cells[index].textContent
function sort(table, index, direction) {
  const body = table.tBodies[0], key = row => row.cells[index].textContent
  const number = text => Number(text.replaceAll(",", "") || NaN)
  const rows = [...body.rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)], difference = number(x) - number(y)
    return direction * (isNaN(difference) ? x.localeCompare(y) : difference)
  })
  body.append(...rows)
  for (const th of table.tHead.rows[0].cells) th.removeAttribute("aria-sort")
  table.tHead.rows[0].cells[index].ariaSort = direction > 0 ? "ascending" : "descending"
}
for (const table of document.querySelectorAll("table"))
  [...table.tHead.rows[0].cells].forEach((th, index) => {
    const button = document.createElement("button")
    button.append(...th.childNodes)
    th.append(button)
    button.onclick = () => {
      const isNumber = table.tBodies[0].rows[0].cells[index].className.startsWith("n")
      const first = isNumber ? -1 : 1
      const direction = th.ariaSort ? (th.ariaSort == "ascending" ? -1 : 1) : first
      sort(table, index, direction)
      history.replaceState(null, "", `#${table.id}:${index}:${direction}`)
    }
  })
const [name, index, direction] = location.hash.slice(1).split(":")
const table = document.getElementById(name)
if (table?.tBodies) sort(table, index, direction)
"""
