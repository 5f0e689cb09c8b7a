"""The twin of examples/container/list_resources.py, with boto3."""

import sys

import boto3

client = boto3.client("imagebuilder")
paginator = client.get_paginator("list_lifecycle_execution_resources")
for page in paginator.paginate(lifecycleExecutionId=sys.argv[1]):
    for resource in page["resources"]:
        action, state = resource.get("action"), resource.get("state")
        print(resource["resourceId"], action and action["name"], state and state["status"])
