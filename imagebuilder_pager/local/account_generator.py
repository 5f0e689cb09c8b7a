"""Realistic lifecycle data, generated from a seed: the same seed gives the same data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .account import Account, Execution
from .history_generator import add_history
from .resource_generator import HOME_LOCATION, ResourceGenerator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .resource_generator import ResourceType

EXAMPLE_EXECUTION_ID = "lce-12345678-1234-1234-1234-123456789012"
"""The id of the main execution of a generated account."""

_DEFAULT_START_TIME = 1740967200  # 2025-03-03 02:00 UTC


def generate_account(*, resources: int = 120, seed: int = 0, history: bool = False) -> Account:
    """Generate an account with two executions.

    - ``resources``: the images of the main execution, ``EXAMPLE_EXECUTION_ID``, which is of a
      policy for AMIs. The other execution is of a policy for container images, and has a third as
      many. Each image has children: AMIs with snapshots, or container images. Default: 120.
    - ``seed``: the seed of the data; the same seed gives the same data. Default: 0.
    - ``history``: whether the account also has the two years before; see ``add_history``. Default:
      False.

    Raises ``ValueError`` if ``resources`` is negative.
    """
    if resources < 0:
        raise ValueError(f"resources is {resources}, it has to be 0 or more")
    ami, container = example_policy("AMI_IMAGE"), example_policy("CONTAINER_IMAGE")
    other_id = "lce-87654321-4321-4321-4321-210987654321"
    account = Account(
        executions=(
            generate_execution(
                EXAMPLE_EXECUTION_ID, ami, status="IN_PROGRESS", resources=resources, seed=seed
            ),
            generate_execution(
                other_id, container, status="SUCCESS", resources=resources // 3, seed=seed
            ),
        ),
        policies=(ami, container),
    )
    return add_history(account) if history else account


def example_policy(resource_type: ResourceType) -> dict[str, Any]:
    """Return an example of the API's ``LifecyclePolicy``, for AMIs or for container images."""
    region, account = HOME_LOCATION
    is_ami = resource_type == "AMI_IMAGE"
    name = "retire-old-amis" if is_ami else "trim-container-images"
    delete: dict[str, Any] = {
        "action": {
            "type": "DELETE",
            "includeResources": {"amis": True, "snapshots": True}
            if is_ami
            else {"containers": True},
        },
        "filter": {"type": "COUNT", "value": 20 if is_ami else 10},
        "exclusionRules": {
            "tagMap": {"lifecycle": "keep"} if is_ami else {"release": "production"}
        },
    }
    details = [delete]
    if is_ami:
        delete["exclusionRules"]["amis"] = {
            "isPublic": True,
            "sharedAccounts": ["444455556666", "777788889999"],
            "lastLaunched": {"value": 60, "unit": "DAYS"},
        }
        for action, days in (("DEPRECATE", 90), ("DISABLE", 180)):
            age = {"type": "AGE", "value": days, "unit": "DAYS", "retainAtLeast": 3}
            kind = {"type": action, "includeResources": {"amis": True}}
            details.append({"action": kind, "filter": age})
    return {
        "arn": f"arn:aws:imagebuilder:{region}:{account}:lifecycle-policy/{name}",
        "name": name,
        "description": "Retire AMIs by age" if is_ami else "Keep the newest container images",
        "status": "ENABLED",
        "executionRole": f"arn:aws:iam::{account}:role/image-lifecycle",
        "resourceType": resource_type,
        "policyDetails": details,
        "resourceSelection": {"tagMap": {"team": "platform"}},
        "dateCreated": 1684720800 if is_ami else 1699236000,  # May and November 2023
        "dateUpdated": 1735732800.25,
        "dateLastRun": _DEFAULT_START_TIME,
        "tags": {"team": "platform"},
    }


def generate_execution(
    execution_id: str,
    policy: Mapping[str, Any],
    *,
    status: str,
    resources: int,
    reason: str | None = None,
    start_time: int = _DEFAULT_START_TIME,
    seed: int = 0,
) -> Execution:
    """Generate an execution of the policy with ``resources`` images.

    ``status`` and ``reason`` are the execution's state. The statuses of the images are consistent
    with it; an execution that is PENDING can have no images. ``start_time`` is in epoch seconds.
    The data depend on the arguments alone, not on other executions.
    """
    resource_type: ResourceType = policy["resourceType"]
    generator = ResourceGenerator(f"{seed} {execution_id}", resource_type, start_time)
    images, children_by_parent = [], {}
    for index in range(resources):
        image, children = generator.image(index, status)
        images.append(image)
        children_by_parent[image["resourceId"]] = children
    running = status in ("PENDING", "IN_PROGRESS", "CANCELLING")
    return Execution(
        lifecycle_execution_id=execution_id,
        lifecycle_execution_state={"status": status} | ({"reason": reason} if reason else {}),
        resources=tuple(images),
        children_by_parent=children_by_parent,
        lifecycle_policy_arn=policy["arn"],
        start_time=start_time,
        end_time=None if running else start_time + 60 + 45 * resources,
    )
