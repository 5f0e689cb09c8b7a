"""The generator of executions: what one does to images, and to what was made from them.

The structures and the kinds of reasons follow the API reference and the chapter on lifecycle
policies in the user guide. Their wording is invented.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any

from .account import Execution

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .image_generator import Build, Draws

# Each action with its reason. For container images the API allows DELETE alone.
ACTIONS: Mapping[str, Mapping[str, str]] = {
    "AMI_IMAGE": {
        "DEPRECATE": "Image is older than 90 days.",
        "DISABLE": "Image is older than 180 days.",
        "DELETE": "Recipe has more than 20 images and this is not among the newest.",
        "AVAILABLE": "Image is back within the policy's age limits.",
    },
    "CONTAINER_IMAGE": {
        "DELETE": "Recipe has more than 10 images and this is not among the newest.",
    },
}
_BY_A_USER = "The state of the image was changed by a user."
_IN_USE = "InvalidSnapshot.InUse: snapshot snap-0{snapshot} is currently in use by ami-0{ami}."
_STATE_REASONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("AMI_IMAGE", "SKIPPED"): (
        "AMI is shared with accounts 444455556666 and 777788889999, which the policy excludes.",
        "AMI was last launched 12 days ago; the policy keeps what was launched within 60 days.",
        "Image has the exclusion tag lifecycle=keep.",
    ),
    ("AMI_IMAGE", "FAILED"): (
        (
            "AccessDenied: role arn:aws:iam::{accountId}:role/"
            "Ec2ImageBuilderCrossAccountLifecycleAccess cannot be assumed by the lifecycle "
            "execution role."
        ),
        "InvalidAMIID.Unavailable: the AMI is no longer available.",
        _IN_USE,
    ),
    ("CONTAINER_IMAGE", "SKIPPED"): (
        "Image has the exclusion tag release=production.",
        "Image is still the base image of another container recipe.",
    ),
    ("CONTAINER_IMAGE", "FAILED"): (
        "RepositoryNotFoundException: the repository does not exist in account {accountId}.",
        "ImageReferencedByManifestList: the image is referenced by a manifest list.",
    ),
}
_EXECUTION_REASONS = {
    "PENDING": "Waiting for another execution of the same policy to finish.",
    "CANCELLING": "Waiting for the resources in progress before the execution is cancelled.",
    "CANCELLED": "The execution was cancelled by arn:aws:iam::123456789012:user/on-call.",
    "FAILED": "Some resources could not be processed. See the state of each resource.",
}
#: The other state that a snapshot may have, by the status of its AMI.
_SNAPSHOT_STATES: Mapping[str, Mapping[str, str]] = {
    "IN_PROGRESS": {"status": "SUCCESS"},
    "FAILED": {"status": "SKIPPED", "reason": "The AMI that uses the snapshot was kept."},
}
_SECONDS_EACH = 45  # from the start of one resource to that of the next
_CANCELLED_REASON = "The lifecycle execution was cancelled before this resource's turn."
# Of a hundred resources of an execution in this state, how many have which status.
_STATUS_WEIGHTS: Mapping[str, Mapping[str, int]] = {
    "IN_PROGRESS": {"SUCCESS": 62, "SKIPPED": 14, "FAILED": 9, "IN_PROGRESS": 15},
    "SUCCESS": {"SUCCESS": 85, "SKIPPED": 15},
    "FAILED": {"SUCCESS": 45, "FAILED": 38, "SKIPPED": 17},
    "CANCELLED": {"SUCCESS": 45, "SKIPPED": 55},
    "CANCELLING": {"SUCCESS": 40, "IN_PROGRESS": 15, "SKIPPED": 45},
}


def execution_id(text: str) -> str:
    """Return an id that depends on the text alone."""
    return f"lce-{uuid.UUID(hashlib.sha256(text.encode()).hexdigest()[:32])}"


def execute(
    lifecycle_execution_id: str,
    work: Iterable[tuple[Build, str]],
    draws: Draws,
    *,
    policy_arn: str | None,
    status: str,
    start_time: int,
) -> Execution:
    """Return an execution that acts on builds, and change them as it does.

    ``work`` has each build with the action on it. The statuses of the resources are consistent
    with ``status``, that of the execution. ``start_time`` is in epoch seconds.
    """
    resources, children_by_parent = [], {}
    for index, (build, action) in enumerate(work):
        start = start_time + 20 + _SECONDS_EACH * index
        reason = ACTIONS[build.resource_type][action] if policy_arn else _BY_A_USER
        taken = {"name": action, "reason": reason}
        resource, children = _act_on(build, taken, draws, start, status)
        build.apply(resource, lifecycle_execution_id)
        resources.append(resource)
        children_by_parent[build.arn] = children
    running = status in ("PENDING", "IN_PROGRESS", "CANCELLING")
    state = {"status": status}
    if status in _EXECUTION_REASONS:
        state["reason"] = _EXECUTION_REASONS[status]
    return Execution(
        lifecycle_execution_id=lifecycle_execution_id,
        lifecycle_execution_state=state,
        resources=tuple(resources),
        children_by_parent=children_by_parent,
        lifecycle_policy_arn=policy_arn,
        start_time=start_time,
        end_time=None if running else start_time + 340 + _SECONDS_EACH * len(resources),
    )


def _act_on(
    build: Build, action: Mapping[str, str], draws: Draws, start_time: int, execution_status: str
) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
    """Return a build and its outputs as resources of an execution."""
    is_deletion = action["name"] == "DELETE"
    weights = _STATUS_WEIGHTS[execution_status]
    status = draws.pick([status for status, weight in weights.items() for _ in range(weight)])
    state = {"status": status}
    reasons = _STATE_REASONS.get((build.resource_type, status), ())
    if not is_deletion:
        reasons = tuple(reason for reason in reasons if reason is not _IN_USE)
    if status == "SKIPPED" and execution_status in ("CANCELLED", "CANCELLING"):
        reasons = (_CANCELLED_REASON,)
    if reasons:
        ids = {"snapshot": draws.hex(16), "ami": draws.hex(16)}
        state["reason"] = draws.pick(reasons).format(**build.outputs[-1], **ids)
    common: dict[str, Any] = {"state": state, "action": action, "startTime": start_time}
    milliseconds = draws.pick((0, draws.pick(range(1, 1000))))  # half of the times are whole
    if milliseconds:
        common["startTime"] += milliseconds / 1000
    if status != "IN_PROGRESS":
        common["endTime"] = common["startTime"] + 5 + draws.pick(range(300))
    children = []
    for output in build.outputs:
        child = {**output, **common}
        # Where an image has failed, its last output has.
        done = status == "FAILED" and output is not build.outputs[-1]
        if done or (status == "IN_PROGRESS" and draws.pick((True, False))):
            child["state"] = {"status": "SUCCESS"}
            child["endTime"] = child["startTime"] + 4
        if build.is_ami and is_deletion:  # no other action touches an AMI's snapshots
            count = draws.pick((1, 2, 3))
            child["snapshots"] = [_snapshot(child["state"], draws) for _ in range(count)]
        children.append(child)
    return {**build.location, "resourceId": build.arn, **common}, tuple(children)


def _snapshot(ami_state: Mapping[str, str], draws: Draws) -> dict[str, Any]:
    state = dict(ami_state)
    if state["status"] in _SNAPSHOT_STATES and draws.pick((True, False)):
        state = dict(_SNAPSHOT_STATES[state["status"]])
    return {"snapshotId": f"snap-0{draws.hex(16)}", "state": state}
