"""The tests of report_boto3.py, by botocore's Stubber: each request and response, in order."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from report_boto3 import report

POLICY = "arn:aws:imagebuilder:us-west-2:123456789012:lifecycle-policy/web"
IDS = [f"lce-{number:08}-0000-0000-0000-000000000000" for number in range(2)]
STARTED = datetime(2026, 3, 1, tzinfo=UTC)
RESOURCES = [
    {
        "resourceId": f"ami-{number}",
        "action": {"name": "DELETE"},
        "state": {"status": "FAILED", "reason": "in use"} if number % 20 == 3 else {},
    }
    for number in range(30)
]
HEAD = "execution,started,resource,action,reason\n"


@pytest.fixture
def client() -> Any:
    return boto3.client(
        "imagebuilder", "us-west-2", aws_access_key_id="test", aws_secret_access_key="test"
    )


@pytest.fixture
def stubber(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def executions() -> list[dict[str, Any]]:
    return [{"lifecycleExecutionId": each, "startTime": STARTED} for each in IDS]


def test_failed_resources_of_all_pages_are_listed(client: Any, stubber: Stubber) -> None:
    stubber.add_response(
        "list_lifecycle_executions",
        {"lifecycleExecutions": executions()},
        expected_params={"resourceArn": POLICY},
    )
    stubber.add_response(
        "list_lifecycle_execution_resources",
        {"lifecycleExecutionId": IDS[0], "resources": RESOURCES[:25], "nextToken": "second"},
        expected_params={"lifecycleExecutionId": IDS[0]},
    )
    stubber.add_response(
        "list_lifecycle_execution_resources",
        {"lifecycleExecutionId": IDS[0], "resources": RESOURCES[25:]},
        expected_params={"lifecycleExecutionId": IDS[0], "nextToken": ANY},
    )
    stubber.add_response(
        "list_lifecycle_execution_resources",
        {"lifecycleExecutionId": IDS[1], "resources": []},
        expected_params={"lifecycleExecutionId": IDS[1]},
    )
    out = io.StringIO()
    assert report(client, POLICY, out) == 0
    assert out.getvalue() == HEAD + "".join(
        f"{IDS[0]},2026-03-01,ami-{number},DELETE,in use\n" for number in (3, 23)
    )


def test_a_denied_listing_is_an_error(
    client: Any, stubber: Stubber, capsys: pytest.CaptureFixture[str]
) -> None:
    stubber.add_response(
        "list_lifecycle_executions",
        {"lifecycleExecutions": executions()},
        expected_params={"resourceArn": POLICY},
    )
    stubber.add_client_error(
        "list_lifecycle_execution_resources",
        service_error_code="AccessDeniedException",
        service_message="Ask the platform team.",
        http_status_code=403,
        expected_params={"lifecycleExecutionId": IDS[0]},
    )
    assert report(client, POLICY, io.StringIO()) == 1
    assert "Ask the platform team." in capsys.readouterr().err
