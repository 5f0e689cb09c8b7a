"""The demo behind ``make demo``: a listing that stops at ``MaxItems``, and one that resumes it."""

from __future__ import annotations

import importlib.util
import inspect
import os
import subprocess
import sys

from imagebuilder_pager.client import ImageBuilder
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    SECRET_ACCESS_KEY,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from imagebuilder_pager.models import LifecycleExecutionResource

__all__ = ["main"]

_RESOURCES = 140
_MAX_ITEMS = 60


def list_resources(
    client: ImageBuilder, found: list[LifecycleExecutionResource], token: str | None
) -> str | None:
    """List into ``found``, from ``token`` on, and return the token that resumes the listing."""
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    pages = paginator.paginate(
        lifecycleExecutionId=EXAMPLE_EXECUTION_ID,
        PaginationConfig={"MaxItems": _MAX_ITEMS, "PageSize": 25, "StartingToken": token},
    )
    for number, page in enumerate(pages, start=1):
        found.extend(page.resources)
        first = page.resources[0].resource_id
        print(f"  page {number}: {len(page.resources)} resources, from {first}")
    return pages.resume_token


def main() -> int:
    """List from a local server in runs of ``MaxItems``, then show a summary.

    Returns the exit code of the command that shows the summary.
    """
    with LocalServer(LocalImageBuilder(generate_account(resources=_RESOURCES))) as server:
        print(f"Started the local Image Builder at {server.url}; its data is generated.")
        print(f"Listing the resources of the lifecycle execution {EXAMPLE_EXECUTION_ID},")
        print(f"25 on a page, at most {_MAX_ITEMS} in a run; each request is signed with SigV4.\n")
        found: list[LifecycleExecutionResource] = []
        with ImageBuilder(
            "us-west-2",
            endpoint_url=server.url,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
        ) as client:
            token = list_resources(client, found, None)
            while token is not None:
                print("Stopped at MaxItems. This token resumes the listing, here or in boto3:")
                print(f"  {token}")
                token = list_resources(client, found, token)
        print(f"The listing is complete: {len(found)} resources. The Python that did it:\n")
        print(inspect.getsource(list_resources))
        if importlib.util.find_spec("rich") is None:
            print("A summary of it would follow; that needs rich: imagebuilder-pager[cli].")
            return 0
        return show_summary(server.url)


def show_summary(url: str) -> int:
    """Run the command line with ``--output summary`` and return its exit code."""
    command = (
        "list-lifecycle-execution-resources",
        *("--lifecycle-execution-id", EXAMPLE_EXECUTION_ID),
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
