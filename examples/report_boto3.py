"""List what the executions of a lifecycle policy failed to act on, as CSV, by boto3.

    python examples/report_boto3.py arn:aws:imagebuilder:us-west-2:123456789012:lifecycle-policy/web

To compare: examples/report.py is the same program with this library. Credentials, region and
endpoint come from the environment.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any, TextIO

import boto3
import botocore.config
import botocore.exceptions

COLUMNS = ("execution", "started", "resource", "action", "reason")


def list_executions(client: Any, policy: str) -> Iterator[dict[str, Any]]:
    """Yield the executions of a policy."""
    paginator = client.get_paginator("list_lifecycle_executions")
    for page in paginator.paginate(resourceArn=policy):
        yield from page.get("lifecycleExecutions", [])


def list_failed(client: Any, execution_id: str) -> Iterator[dict[str, Any]]:
    """Yield the resources that an execution failed to act on."""
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    for page in paginator.paginate(lifecycleExecutionId=execution_id):
        for resource in page.get("resources", []):
            if resource.get("state", {}).get("status") == "FAILED":
                yield resource


def rows(client: Any, policy: str) -> Iterator[tuple[str, ...]]:
    """Yield a row for each failed resource."""
    for execution in list_executions(client, policy):
        started = execution.get("startTime")
        for resource in list_failed(client, execution["lifecycleExecutionId"]):
            yield (
                execution["lifecycleExecutionId"],
                f"{started.astimezone(UTC):%Y-%m-%d}" if started else "",
                resource.get("resourceId", ""),
                resource.get("action", {}).get("name", ""),
                resource["state"].get("reason", ""),
            )


def report(client: Any, policy: str, out: TextIO) -> int:
    """Write the report, and return the exit code."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    try:
        writer.writerows(rows(client, policy))
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Report with a client that is configured by the environment."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("policy", metavar="LIFECYCLE_POLICY_ARN")
    options = parser.parse_args(argv)
    config = botocore.config.Config(
        connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 5, "mode": "standard"}
    )
    client = boto3.client("imagebuilder", config=config)
    return report(client, options.policy, sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
