"""``--output json``: the whole result as one document."""

from __future__ import annotations

import json

from ..context import ListContext
from ..stdout import Stdout


def write_json(context: ListContext, stdout: Stdout) -> None:
    """Write the whole result as one JSON document, as the AWS CLI does."""
    result = context.request.apply_query(context.raw_result())
    if result != {}:
        stdout.write(json.dumps(result, indent=4, ensure_ascii=False) + "\n")
