"""Count an execution's resources in as many Lambda invocations as it takes, each within its time.

The result is the next event, so that a state machine calls the function until resumeToken is null:

    "Count": {"Type": "Task", "Resource": "arn:aws:lambda:...", "Next": "IsOver"},
    "IsOver": {"Type": "Choice", "Default": "Done",
               "Choices": [{"Variable": "$.resumeToken", "IsNull": false, "Next": "Count"}]}

The first event is {"lifecycleExecutionId": "lce-..."}. The counts and the token are one result: an
invocation that fails and is repeated counts nothing twice.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from imagebuilder_pager import H11Client, ImageBuilder

# Outside the handler: later invocations reuse it, with its connection and its credentials.
client = ImageBuilder(http_client=H11Client(), total_timeout=20)
#: Milliseconds for another page, which total_timeout bounds, and for the end of the invocation.
RESERVE = 25_000


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """List pages while there is time, at least one, and return the next event."""
    counts = Counter(event.get("counts", {}))
    pages = client.get_paginator("list_lifecycle_execution_resources").paginate(
        lifecycleExecutionId=event["lifecycleExecutionId"],
        PaginationConfig={"StartingToken": event.get("resumeToken")},
    )
    for page in pages:
        counts.update(each.state.status or "" for each in page.resources if each.state)
        if context.get_remaining_time_in_millis() < RESERVE:
            break
    return {**event, "counts": dict(counts), "resumeToken": pages.resume_token}
