"""The demonstration behind ``make demo``: a listing that stops, and one that goes on from there."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable

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


def main() -> None:
    """Starts the local service, lists from it in runs of ``MaxItems``, prints what was found."""
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
        print("The listing is complete.\n")
    print_summary(found)
    print("\nThe Python that did it:\n")
    print(inspect.getsource(list_resources))


def print_summary(resources: Iterable[LifecycleExecutionResource]) -> None:
    """Prints how many resources there are of each action and status."""
    counts = Counter(
        (str(resource["action"]["name"]), str(resource["state"]["status"]))
        for resource in resources
    )
    actions = sorted({action for action, _ in counts})
    statuses = sorted({status for _, status in counts})
    print(f"{counts.total()} resources, by action and status:")
    print("".join(f"{title:>12}" for title in ("", *statuses, "in all")))
    for action in actions:
        row = [counts[action, status] for status in statuses]
        print(f"{action:>12}" + "".join(f"{count:>12}" for count in (*row, sum(row))))


if __name__ == "__main__":
    main()
