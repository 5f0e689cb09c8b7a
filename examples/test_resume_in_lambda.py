"""The tests of resume_in_lambda.py: the function is loaded once, and invoked several times."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID, Account, Execution, LocalImageBuilder

PROGRAM = Path(__file__).with_name("resume_in_lambda.py")
#: Each resource has a status of its own, so that the counts tell them apart.
STATUSES = [f"STATUS-{number}" for number in range(120)]
EVENT = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Context(NamedTuple):
    """The part of Lambda's context that the function reads."""

    milliseconds: int

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


SHORT, LONG = Context(24_999), Context(900_000)


@pytest.fixture
def image_builder_account() -> Account:
    resources = tuple({"state": {"status": status}} for status in STATUSES)
    return Account((Execution(EXAMPLE_EXECUTION_ID, {}, resources),))


@pytest.fixture
def handler(image_builder_environment: None) -> Handler:
    function: Handler = runpy.run_path(str(PROGRAM))["handler"]
    return function


def invoke_until_the_end(handler: Handler, context: Context) -> tuple[dict[str, Any], int]:
    """Return the last event and the number of invocations, as the state machine does."""
    event, invocations = handler(EVENT, context), 1
    while event["resumeToken"] is not None:
        event, invocations = handler(json.loads(json.dumps(event)), context), invocations + 1
    return event, invocations


@pytest.mark.parametrize(("context", "expected"), [(SHORT, 5), (LONG, 1)])
def test_each_resource_is_counted_once(
    handler: Handler, image_builder: LocalImageBuilder, context: Context, expected: int
) -> None:
    event, invocations = invoke_until_the_end(handler, context)
    assert event == {**EVENT, "counts": dict.fromkeys(STATUSES, 1), "resumeToken": None}
    assert (invocations, image_builder.requests) == (expected, 5)


@pytest.mark.image_builder_faults("error,code=AccessDeniedException@3")
def test_a_failed_invocation_is_repeated_with_its_event(handler: Handler) -> None:
    event = handler(EVENT, SHORT)
    with pytest.raises(exceptions.ClientError, match="AccessDenied"):
        handler(event, LONG)
    assert handler(event, LONG)["counts"] == dict.fromkeys(STATUSES, 1)
