"""Prints the resources of a lifecycle execution, one a line.

Keys and region come from where AWS's SDKs find them: in a container, the task's or pod's role.
"""

import sys

from imagebuilder_pager import ImageBuilder


def main(lifecycle_execution_id: str) -> None:
    """Lists, a page at a time."""
    with ImageBuilder() as client:
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        for resource in paginator.paginate(lifecycleExecutionId=lifecycle_execution_id).items():
            action, state = resource.action, resource.state
            print(resource.resource_id, action and action.name, state and state.status)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} LIFECYCLE_EXECUTION_ID")
    main(sys.argv[1])
