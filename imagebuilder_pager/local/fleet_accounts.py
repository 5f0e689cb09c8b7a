"""Accounts of a given size for a local fleet: the same arguments give the same data."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from typing import TYPE_CHECKING, Any

from .account import Account, Execution
from .account_generator import example_policy, generate_execution

if TYPE_CHECKING:
    from .resource_generator import ResourceType

_DAY = 86400
_DOCUMENTED_IDS = ("123456789012", "111122223333", "444455556666", "777788889999")
#: The states of a policy's executions, from day to day, over and over.
_STATUSES = ("SUCCESS", "SUCCESS", "FAILED", "SUCCESS", "CANCELLED", "SUCCESS", "SUCCESS")
_FAILED_REASON = "Some resources could not be processed. See the state of each resource."
_NAMES = ("retire-old-amis", "trim-container-images", "deprecate-nightlies", "expire-ci-runners")


@dataclasses.dataclass(frozen=True, slots=True)
class FleetSize:
    """The size of a local fleet.

    ``policies``: of each account in each region. ``executions``: of each policy. ``resources``:
    images of each execution, each with its AMIs or container images.
    """

    accounts: int = 2
    policies: int = 2
    executions: int = 3
    resources: int = 30


def account_ids(count: int) -> tuple[str, ...]:
    """Return so many account ids; the first ones are those that AWS uses in its documentation."""
    further = (f"{number:012d}" for number in range(1, count))
    return tuple(itertools.islice((*_DOCUMENTED_IDS, *further), count))


def generate_fleet_account(
    account_id: str, region: str, size: FleetSize, *, newest: int, is_running: bool = True
) -> Account:
    """Generate the policies and executions of an account in a region.

    ``newest`` is the start of the newest executions, in epoch seconds; the others are a day apart.
    With ``is_running``, the newest execution of the first policy has not ended. With a later
    ``newest`` the same executions are there, and newer ones. The executions of a policy that have
    the same state list the same resources, as runs over the same images do.
    """
    policies, executions = [], []
    for number in range(size.policies):
        policy = _policy(account_id, region, number)
        policies.append(policy | {"dateLastRun": newest})
        templates: dict[str, Execution] = {}
        for index in range(size.executions):
            start = newest - index * _DAY
            status = _STATUSES[(start // _DAY + number) % len(_STATUSES)]
            if is_running and number == index == 0:
                status = "IN_PROGRESS"
            if status not in templates:
                templates[status] = generate_execution(
                    f"{policy['arn']} {status}",
                    policy,
                    status=status,
                    resources=size.resources,
                    reason=_FAILED_REASON if status == "FAILED" else None,
                )
            executions.append(_execution(templates[status], policy["arn"], start))
    return Account(tuple(executions), tuple(policies), account_id=account_id)


def _policy(account_id: str, region: str, number: int) -> dict[str, Any]:
    resource_type: ResourceType = "CONTAINER_IMAGE" if number % 3 == 1 else "AMI_IMAGE"
    suffix = f"-{number // len(_NAMES)}" if number >= len(_NAMES) else ""
    name = f"{_NAMES[number % len(_NAMES)]}{suffix}"
    return example_policy(resource_type) | {
        "arn": f"arn:aws:imagebuilder:{region}:{account_id}:lifecycle-policy/{name}",
        "name": name,
        "executionRole": f"arn:aws:iam::{account_id}:role/image-lifecycle",
    }


def _execution(template: Execution, policy_arn: str, start: int) -> Execution:
    digits = hashlib.sha256(f"{policy_arn} {start}".encode()).hexdigest()
    groups = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32])
    duration = None
    if template.end_time is not None and template.start_time is not None:
        duration = template.end_time - template.start_time
    return dataclasses.replace(
        template,
        lifecycle_execution_id=f"lce-{'-'.join(groups)}",
        start_time=start,
        end_time=None if duration is None else start + duration,
    )
