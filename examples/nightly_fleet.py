"""List what lifecycle policies have done in a fleet, and plot the failed resources of each day.

    python examples/nightly_fleet.py targets.toml fleet.sqlite failed.png

The plot is a PNG or an SVG, by its suffix. The exit code is 0 if all targets are complete. It is 1
if some are not: the plot then has the known part, and the run of the next night completes the
database. It is 2 if nothing could be listed, an argument is not valid, or a file cannot be read or
written. It needs matplotlib; docs/fleet.md describes the file of targets.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from matplotlib.dates import date2num, datestr2num
from matplotlib.figure import Figure

from imagebuilder_pager.exceptions import PagerError
from imagebuilder_pager.fleet import FleetDatabase, load_targets, run_fleet

MAX_DAYS = 3650
# resources has an account, too: that of the resource. The one of targets is its name in the file.
FAILED_BY_DAY = """
SELECT t.account, date(e.end_time) AS day, count(*)
FROM resources AS r JOIN executions AS e USING (execution_id) JOIN targets AS t USING (target_id)
WHERE r.status = 'FAILED' AND day >= ?
GROUP BY t.account, day ORDER BY t.account, day
"""


def plot(rows: Sequence[Sequence[Any]], since: datetime, path: Path) -> None:
    """Draw a bar for each day, with a part for each account, from account, day and number."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots()
    heights = Counter[str]()
    accounts = [*dict.fromkeys(row[0] for row in rows)]
    for account in accounts:
        counts = {day: number for name, day, number in rows if name == account}
        below = [heights[day] for day in counts]
        axes.bar(datestr2num([*counts]), [*counts.values()], bottom=below)
        heights.update(counts)
    axes.set(
        title="Resources that lifecycle policies failed to act on, by day",
        xlim=date2num([since, datetime.now(UTC)]),
    )
    axes.xaxis_date()
    figure.autofmt_xdate()
    if rows:
        # Labels of bars are ignored if they begin with an underscore; labels given here are not.
        axes.legend(axes.containers, accounts, title="account")
    figure.savefig(path)


def main(argv: Sequence[str] | None = None) -> int:
    """List, plot, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", type=Path)
    parser.add_argument("database", type=Path)
    parser.add_argument("plot", type=Path)
    parser.add_argument("--days", type=int, default=30, help="how far to look back (30)")
    options = parser.parse_args(argv)
    if options.plot.suffix.lower() not in {".png", ".svg"} or not options.plot.parent.is_dir():
        parser.error(f"argument plot: {options.plot} given; allowed: a .png or .svg in a folder")
    if not 1 <= options.days <= MAX_DAYS:
        parser.error(f"argument --days: {options.days} given; allowed: 1 to {MAX_DAYS}")
    since = datetime.now(UTC) - timedelta(days=options.days)
    try:
        targets = load_targets(options.targets)
        with FleetDatabase(options.database) as database:
            result = run_fleet(targets, database, since=since)
            rows = [tuple(row) for row in database.query(FAILED_BY_DAY, (f"{since:%Y-%m-%d}",))]
        for failure in result.failures:
            print(f"{failure.target.name} is not complete: {failure.error}", file=sys.stderr)
        plot(rows, since, options.plot)
    except (PagerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not any(each.pages for each in result.targets):
        return 2
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
