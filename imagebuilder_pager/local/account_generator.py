"""Realistic lifecycle data, generated from a seed: the same seed gives the same data.

The structures and the kinds of reasons follow the API reference and the chapter on lifecycle
policies in the user guide. Names, ids and numbers are invented. The account ids are those that AWS
uses in its documentation.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .account import Account, Execution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


__all__ = [
    "EXAMPLE_EXECUTION_ID",
    "ResourceType",
    "example_policy",
    "generate_account",
    "generate_execution",
]


EXAMPLE_EXECUTION_ID = "lce-12345678-1234-1234-1234-123456789012"
"""The id of the main execution of a generated account."""

_T = TypeVar("_T")

ResourceType = Literal["AMI_IMAGE", "CONTAINER_IMAGE"]
"""The API's name for the type of resource that a lifecycle policy is for."""

_HOME_LOCATION = ("us-west-2", "123456789012")
_ACCOUNTS = ("123456789012", "111122223333", "444455556666", "777788889999")
_REGIONS = (
    *("us-west-2", "us-east-1", "us-east-2", "ca-central-1"),
    *("eu-west-1", "eu-central-1", "ap-southeast-2", "ap-northeast-1"),
)
_IMAGE_NAMES: Mapping[ResourceType, tuple[str, ...]] = {
    "AMI_IMAGE": ("web-base", "ci-runner", "bastion", "batch-worker", "gpu-training", "windows-ad"),
    "CONTAINER_IMAGE": ("web-api", "report-renderer", "queue-consumer", "etl-nightly"),
}
_DEFAULT_START_TIME = 1740967200  # 2025-03-03 02:00 UTC
_AWAY_INTERVAL = 3  # every third image is not in the home region and account
_MAX_LOCATIONS = 30  # of the first image: its children do not fit on one page

# For container images the API allows DELETE alone.
_ACTIONS: Mapping[ResourceType, tuple[tuple[str, str], ...]] = {
    "AMI_IMAGE": (
        ("DEPRECATE", "Image is older than 90 days."),
        ("DISABLE", "Image is older than 180 days."),
        ("DELETE", "Recipe has more than 20 images and this is not among the newest."),
        ("AVAILABLE", "Image is back within the policy's age limits."),
    ),
    "CONTAINER_IMAGE": (
        ("DELETE", "Recipe has more than 10 images and this is not among the newest."),
    ),
}
_STATE_REASONS: Mapping[tuple[ResourceType, str], tuple[str, ...]] = {
    ("AMI_IMAGE", "SKIPPED"): (
        "AMI is shared with accounts 444455556666 and 777788889999, which the policy excludes.",
        "AMI was last launched 12 days ago; the policy keeps what was launched within 60 days.",
        "AMI is still in use by launch template lt-{hex}, version 7.",
        "Image has the exclusion tag lifecycle=keep.",
        "AMI is public and the policy excludes public AMIs.",
        "Image is one of the 3 newest of its recipe, which the policy always keeps.",
    ),
    ("AMI_IMAGE", "FAILED"): (
        (
            "AccessDenied: role arn:aws:iam::{account}:role/"
            "Ec2ImageBuilderCrossAccountLifecycleAccess cannot be assumed by the lifecycle "
            "execution role."
        ),
        "InvalidSnapshot.InUse: snapshot snap-{hex} is currently in use by ami-{hex}.",
        "InvalidAMIID.Unavailable: the AMI is no longer available.",
        "RequestLimitExceeded: request limit exceeded while the AMI was changed.",
    ),
    ("CONTAINER_IMAGE", "SKIPPED"): (
        "Image has the exclusion tag release=production.",
        "Image is still the base image of another container recipe.",
    ),
    ("CONTAINER_IMAGE", "FAILED"): (
        (
            "AccessDenied: the repository policy does not allow ecr:BatchDeleteImage for the "
            "lifecycle execution role."
        ),
        "ImageReferencedByManifestList: the image is referenced by a manifest list.",
        "RepositoryNotFoundException: the repository does not exist in account {account}.",
    ),
}
_CANCELLED_REASON = "The lifecycle execution was cancelled before this resource's turn."
# Of a hundred resources of an execution in this state, how many have which status.
_STATUS_WEIGHTS: Mapping[str, Mapping[str, int]] = {
    "IN_PROGRESS": {"SUCCESS": 62, "SKIPPED": 14, "FAILED": 9, "IN_PROGRESS": 15},
    "SUCCESS": {"SUCCESS": 85, "SKIPPED": 15},
    "FAILED": {"SUCCESS": 45, "FAILED": 38, "SKIPPED": 17},
    "CANCELLED": {"SUCCESS": 45, "SKIPPED": 55},
    "CANCELLING": {"SUCCESS": 40, "IN_PROGRESS": 15, "SKIPPED": 45},
}


