"""An account in which each member of each structure has a value of a wrong type somewhere."""

import json
from collections.abc import Iterator
from typing import Any

import botocore.model

from tools.service_model import ServiceModel

from .lifecycle_account import (
    LifecycleAccount,
    Wire,
    execution_id,
    make_ami,
    make_execution,
    make_image,
    policy_arn,
)

#: JSON values; a member gets only those that its model does not allow.
VALUES: list[Any] = [5, 1e300, True, [1], {"a": {"b": [1]}}, "text"]
_TYPES = {"string": str, "boolean": bool, "timestamp": int, "structure": dict, "map": dict}
_MODEL = botocore.model.ServiceModel(ServiceModel().description)
RUN = execution_id(0, 0)


def broken(shape: Any, sample: Any) -> Iterator[Any]:
    """Yield values that do not match a shape, each in one place; the rest is as in the sample.

    A list is one: only its items are wrong.
    """
    if isinstance(shape, botocore.model.ListShape):
        yield from ([one, *(sample or [])] for one in broken(shape.member, {}))
        return
    yield from (value for value in VALUES if type(value) is not _TYPES[shape.type_name])
    if isinstance(shape, botocore.model.StructureShape):
        for name, member in shape.members.items():
            for one in broken(member, sample.get(name, {})):
                yield {**sample, name: one}


def broken_items(shape: str, sample: Wire, id_member: str) -> list[Any]:
    """Return broken structures of a shape; each with a string as its id gets another id."""
    items = list(broken(_MODEL.shape_for(shape), sample))
    for number, item in enumerate(filter(_is_structure, items)):
        if isinstance(item.get(id_member), str):
            item[id_member] += f"-{number}"
    return items


def make_broken_account(most: int = 50) -> LifecycleAccount:
    """Return an account with one valid policy, execution and image; the others are broken."""
    account = LifecycleAccount(most=most)
    arn = policy_arn(0)
    policy = {"arn": arn, "name": "whole", "status": "ENABLED", "dateLastRun": 1790812800}
    account.policies = [policy, *broken_items("LifecyclePolicySummary", policy, "arn")]
    image = make_image(RUN, 0) | {"startTime": 1790812800, "endTime": 1790812801}
    others = broken_items("LifecycleExecution", make_execution(0, 1), "lifecycleExecutionId")
    account.executions[arn] = [make_execution(0, 0), *others]
    resource, parent = "LifecycleExecutionResource", image["resourceId"]
    account.resources[RUN, None] = [image, *broken_items(resource, image, "resourceId")]
    account.resources[RUN, parent] = broken_items(resource, make_ami(parent, 1), "resourceId")
    return account


def keys_of_account(account: LifecycleAccount) -> list[tuple[Any, Any, Any]]:
    """Return the ids of all records, by a nested loop: execution, parent and resource."""

    def text(item: Wire, member: str) -> str | None:
        return item[member] if isinstance(item[member], str) else None

    def resources(run: str | None, parent: str | None = None) -> Iterator[str | None]:
        for item in filter(_is_structure, account.resources.get((run or "", parent), [])):
            yield text(item, "resourceId")

    keys: list[tuple[Any, Any, Any]] = []
    for policy in filter(_is_structure, account.policies):
        executions = account.executions.get(text(policy, "arn") or "", [])
        for execution in filter(_is_structure, executions):
            run = text(execution, "lifecycleExecutionId")
            keys.append((run, None, None))
            for image in resources(run):
                keys.append((run, None, image))
                if image is not None:
                    keys += [(run, image, child) for child in resources(run, image)]
    return keys


def _is_structure(item: object) -> bool:
    return isinstance(item, dict)


def as_sent(value: Any) -> Any:
    """Return a value of a page as the sent JSON, except times."""
    return json.loads(json.dumps(value, default=lambda time: time.timestamp()))
