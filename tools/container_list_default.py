"""The twin of examples/container/list_resources.py, with the default client."""

import sys

from imagebuilder_pager import ImageBuilder

with ImageBuilder() as client:
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    for resource in paginator.paginate(lifecycleExecutionId=sys.argv[1]).items():
        action, state = resource.action, resource.state
        print(resource.resource_id, action and action.name, state and state.status)
