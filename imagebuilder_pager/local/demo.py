"""The demo of ``make demo``: from the policies to the resources of one of their executions.

The last listing stops at ``MaxItems``; another listing resumes it.
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
from imagebuilder_pager.models import LifecycleExecutionResource


def list_executions(client: ImageBuilder) -> str:
    """Print the policies and the newest executions of the first; return the id of the newest."""
    policies = list(client.get_paginator("list_lifecycle_policies").paginate().items())
    for policy in policies:
        last_run = f"last run {policy.date_last_run:%Y-%m-%d}" if policy.date_last_run else "-"
        print(f"  {policy.name:<24} {policy.status:<10} {last_run}")
    paginator = client.get_paginator("list_lifecycle_executions")
    executions = list(paginator.paginate(resourceArn=policies[0].arn or "").items())
    print(f"{len(executions)} executions of {policies[0].name}, the newest first:")
    for execution in executions[:5]:
        status = execution.state.status if execution.state else None
        print(f"  {execution.lifecycle_execution_id} {status:<12} {execution.start_time:%Y-%m-%d}")
    return executions[0].lifecycle_execution_id or ""


def list_resources(
    client: ImageBuilder,
    execution_id: str,
    found: list[LifecycleExecutionResource],
    token: str | None,
) -> str | None:
    """List up to 60 into ``found``, from ``token`` on; return the token that resumes it."""
    pages = client.get_paginator("list_lifecycle_execution_resources").paginate(
        lifecycleExecutionId=execution_id,
        PaginationConfig={"MaxItems": 60, "PageSize": 25, "StartingToken": token},
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
    account = generate_account(resources=140, history=True)
    with LocalServer(LocalImageBuilder(account)) as server:
        print(f"Started the local Image Builder at {server.url}; its data is generated.")
        print("Each request is signed with SigV4. The account's lifecycle policies:")
        with ImageBuilder(
            "us-west-2",
            endpoint_url=server.url,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
        ) as client:
            execution_id = list_executions(client)
            print(f"The resources of {execution_id},\n25 on a page, at most 60 in a run:")
            found: list[LifecycleExecutionResource] = []
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
        return _show_summary(server.url, execution_id)


def _show_summary(url: str, execution_id: str) -> int:
    """Run the command line with ``--output summary`` and return its exit code."""
    command = ["list-lifecycle-execution-resources", "--lifecycle-execution-id", execution_id]
    command += ["--output", "summary"]
    print(f"$ imagebuilder-pager {' '.join(command)}\n", flush=True)
    environment = {name: value for name, value in os.environ.items() if name[:4] != "AWS_"} | {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-west-2",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
    }
    # In another process: ``local`` is below ``cli`` and does not import it.
    program = [sys.executable, "-m", "imagebuilder_pager"]
    return subprocess.run([*program, *command], env=environment, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
