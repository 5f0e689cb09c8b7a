"""The benchmarks from the command line: measure, and print a table."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
import time
from pathlib import Path

from .distributions import requirements_of
from .harness import AIOBOTOCORE, Harness, aiobotocore_site_packages
from .results import Outcome
from .rows import ROWS, rows_named

_README = Path(__file__).with_name("README.md")
_BEGIN, _END = "<!-- table -->\n", "<!-- end of table -->\n"
_PACKAGES = (
    *("boto3", "botocore", "httpx", "httpcore", "pydantic", "pydantic-core"),
    "capo-imagebuilder",
)


def main() -> int:
    """Run the benchmarks and return 1 if a row has missed its required value, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="measure this row, or those that this regular expression matches; can be "
        f"repeated. Rows: {', '.join(row.name for row in ROWS)}",
    )
    parser.add_argument(
        "--rounds", type=int, help="the number of rounds, in place of each row's own"
    )
    parser.add_argument("--library", type=Path, help="a folder to import the library from")
    parser.add_argument("--write-readme", action="store_true", help="put the table into README.md")
    options = parser.parse_args()
    rows = rows_named(options.only)
    if not rows:
        parser.error(f"--only: no row is named {', '.join(options.only)}")

    started, load = time.monotonic(), _load()
    outcomes = []
    with Harness(options.library) as harness:
        for row in rows:
            print(f"{row.name} ...", end="", file=sys.stderr, flush=True)
            outcomes.append(Outcome(row, row.measure(harness, options.rounds or row.rounds)))
            print(f" {_score(outcomes[-1])} {outcomes[-1].verdict}", file=sys.stderr)
        size = harness.page_size
    table = "\n".join(
        [
            *_table(outcomes),
            "",
            _versions(),
            f"{os.cpu_count()} CPUs; load average {load} before and {_load()} after; a page of "
            f"{size} bytes; {time.monotonic() - started:.0f} s in all.",
        ]
    )
    print(table)
    if options.write_readme:
        text = _README.read_text()
        before, _, rest = text.partition(_BEGIN)
        after = rest.partition(_END)[2]
        _README.write_text(f"{before}{_BEGIN}\n{table}\n\n{_END}{after}")
    return int(any(outcome.verdict == "MISSED" for outcome in outcomes))


def _table(outcomes: list[Outcome]) -> list[str]:
    heads = ("what", "peer", "peer's", "ours", "ratio", "spread", "limit", "must", "aim", "verdict")
    cells = [heads, *(_cells(outcome) for outcome in outcomes)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines


def _cells(outcome: Outcome) -> tuple[str, ...]:
    row = outcome.row
    lower, upper = outcome.spread
    sign = "+" if row.difference else ""
    return (
        row.what,
        row.peer,
        f"{_number(outcome.peer)} {row.unit}",
        f"{_number(outcome.ours)} {row.unit}",
        _score(outcome),
        f"{lower:{sign}.3f} to {upper:{sign}.3f}",
        "" if outcome.limit is None else f"{outcome.limit:.2f}",
        *([f"{value:{sign}.3g}" for value in row.target] if row.target else ["", ""]),
        outcome.verdict,
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _score(outcome: Outcome) -> str:
    if outcome.row.difference:
        return f"{outcome.score:+.2f} {outcome.row.unit}"
    return f"{outcome.score:.3f}"


def _versions() -> str:
    packages = [f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES]
    if AIOBOTOCORE.exists():
        peer = requirements_of("aiobotocore", aiobotocore_site_packages())
        versions = {distribution.name: distribution.version for distribution in peer}
        packages.append(
            f"aiobotocore {versions['aiobotocore']} with botocore {versions['botocore']}"
        )
    return (
        f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {', '.join(packages)};"
    )


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
