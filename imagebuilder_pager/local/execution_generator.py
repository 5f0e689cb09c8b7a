"""Policies, builds and executions, made from a seed: the same arguments give the same data.

Structures and kinds of reasons follow the API reference and the user guide's chapter on lifecycle
policies. Names, numbers and wordings are invented; the account ids are those of AWS's documents.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import random
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from .account import Execution

_T = TypeVar("_T")

END = 1740967200  # 2025-03-03 02:00 UTC
DAY = 86400
HOME = {"accountId": "123456789012", "region": "us-west-2"}
"""The id and the region of a generated account."""
IMAGE_NAMES: Mapping[str, tuple[str, ...]] = {
    "AMI_IMAGE": ("web-base", "ci-runner", "bastion", "batch-worker", "gpu-training", "windows-ad"),
    "CONTAINER_IMAGE": ("web-api", "report-renderer", "queue-consumer", "etl-nightly"),
}
"""The names of the images, by the API's name for the type of resource of a lifecycle policy."""
_SEED = 6021  # with it, the first image is that of the documents
ACCOUNT_IDS = ("123456789012", "111122223333", "444455556666", "777788889999")
_REGIONS = (
    *("us-west-2", "us-east-1", "us-east-2", "ca-central-1"),
    *("eu-west-1", "eu-central-1", "ap-southeast-2", "ap-northeast-1"),
)
_LOCATIONS = [{"accountId": account, "region": r} for account in ACCOUNT_IDS for r in _REGIONS]
# Each action with its reason. For container images the API allows DELETE alone.
_ACTIONS: Mapping[str, Mapping[str, str]] = {
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
_CANCELLED = "The lifecycle execution was cancelled before this resource's turn."
_IN_USE = "InvalidSnapshot.InUse: snapshot snap-0{snapshot} is currently in use by ami-0{ami}."
_REASONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("AMI_IMAGE", "SKIPPED"): (
        "AMI is shared with accounts 444455556666 and 777788889999, which the policy excludes.",
        "AMI was last launched 12 days ago; the policy keeps what was launched within 60 days.",
        "Image has the exclusion tag lifecycle=keep.",
    ),
    ("AMI_IMAGE", "FAILED"): (
        "AccessDenied: role arn:aws:iam::{accountId}:role/Ec2ImageBuilderCrossAccountLifecycle"
        "Access cannot be assumed by the lifecycle execution role.",
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
# Of a hundred resources of an execution in this state, how many have which status.
_STATUS_WEIGHTS: Mapping[str, Mapping[str, int]] = {
    "IN_PROGRESS": {"SUCCESS": 62, "SKIPPED": 14, "FAILED": 9, "IN_PROGRESS": 15},
    "SUCCESS": {"SUCCESS": 85, "SKIPPED": 15},
    "FAILED": {"SUCCESS": 45, "FAILED": 38, "SKIPPED": 17},
    "CANCELLED": {"SUCCESS": 45, "SKIPPED": 55},
    "CANCELLING": {"SUCCESS": 40, "IN_PROGRESS": 15, "SKIPPED": 45},
}
#: The other state that a snapshot may have, by the status of its AMI.
_SNAPSHOT_STATES: Mapping[str, Mapping[str, str]] = {
    "IN_PROGRESS": {"status": "SUCCESS"},
    "FAILED": {"status": "SKIPPED", "reason": "The AMI that uses the snapshot was kept."},
}
_SECONDS_EACH = 45  # from the start of one resource to that of the next


def generate_execution(
    lifecycle_execution_id: str,
    policy: Mapping[str, Any],
    *,
    status: str,
    resources: int,
    start_time: int = END,
    seed: int = 0,
) -> Execution:
    """Generate an execution of the policy with ``resources`` images.

    ``status`` is that of the execution; the statuses of the images are consistent with it. One that
    is PENDING can have no images. ``start_time`` is in epoch seconds. The data depend on the
    arguments alone, not on other executions.
    """
    draws = Draws(f"{seed + _SEED} {lifecycle_execution_id}")
    kind = policy["resourceType"]
    work = (
        (_example_build(kind, index, draws), draws.pick(tuple(_ACTIONS[kind])))
        for index in range(resources)
    )
    return execute(
        lifecycle_execution_id, work, draws, policy["arn"], status, start_time=start_time
    )


# Policies.


def to_arn(path: str, location: Mapping[str, str] = HOME) -> str:
    """Return the ARN of a resource of Image Builder."""
    return f"arn:aws:imagebuilder:{location['region']}:{location['accountId']}:{path}"


def _rule(action: str, *included: str, **members: Any) -> dict[str, Any]:
    """Return the API's ``LifecyclePolicyDetail`` for an action on these types of resources."""
    resources = dict.fromkeys(included, True)
    return {"action": {"type": action, "includeResources": resources}, **members}


def age_rule(action: str, value: int, unit: str, retain_at_least: int) -> dict[str, Any]:
    """Return the rule for the AMIs that have reached an age."""
    limit = {"type": "AGE", "value": value, "unit": unit, "retainAtLeast": retain_at_least}
    return _rule(action, "amis", filter=limit)


_POLICY: Mapping[str, Any] = {
    "status": "ENABLED",
    "executionRole": "arn:aws:iam::123456789012:role/image-lifecycle",
    "resourceSelection": {"tagMap": {"team": "platform"}},
    "dateUpdated": 1735732800.25,
    "dateLastRun": END,
    "tags": {"team": "platform"},
}
_AMI_EXCLUSIONS = {
    "isPublic": True,
    "sharedAccounts": ["444455556666", "777788889999"],
    "lastLaunched": {"value": 60, "unit": "DAYS"},
}
#: The example of a policy for each type of resource.
_POLICIES: Mapping[str, Mapping[str, Any]] = {
    "AMI_IMAGE": {
        "name": "retire-old-amis",
        "description": "Retire AMIs by age",
        "policyDetails": [
            _rule(
                *("DELETE", "amis", "snapshots"),
                filter={"type": "COUNT", "value": 20},
                exclusionRules={"tagMap": {"lifecycle": "keep"}, "amis": _AMI_EXCLUSIONS},
            ),
            age_rule("DEPRECATE", 90, "DAYS", 3),
            age_rule("DISABLE", 180, "DAYS", 3),
        ],
        "dateCreated": 1684720800,  # May 2023
    },
    "CONTAINER_IMAGE": {
        "name": "trim-container-images",
        "description": "Keep the newest container images",
        "policyDetails": [
            _rule(
                *("DELETE", "containers"),
                filter={"type": "COUNT", "value": 10},
                exclusionRules={"tagMap": {"release": "production"}},
            )
        ],
        "dateCreated": 1699236000,  # November 2023
    },
}


def example_policy(resource_type: str, **members: Any) -> dict[str, Any]:
    """Return an example of the API's ``LifecyclePolicy``, for AMIs or for container images.

    ``members`` replace those of the example; those that are None are left out.
    """
    policy = {**_POLICY, "resourceType": resource_type, **_POLICIES[resource_type], **members}
    policy = {"arn": to_arn(f"lifecycle-policy/{policy['name']}"), **policy}
    return copy.deepcopy({name: value for name, value in policy.items() if value is not None})


# Builds, and the effects of executions on them.


class Draws(random.Random):
    """Random choices by those methods that give the same in any version of Python."""

    def pick(self, items: Sequence[_T]) -> _T:
        """Return one of the items."""
        return items[int(self.random() * len(items))]

    def hex(self, digits: int) -> str:
        """Return this many hexadecimal digits."""
        return f"{self.getrandbits(4 * digits):0{digits}x}"


@dataclasses.dataclass(slots=True)
class Build:
    """One build of a version of an image, with its outputs and its state.

    ``created`` is in epoch seconds. ``outputs`` are its AMIs or container images, with the members
    that a resource of an execution has. ``actions_taken`` counts the actions of policies on it.
    """

    name: str
    version: str
    number: int
    created: float = 0
    status: str = "AVAILABLE"
    location: Mapping[str, str] = dataclasses.field(default_factory=lambda: HOME)
    outputs: tuple[Mapping[str, Any], ...] = ()
    lifecycle_execution_id: str | None = None
    actions_taken: int = 0

    @property
    def is_ami(self) -> bool:
        """Whether it makes AMIs, and not container images."""
        return self.name in IMAGE_NAMES["AMI_IMAGE"]

    @property
    def resource_type(self) -> str:
        """The API's name for the type of resource that a lifecycle policy is for."""
        return "AMI_IMAGE" if self.is_ami else "CONTAINER_IMAGE"

    @property
    def arn(self) -> str:
        """The ARN of the build."""
        return to_arn(f"image/{self.name}/{self.version}/{self.number}", self.location)

    def distribute(self, locations: Iterable[Mapping[str, str]], draws: Draws) -> None:
        """Make an AMI or a container image for each of the locations."""
        outputs = []
        for location in {tuple(place.values()): place for place in locations}.values():
            output: dict[str, Any] = {**location, "resourceId": f"ami-0{draws.hex(16)}"}
            if not self.is_ami:
                registry = f"{location['accountId']}.dkr.ecr.{location['region']}.amazonaws.com"
                image = f"{registry}/platform/{self.name}"
                output["resourceId"] = f"{image}@sha256:{draws.hex(64)}"
                tags = (f"{self.version}-{self.number}", self.version)
                output["imageUris"] = [f"{image}:{tag}" for tag in tags]
            outputs.append(output)
        self.outputs = tuple(outputs)

    def apply(self, resource: Mapping[str, Any], lifecycle_execution_id: str) -> None:
        """Change the state as an execution has, if it succeeded."""
        if resource["state"]["status"] == "SUCCESS":
            action = resource["action"]["name"]
            self.status = action if action == "AVAILABLE" else f"{action}D"  # DELETE, DELETED
            self.lifecycle_execution_id = lifecycle_execution_id
            self.actions_taken += 1


def _example_build(resource_type: str, index: int, draws: Draws) -> Build:
    """Return the image of an example, which may be of any region and account."""
    number, place = divmod(index, len(IMAGE_NAMES[resource_type]))
    version = f"1.{number}.{draws.pick(range(10))}"
    build = Build(IMAGE_NAMES[resource_type][place], version, 1 + draws.pick(range(5)))
    if index % 3 == 2:
        build.location = draws.pick(_LOCATIONS)
    others = [draws.pick(_LOCATIONS) for _ in range(draws.pick(range(3)))]
    # The children of the first image do not fit on one page.
    build.distribute([build.location, *others] if index else _LOCATIONS[:30], draws)
    return build


def execution_id(text: str) -> str:
    """Return an id that depends on the text alone."""
    return f"lce-{uuid.UUID(hashlib.sha256(text.encode()).hexdigest()[:32])}"


def execute(
    lifecycle_execution_id: str,
    work: Iterable[tuple[Build, str]],
    draws: Draws,
    policy_arn: str | None,
    status: str,
    *,
    start_time: int,
) -> Execution:
    """Return an execution that acts on builds, and change their states.

    ``work`` has each build with the action on it. The statuses of the resources are consistent
    with ``status``, that of the execution. ``start_time`` is in epoch seconds.
    """
    resources, children_by_parent = [], {}
    for index, (build, action) in enumerate(work):
        reason = _ACTIONS[build.resource_type][action] if policy_arn else _BY_A_USER
        taken = {"name": action, "reason": reason}
        start = start_time + 20 + _SECONDS_EACH * index
        resource, children = _act_on(build, taken, draws, start, status)
        build.apply(resource, lifecycle_execution_id)
        resources.append(resource)
        children_by_parent[build.arn] = children
    is_running = status in ("PENDING", "IN_PROGRESS", "CANCELLING")
    state = {"status": status}
    if status in _EXECUTION_REASONS:
        state["reason"] = _EXECUTION_REASONS[status]
    return Execution(
        lifecycle_execution_id,
        state,
        tuple(resources),
        children_by_parent,
        policy_arn,
        start_time,
        None if is_running else start_time + 340 + _SECONDS_EACH * len(resources),
    )


def _act_on(
    build: Build, action: Mapping[str, str], draws: Draws, start_time: int, execution_status: str
) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
    """Return a build and its outputs as resources of an execution."""
    weights = _STATUS_WEIGHTS[execution_status]
    status = draws.pick([status for status, weight in weights.items() for _ in range(weight)])
    is_deletion = action["name"] == "DELETE"
    reasons = _REASONS.get((build.resource_type, status), ())
    if status == "SKIPPED" and execution_status in ("CANCELLED", "CANCELLING"):
        reasons = (_CANCELLED,)
    elif not is_deletion:
        reasons = tuple(reason for reason in reasons if reason is not _IN_USE)
    state = {"status": status}
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
        is_done = status == "FAILED" and output is not build.outputs[-1]
        if is_done or (status == "IN_PROGRESS" and draws.pick((True, False))):
            child |= {"state": {"status": "SUCCESS"}, "endTime": child["startTime"] + 4}
        if build.is_ami and is_deletion:  # no other action touches an AMI's snapshots
            count = draws.pick((1, 2, 3))
            child["snapshots"] = [_snapshot(child["state"], draws) for _ in range(count)]
        children.append(child)
    return {**build.location, "resourceId": build.arn, **common}, tuple(children)


def _snapshot(ami_state: Mapping[str, str], draws: Draws) -> dict[str, Any]:
    other = _SNAPSHOT_STATES.get(ami_state["status"])
    state = dict(other if other and draws.pick((True, False)) else ami_state)
    return {"snapshotId": f"snap-0{draws.hex(16)}", "state": state}
