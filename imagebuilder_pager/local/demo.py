"""The demo behind ``make demo``: from the policies to the resources of one of their executions.

The last listing stops at ``MaxItems``, and another one resumes it.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import subprocess
import sys

from imagebuilder_pager.client import ImageBuilder
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from imagebuilder_pager.models import LifecycleExecution, LifecycleExecutionResource

_RESOURCES = 140
_MAX_ITEMS = 60
_SHOWN = 5  # executions of a policy


def list_executions(client: ImageBuilder) -> list[LifecycleExecution]:
    """Print the policies, list the executions of the first one, and print the newest."""
    paginator = client.get_paginator("list_lifecycle_policies")
    policies = list(paginator.paginate().items())
    for policy in policies:
        last_run = f"last run {policy.date_last_run:%Y-%m-%d}" if policy.date_last_run else "-"
        print(f"  {policy.name:<24} {policy.status:<10} {last_run}")
    arn = policies[0].arn or ""
    pages = client.get_paginator("list_lifecycle_executions").paginate(resourceArn=arn)
    executions = list(pages.items())
    print(f"{len(executions)} executions of {policies[0].name}, the newest first:")
    for execution in executions[:_SHOWN]:
        status = execution.state.status if execution.state else None
        print(f"  {execution.lifecycle_execution_id} {status:<12} {execution.start_time:%Y-%m-%d}")
    return executions


def list_resources(
    client: ImageBuilder,
    execution_id: str,
    found: list[LifecycleExecutionResource],
    token: str | None,
) -> str | None:
    """List into ``found``, from ``token`` on, and return the token that resumes the listing."""
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    pages = paginator.paginate(
        lifecycleExecutionId=execution_id,
        PaginationConfig={"MaxItems": _MAX_ITEMS, "PageSize": 25, "StartingToken": token},
    )
    for number, page in enumerate(pages, start=1):
        found.extend(page.resources)
        first = page.resources[0].resource_id
        print(f"  page {number}: {len(page.resources)} resources, from {first}")
    return pages.resume_token


def main() -> int:
    """Go from policies to executions to resources, in runs of ``MaxItems``, then show a summary.

    Returns the exit code of the command that shows the summary.
    """
    account = generate_account(resources=_RESOURCES, history=True)
    with LocalServer(LocalImageBuilder(account)) as server:
        print(f"Started the local Image Builder at {server.url}; its data is generated.")
        print("Each request is signed with SigV4. The account's lifecycle policies:")
        found: list[LifecycleExecutionResource] = []
        with ImageBuilder(
            "us-west-2",
            endpoint_url=server.url,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
        ) as client:
            execution_id = list_executions(client)[0].lifecycle_execution_id or ""
            print(f"The resources of {execution_id},")
            print(f"25 on a page, at most {_MAX_ITEMS} in a run:")
            token = list_resources(client, execution_id, found, None)
            while token is not None:
                print("Stopped at MaxItems. This token resumes the listing, here or in boto3:")
                print(f"  {token}")
                token = list_resources(client, execution_id, found, token)
        print(f"The listing is complete: {len(found)} resources. The Python that did it:\n")
        print(inspect.getsource(list_executions), inspect.getsource(list_resources), sep="\n")
        if importlib.util.find_spec("rich") is None:
            print("A summary of it would follow; that needs rich: imagebuilder-pager[cli].")
            return 0
        return show_summary(server.url, execution_id)


def show_summary(url: str, execution_id: str) -> int:
    """Run the command line with ``--output summary`` and return its exit code."""
    command = (
        "list-lifecycle-execution-resources",
        *("--lifecycle-execution-id", execution_id),
        *("--output", "summary"),
    )
    print(f"$ imagebuilder-pager {' '.join(command)}\n", flush=True)
    settings = {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-west-2",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # In a process of its own: ``local`` is below ``cli`` and does not import it.
    completed = subprocess.run(  # noqa: S603 - no argument comes from outside
        [sys.executable, "-m", "imagebuilder_pager", *command],
        env={**inherited, **settings},
        check=False,
    )
    return completed.returncode


if __name__ == "__main__":
    sys.exit(main())