def generate_account(*, resources: int = 120, seed: int = 0) -> Account:
    """Generate an account with two executions, the main one with ``resources`` images.

    The main execution, ``EXAMPLE_EXECUTION_ID``, is of a policy for AMIs. The other is of a policy
    for container images, and has a third as many. Each image has children: AMIs (with snapshots)
    or container images (with URIs).

    Raises ``ValueError`` if ``resources`` is negative.
    """
    if resources < 0:
        raise ValueError(f"resources is {resources}, it has to be 0 or more")
    ami, container = example_policy("AMI_IMAGE"), example_policy("CONTAINER_IMAGE")
    other_id = "lce-87654321-4321-4321-4321-210987654321"
    return Account(
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


def example_policy(resource_type: ResourceType) -> dict[str, Any]:
    """Return an example of the API's ``LifecyclePolicy``, for AMIs or for container images."""
    region, account = _HOME_LOCATION
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
        "dateCreated": 1717406400,
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
    generator = _ResourceGenerator(f"{seed} {execution_id}", resource_type, start_time)
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


@dataclass(slots=True)
class _ResourceGenerator:
    """Generator of one execution's images and of their children."""

    seed: str
    resource_type: ResourceType
    start_time: int
    draw_count: int = 0

    def image(
        self, index: int, execution_status: str
    ) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
        """Return the image with this index, and its children."""
        names = _IMAGE_NAMES[self.resource_type]
        name, number = names[index % len(names)], index // len(names)
        region, account = (
            _HOME_LOCATION if (index + 1) % _AWAY_INTERVAL else self._random_location()
        )
        version = f"1.{number}.{self._choice(range(10))}"
        arn = f"arn:aws:imagebuilder:{region}:{account}:image/{name}/{version}"
        weights = _STATUS_WEIGHTS[execution_status]
        status = self._choice([s for s, weight in weights.items() for _ in range(weight)])
        action, reason = self._choice(_ACTIONS[self.resource_type])
        locations = [(region, account)] + [
            self._random_location() for _ in range(self._choice(range(3)))
        ]
        if index == 0:
            locations = [(r, a) for a in _ACCOUNTS for r in _REGIONS][:_MAX_LOCATIONS]
        common = {
            # Where an image fails, the distribution to the last location has failed.
            "state": self._state(status, action, locations[-1][1], execution_status),
            "action": {"name": action, "reason": reason},
            **self._times(index, status),
        }
        image = self._resource(f"{arn}/{1 + self._choice(range(5))}", account, region, common)
        create_child = self._ami if self.resource_type == "AMI_IMAGE" else self._container
        tag = f"{version}-{index}"
        children = []
        for r, a in dict.fromkeys(locations):
            child = self._child_state(common, last=(r, a) == locations[-1])
            children.append(create_child(name, tag, r, a, child))
        return image, tuple(children)

    def _child_state(self, common: Mapping[str, Any], *, last: bool) -> dict[str, Any]:
        """Return the state, action and times of one child of the image."""
        status = common["state"]["status"]
        done = (status == "FAILED" and not last) or (
            status == "IN_PROGRESS" and self._choice((True, False))
        )
        if not done:
            return dict(common)
        return {
            **common,
            "state": {"status": "SUCCESS"},
            "endTime": round(common["startTime"] + 4, 3),
        }

    def _ami(
        self, name: str, tag: str, region: str, account: str, common: Mapping[str, Any]
    ) -> dict[str, Any]:
        ami = self._resource(f"ami-0{self._hex(16)}", account, region, common)
        # No other action touches an AMI's snapshots.
        if common["action"]["name"] == "DELETE":
            volumes = 1 + (len(name) + len(tag)) % 3
            ami["snapshots"] = [self._snapshot(ami["state"]) for _ in range(volumes)]
        return ami

    def _snapshot(self, ami_state: Mapping[str, Any]) -> dict[str, Any]:
        state = dict(ami_state)
        if state["status"] == "IN_PROGRESS" and self._choice((True, False)):
            state = {"status": "SUCCESS"}
        elif state["status"] == "FAILED" and self._choice((True, False)):
            state = {"status": "SKIPPED", "reason": "The AMI that uses the snapshot was kept."}
        return {"snapshotId": f"snap-0{self._hex(16)}", "state": state}

    def _container(
        self, name: str, tag: str, region: str, account: str, common: Mapping[str, Any]
    ) -> dict[str, Any]:
        repository = f"{account}.dkr.ecr.{region}.amazonaws.com/platform/{name}"
        digest = f"{repository}@sha256:{self._hex(64)}"
        resource = self._resource(digest, account, region, common)
        resource["imageUris"] = [f"{repository}:{tag}", f"{repository}:{tag.partition('-')[0]}"]
        return resource

    def _resource(
        self, resource_id: str, account: str, region: str, common: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {"accountId": account, "resourceId": resource_id, "region": region, **common}

    def _state(
        self, status: str, action: str, account: str, execution_status: str
    ) -> dict[str, str]:
        reasons = _STATE_REASONS.get((self.resource_type, status), ())
        if action != "DELETE":
            reasons = tuple(r for r in reasons if "snapshot" not in r)
        if status == "SKIPPED" and execution_status in ("CANCELLED", "CANCELLING"):
            reasons = (_CANCELLED_REASON,)
        if not reasons:
            return {"status": status}
        reason = self._choice(reasons).replace("{account}", account)
        while "{hex}" in reason:
            reason = reason.replace("{hex}", f"0{self._hex(16)}", 1)
        return {"status": status, "reason": reason}

    def _times(self, index: int, status: str) -> dict[str, float]:
        """Return start and end, in seconds or milliseconds; one in progress has no end."""
        start: float = self.start_time + 20 + 45 * index
        duration: float = 5 + self._choice(range(300))
        if self._choice((True, False)):
            start += self._choice(range(1, 1000)) / 1000
            duration += self._choice(range(1, 1000)) / 1000
        end = {} if status == "IN_PROGRESS" else {"endTime": round(start + duration, 3)}
        return {"startTime": start} | end

    def _random_location(self) -> tuple[str, str]:
        return self._choice(_REGIONS), self._choice(_ACCOUNTS)

    def _choice(self, items: Sequence[_T]) -> _T:
        return items[int(self._draw()[:16], 16) % len(items)]

    def _hex(self, digits: int) -> str:
        return self._draw()[:digits]

    def _draw(self) -> str:
        """Return the next 64 random hexadecimal digits, the same in any version of Python."""
        self.draw_count += 1
        return hashlib.sha256(f"{self.seed} {self.draw_count}".encode()).hexdigest()
