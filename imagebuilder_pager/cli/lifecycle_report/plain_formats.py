"""``--output jsonl`` and ``csv``, a line for each record."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from .selection import MEMBERS, iter_records

if TYPE_CHECKING:
    from ...fleet import FleetDatabase
    from ..stdout import Stdout
    from .selection import Selection

#: The columns of CSV; the last one has the reasons of snapshots that have one.
COLUMNS = (*MEMBERS, "snapshot_reasons")
#: Spreadsheets take a cell that begins so for a formula, some of them also behind blanks.
_FORMULA_STARTS = tuple("=+-@＝＋－＠")  # noqa: RUF001 - the wide ones are meant


def write_jsonl(stdout: Stdout, database: FleetDatabase, selection: Selection) -> None:
    """Write each record as a line of JSON, without the members that are null or empty."""
    for record in iter_records(database, selection):
        members = {name: value for name, value in record.items() if value not in (None, [])}
        stdout.write(json.dumps(members) + "\n")


def write_csv(stdout: Stdout, database: FleetDatabase, selection: Selection) -> None:
    """Write a header, and a row for each record, all cells quoted; a list is in one cell."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in iter_records(database, selection):
        reasons = (
            f"{one['snapshot_id']}: {one['reason']}" for one in record["snapshots"] if one["reason"]
        )
        record["snapshot_reasons"] = "; ".join(reasons)
        writer.writerow([_cell(record[name]) for name in COLUMNS])
        stdout.write(text.getvalue())
        text.seek(0)
        text.truncate()
    stdout.write(text.getvalue())


def _cell(value: Any) -> str:
    if isinstance(value, list):
        value = " ".join(
            f"{item['snapshot_id']}:{item['status']}" if isinstance(item, dict) else str(item)
            for item in value
        )
    cell = "" if value is None else str(value)
    # A line break, quoted or not, is a new row for tools that go by lines.
    cell = " ".join(cell.splitlines())
    return f"'{cell}" if cell.lstrip().startswith(_FORMULA_STARTS) else cell
