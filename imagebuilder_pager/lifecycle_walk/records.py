"""The records of a walk, their keys, and the period of an execution."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..models.lifecycle import LifecycleExecutionResource, LifecycleExecutionState
from ..models.lifecycle_executions import LifecycleExecution
from ..models.lifecycle_policies import LifecyclePolicySummary
from ..models.shapes import of_type

#: The statuses that an execution does not leave again.
ENDED = frozenset({"SUCCESS", "FAILED", "CANCELLED"})


class LifecycleRecordKey(NamedTuple):
    """The identity of a record, the same in every walk.

    - ``account``: the resource's account if the service returns it, else the policy's.
    - ``region``: the resource's region if the service returns it, else the policy's.
    - ``execution``: the id of the execution.
    - ``parent``: the resource id of the parent, None where the record has none.
    - ``resource``: the resource id, None where the record has none.
    """

    account: str | None
    region: str | None
    execution: str | None
    parent: str | None
    resource: str | None


class LifecycleRecord(NamedTuple):
    """An execution of a lifecycle policy, or a resource that it acted on.

    - ``policy``: the policy, with only its ARN if the walk has ``policies=``.
    - ``execution``: the run of the policy.
    - ``parent``: the image that ``resource`` was made from, None for one that the policy selected.
    - ``resource``: the image, AMI or container image, an AMI with its snapshots. None for the
      record of the execution itself, which comes before those of its resources.
    """

    policy: LifecyclePolicySummary
    execution: LifecycleExecution
    parent: LifecycleExecutionResource | None = None
    resource: LifecycleExecutionResource | None = None

    @property
    def key(self) -> LifecycleRecordKey:
        """The record's identity, to store it once."""
        parent, resource = self.parent, self.resource
        account, region = location_of(of_type(self.policy.arn, str) or "")
        if resource is not None:
            account = of_type(resource.account_id, str) or account
            region = of_type(resource.region, str) or region
        return LifecycleRecordKey(
            account or None,
            region or None,
            of_type(self.execution.lifecycle_execution_id, str),
            None if parent is None else of_type(parent.resource_id, str),
            None if resource is None else of_type(resource.resource_id, str),
        )

    @property
    def execution_has_ended(self) -> bool:
        """Whether the execution had ended when it was listed.

        If not, the record may still change, and further records may follow.
        """
        return has_ended(self.execution)

    def to_dict(self) -> dict[str, Any]:
        """Return the four as dictionaries, each as boto3 returns it, or None."""
        parent, resource = self.parent, self.resource
        return {
            "policy": self.policy.to_dict(),
            "execution": self.execution.to_dict(),
            "parent": None if parent is None else parent.to_dict(),
            "resource": None if resource is None else resource.to_dict(),
        }


def has_ended(execution: LifecycleExecution) -> bool:
    """Return whether an execution has ended; one with an unknown status has not."""
    state = of_type(execution.state, LifecycleExecutionState)
    return state is not None and of_type(state.status, str) in ENDED


def is_in_period(start: Any, end: Any, since: Any, until: Any) -> bool:
    """Return whether an execution belongs to the time from ``since`` up to before ``until``.

    One that has ended belongs to the time of its end. Any other, for which ``end`` is None, is left
    out only if it started at ``until`` or later. The times are all datetimes, or all text.
    """
    if end is not None:
        return (since is None or since <= end) and (until is None or end < until)
    return until is None or start is None or start < until


def location_of(arn: str) -> tuple[str, str]:
    """Return the account and the region of an ARN, "" for a missing one."""
    _, _, _, region, account, *_ = *arn.split(":", 5), "", "", "", "", ""
    return account, region


def is_image(resource_id: str) -> bool:
    """Return whether it is the ARN of an image, the only kind of parent."""
    service, _, resource = resource_id.partition(":imagebuilder:")
    return service.startswith("arn:") and ":image/" in resource
