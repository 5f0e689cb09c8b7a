"""The records of a walk, and how each is told from all others."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..models.lifecycle import LifecycleExecutionResource
from ..models.lifecycle_executions import LifecycleExecution
from ..models.lifecycle_policies import LifecyclePolicySummary

#: The statuses that an execution does not leave again.
_ENDED = frozenset({"SUCCESS", "FAILED", "CANCELLED"})


class LifecycleRecordKey(NamedTuple):
    """The identity of a record, the same in every walk.

    - ``account``: the resource's account where the service says it, else the policy's.
    - ``region``: the resource's region where the service says it, else the policy's.
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

    - ``policy``: the policy; of the policies that were passed by their ARN, it has the ARN alone.
    - ``execution``: the run of the policy.
    - ``parent``: the image that ``resource`` was made from, None for what the policy selected.
    - ``resource``: the image, AMI or container image, an AMI with its snapshots. None for the
      record of the execution itself, which comes before those of its resources.
    """

    policy: LifecyclePolicySummary
    execution: LifecycleExecution
    parent: LifecycleExecutionResource | None = None
    resource: LifecycleExecutionResource | None = None

    @property
    def key(self) -> LifecycleRecordKey:
        """The record's identity: to store it under, once."""
        parent, resource = self.parent, self.resource
        _, _, _, region, account, *_ = [*(self.policy.arn or "").split(":"), *[""] * 5]
        if resource is not None:
            account, region = resource.account_id or account, resource.region or region
        return LifecycleRecordKey(
            account or None,
            region or None,
            self.execution.lifecycle_execution_id,
            None if parent is None else parent.resource_id,
            None if resource is None else resource.resource_id,
        )

    @property
    def execution_has_ended(self) -> bool:
        """Whether the execution had ended when it was listed.

        Where it had not, what a record says may still change, and further records may follow.
        """
        return has_ended(self.execution)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as dictionaries, each as boto3 returns it; None where there is none."""
        parent, resource = self.parent, self.resource
        return {
            "policy": self.policy.to_dict(),
            "execution": self.execution.to_dict(),
            "parent": None if parent is None else parent.to_dict(),
            "resource": None if resource is None else resource.to_dict(),
        }


def has_ended(execution: LifecycleExecution) -> bool:
    """Return whether an execution has ended; one with an unknown status has not."""
    return execution.state is not None and execution.state.status in _ENDED
