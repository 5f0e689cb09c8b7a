"""List what the executions of a lifecycle policy failed to act on, as CSV.

    python examples/report.py arn:aws:imagebuilder:us-west-2:123456789012:lifecycle-policy/web

Credentials, region and endpoint come from the environment, as in examples/report_boto3.py.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

from imagebuilder_pager import ImageBuilder, exceptions

COLUMNS = ("execution", "started", "resource", "action", "reason")


def rows(client: ImageBuilder, policy: str) -> Iterator[tuple[str | None, ...]]:
    """Yield a row for each failed resource."""
    for record in client.walk_lifecycle([policy], children=False):
        execution, resource = record.execution, record.resource
        if resource and resource.state and resource.state.status == "FAILED":
            yield (
                execution.lifecycle_execution_id,
                f"{execution.start_time:%Y-%m-%d}" if execution.start_time else "",
                resource.resource_id,
                resource.action.name if resource.action else "",
                resource.state.reason,
            )


def report(client: ImageBuilder, policy: str, out: TextIO) -> int:
    """Write the report, and return the exit code."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    try:
        writer.writerows(rows(client, policy))
    except exceptions.PagerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Report with a client that is configured by the environment."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("policy", metavar="LIFECYCLE_POLICY_ARN")
    options = parser.parse_args(argv)
    with ImageBuilder(connect_timeout=5, read_timeout=20, max_attempts=5) as client:
        return report(client, options.policy, sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
