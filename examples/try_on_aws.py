"""Try this library against AWS itself: list one lifecycle execution, and compare with boto3.

    python examples/try_on_aws.py lce-12345678-1234-1234-1234-123456789012 --region us-west-2

It only reads: it sends ListLifecycleExecutionResources, a page at a time, and nothing else. Before
that it shows the requests and asks. If boto3 is installed, boto3 lists the execution, too, and all
members are compared. The exit code is 0 if they are the same.

Credentials and region are found as boto3 finds them. See docs/operating.md for the IAM policy.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from imagebuilder_pager import ImageBuilder, __version__, exceptions

OPERATION = "list_lifecycle_execution_resources"


def main(argv: Sequence[str] | None = None) -> int:
    """List by this library and by boto3, and return the exit code."""
    options = parse(argv)
    client = ImageBuilder(
        options.region, profile_name=options.profile, endpoint_url=options.endpoint_url
    )
    with client:
        show(f"imagebuilder-pager {__version__} would call, read only:")
        show(f"  POST {client.endpoint_url}/ListLifecycleExecutionResources")
        show(f"  for {options.execution_id}, {options.page_size} items a page, at most")
        show(f"  {options.max_items} items: by this library, and if it is installed by boto3")
        if not options.yes and not confirmed():
            show("Nothing was sent.")
            return 1
        config = {"MaxItems": options.max_items, "PageSize": options.page_size}
        try:
            own = list_resources(client, options.execution_id, config)
        except exceptions.PagerError as error:
            show(f"this library: {type(error).__name__}: {error}")
            return 1
    show(f"this library: {describe(own)}")
    reference = list_by_boto3(options, config)
    if reference is None:
        show("boto3 is not installed: nothing to compare with")
        return 0
    show(f"boto3:        {describe(reference)}")
    differences = list(compare(own, reference, "result"))
    for difference in differences[:20]:
        show(f"  {difference}")
    show("They differ; please report it." if differences else "They are the same.")
    return 1 if differences else 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("execution_id", metavar="LIFECYCLE_EXECUTION_ID")
    parser.add_argument("--region")
    parser.add_argument("--profile")
    parser.add_argument("--endpoint-url", help="another endpoint, such as the local service's")
    parser.add_argument("--max-items", type=int, default=200)
    parser.add_argument("--page-size", type=int, default=10)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser.parse_args(argv)


def confirmed() -> bool:
    """Ask, and return whether the reply is yes; the end of the input means no."""
    show("Send it? [y/N] ")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def list_resources(client: Any, execution_id: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return the full result of either client: the calls are the same."""
    paginator = client.get_paginator(OPERATION)
    pages = paginator.paginate(lifecycleExecutionId=execution_id, PaginationConfig=config)
    result: dict[str, Any] = pages.build_full_result()
    return result


def list_by_boto3(options: argparse.Namespace, config: dict[str, Any]) -> dict[str, Any] | None:
    """Return boto3's full result, or None if it is not installed."""
    try:
        import boto3
    except ImportError:
        return None
    session = boto3.Session(profile_name=options.profile, region_name=options.region)
    client = session.client("imagebuilder", endpoint_url=options.endpoint_url)
    return list_resources(client, options.execution_id, config)


def compare(own: Any, reference: Any, path: str) -> list[str]:
    """Return a line for each difference."""
    if isinstance(own, dict) and isinstance(reference, dict):
        lines = [
            f"{path}.{key}: only {'here' if key in own else 'in boto3'}"
            for key in sorted(own.keys() ^ reference.keys())
        ]
        for key in sorted(own.keys() & reference.keys()):
            lines += compare(own[key], reference[key], f"{path}.{key}")
        return lines
    if isinstance(own, list) and isinstance(reference, list):
        lines = []
        if len(own) != len(reference):
            lines.append(f"{path}: {len(own)} items here, {len(reference)} in boto3")
        for number, (one, other) in enumerate(zip(own, reference, strict=False)):
            lines += compare(one, other, f"{path}[{number}]")
        return lines
    return [] if own == reference else [f"{path}: {own!r} here, {reference!r} in boto3"]


def describe(result: dict[str, Any]) -> str:
    """Return the number of items, and whether more follow."""
    more = ", and more follow" if "NextToken" in result else ""
    return f"{len(result.get('resources', []))} items{more}"


def show(line: str) -> None:
    """Print a line at once, without control characters."""
    print("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
