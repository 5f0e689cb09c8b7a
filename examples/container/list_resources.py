"""Print the resources of a lifecycle execution, one on a line.

Credentials and region come from the default chain: in a container, from the role of the task or
pod.
"""

import sys

from imagebuilder_pager import H11Client, ImageBuilder


def main(lifecycle_execution_id: str) -> None:
    """List the resources, a page at a time, and print them."""
    with H11Client(preconnect=True) as http, ImageBuilder(http_client=http) as client:
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        for resource in paginator.paginate(lifecycleExecutionId=lifecycle_execution_id).items():
            action, state = resource.action, resource.state
            print(resource.resource_id, action and action.name, state and state.status)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} LIFECYCLE_EXECUTION_ID")
    main(sys.argv[1])
