"""``--output jsonl`` and ``csv``: a line for each resource, and for each execution without any."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from .selection import iter_records

if TYPE_CHECKING:
    from ...fleet import FleetDatabase
    from ..stdout import Stdout
    from .selection import Selection

#: Spreadsheets take a cell that begins so for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@")


def write_jsonl(stdout: Stdout, database: FleetDatabase, selection: Selection) -> None:
    """Write each record as a line of JSON, without the members that are null or empty."""
    for record in iter_records(database, selection):
        members = {name: value for name, value in record.items() if value not in (None, [])}
        stdout.write(json.dumps(members) + "\n")


def write_csv(stdout: Stdout, database: FleetDatabase, selection: Selection) -> None:
    """Write a header and each record as a row; the snapshots of an AMI are in one cell."""
    text = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for record in iter_records(database, selection):
        if writer is None:
            writer = csv.DictWriter(text, record, lineterminator="\n")
            writer.writeheader()
        writer.writerow({name: _cell(value) for name, value in record.items()})
        stdout.write(text.getvalue())
        text.seek(0)
        text.truncate()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(
            f"{item['snapshot_id']}:{item['status']}" if isinstance(item, dict) else str(item)
            for item in value
        )
    cell = str(value)
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
