"""An account in which each member of each structure has a value of a wrong type somewhere."""

import copy
import itertools
import json
from typing import Any

from .lifecycle_account import (
    LifecycleAccount,
    Wire,
    execution_id,
    make_ami,
    make_execution,
    make_image,
    policy_arn,
)
from .paginated_service import put

#: JSON values; a member gets only those that its model does not allow.
VALUES: list[Any] = [5, 1e300, True, [1], {"a": {"b": [1]}}, "text"]
STATE = ("state", "state.status", "state.reason")
TIMES = ("startTime", "endTime")
POLICY = ("arn", "name", "status", "resourceType", "dateLastRun", "dateUpdated", "description")
EXECUTION = (
    "lifecycleExecutionId",
    "lifecyclePolicyArn",
    "resourcesImpactedSummary",
    "resourcesImpactedSummary.hasImpactedResources",
    *STATE,
    *TIMES,
)
RESOURCE = ("accountId", "resourceId", "region", "action", "action.name", "action.reason")
RESOURCE_LISTS = ("imageUris", "snapshots")
_STRUCTURES = {"state", "action", "resourcesImpactedSummary"}
_TIMES = {*TIMES, "dateLastRun", "dateUpdated"}
RUN = execution_id(0, 0)


def broken(structure: Wire, paths: tuple[str, ...]) -> list[Wire]:
    """Return a copy of the structure for each value in each of the members."""
    results = []
    for path, value in itertools.product(paths, VALUES):
        if not _fits(path, value):
            results.append(copy.deepcopy(structure))
            put(results[-1], path, value)
    return results


def _fits(path: str, value: Any) -> bool:
    """Return whether the value is valid for the member."""
    if path in _STRUCTURES:
        return isinstance(value, dict)
    if path in _TIMES:
        return type(value) is int
    if path == "resourcesImpactedSummary.hasImpactedResources":
        return value is True
    return isinstance(value, str)


def _numbered(resources: list[Wire]) -> list[Wire]:
    """Return the resources; each with a string as its id gets another id."""
    for number, resource in enumerate(resources):
        if isinstance(resource["resourceId"], str):
            resource["resourceId"] += f"-{number}"
    return resources


def make_broken_account(most: int = 50) -> LifecycleAccount:
    """Return an account with one valid policy, execution and image; the others are broken."""
    account = LifecycleAccount(most=most)
    arn = policy_arn(0)
    policy = {"arn": arn, "name": "whole", "status": "ENABLED", "dateLastRun": 1790812800}
    account.policies = [policy, 5, *broken({**policy, "arn": policy_arn(1)}, POLICY)]  # type: ignore[list-item]
    execution = make_execution(0, 0)
    others = broken(make_execution(0, 1), EXECUTION)
    for number, other in enumerate(others, 2):
        if other["lifecycleExecutionId"] == execution_id(0, 1):
            other["lifecycleExecutionId"] = execution_id(0, number)
    account.executions[arn] = [execution, "text", *others]  # type: ignore[list-item]
    image = make_image(RUN, 0)
    image |= {"startTime": 1790812800, "endTime": 1790812801}
    children = broken(make_ami(image["resourceId"], 0), (*RESOURCE, *STATE, *TIMES))
    for member, value in itertools.product(RESOURCE_LISTS, VALUES):
        if member == "snapshots" or not isinstance(value, str):
            children.append({**make_ami(image["resourceId"], 1), member: [value]})
    snapshot = {"snapshotId": "snap-1", "state": {"status": "SUCCESS"}}
    children += [
        {**make_ami(image["resourceId"], 2), "snapshots": [one, snapshot]}
        for one in broken(snapshot, ("snapshotId", *STATE))
    ]
    images = broken(image, (*RESOURCE, *STATE, *TIMES))
    account.resources[RUN, None] = [image, True, *_numbered(images)]  # type: ignore[list-item]
    account.resources[RUN, image["resourceId"]] = _numbered(children)
    return account


def keys_of_account(account: LifecycleAccount) -> list[tuple[Any, Any, Any]]:
    """Return the ids of all records, by a nested loop: execution, parent and resource."""

    def text(item: Wire, member: str) -> str | None:
        return item[member] if isinstance(item[member], str) else None

    keys: list[tuple[Any, Any, Any]] = []
    for policy in filter(_is_structure, account.policies):
        for execution in filter(
            _is_structure, account.executions.get(text(policy, "arn") or "", [])
        ):
            run = text(execution, "lifecycleExecutionId")
            keys.append((run, None, None))
            for resource in filter(_is_structure, account.resources.get((run or "", None), [])):
                image = text(resource, "resourceId")
                keys.append((run, None, image))
                if image is not None:
                    keys += [
                        (run, image, text(child, "resourceId"))
                        for child in account.resources.get((run or "", image), [])
                    ]
    return keys


def _is_structure(item: object) -> bool:
    return isinstance(item, dict)


def as_sent(value: Any) -> Any:
    """Return a value of a page as the sent JSON, except times."""
    return json.loads(json.dumps(value, default=lambda time: time.timestamp()))
