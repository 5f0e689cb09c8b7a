"""The demonstration behind ``make demo``: a listing that stops, and one that goes on from there."""

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
    """Lists into ``found`` from ``token`` on; returns the token that goes on after it."""
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
    """Starts the local service, lists from it in runs of ``MaxItems``, shows what was found.

    Returns the exit code of the command that shows it.
    """
    with LocalServer(LocalImageBuilder(generate_account(resources=_RESOURCES))) as server:
        print(f"Started the local Image Builder at {server.url}; its data is made up.")
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
                print("Stopped at MaxItems. This token goes on from there, here or in boto3:")
                print(f"  {token}")
                token = list_resources(client, found, token)
        print(f"The listing is complete: {len(found)} resources. The Python that did it:\n")
        print(inspect.getsource(list_resources))
        if importlib.util.find_spec("rich") is None:
            print("A summary of it would follow; that needs rich: imagebuilder-pager[cli].")
            return 0
        return show_summary(server.url)


def show_summary(url: str) -> int:
    """Runs the command line with ``--output summary``, as one would in a shell."""
    command = (
        "list-lifecycle-execution-resources",
        *("--lifecycle-execution-id", EXAMPLE_EXECUTION_ID),
        *("--output", "summary"),
    )
    print(f"$ imagebuilder-pager {' '.join(command)}\n", flush=True)
    surroundings = {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-west-2",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
    }
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # Another process: this part of the package is below the command line, and does not import it.
    ran = subprocess.run(  # noqa: S603 - nothing in it is from outside
        [sys.executable, "-m", "imagebuilder_pager", *command],
        env={**ours, **surroundings},
        check=False,
    )
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
