"""Lifecycle data that looks real, made up from a seed: the same seed gives the same data.

The structures and the kinds of reasons follow the API's documentation and the user guide's
chapter on lifecycle policies; every name, id and number is invented. Account ids are AWS's own
for documentation.
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
"""What a lifecycle policy is for, as the API calls it."""

_HOME = ("us-west-2", "123456789012")
_ACCOUNTS = ("123456789012", "111122223333", "444455556666", "777788889999")
_REGIONS = (
    *("us-west-2", "us-east-1", "us-east-2", "ca-central-1"),
    *("eu-west-1", "eu-central-1", "ap-southeast-2", "ap-northeast-1"),
)
_NAMES: Mapping[ResourceType, tuple[str, ...]] = {
    "AMI_IMAGE": ("web-base", "ci-runner", "bastion", "batch-worker", "gpu-training", "windows-ad"),
    "CONTAINER_IMAGE": ("web-api", "report-renderer", "queue-consumer", "etl-nightly"),
}
_START = 1740967200  # 2025-03-03 02:00 UTC
_ELSEWHERE = 3  # every third image is not in the home region and account
_WIDE = 30  # the first image is distributed everywhere, to more places than fit on one page

# The API lets a policy for container images do nothing but delete.
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
_REASONS: Mapping[tuple[ResourceType, str], tuple[str, ...]] = {
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
_CANCELLED = "The lifecycle execution was cancelled before this resource's turn."
# Of a hundred resources, how many have which status while an execution is in which state.
_STATUS_WEIGHTS: Mapping[str, Mapping[str, int]] = {
    "IN_PROGRESS": {"SUCCESS": 62, "SKIPPED": 14, "FAILED": 9, "IN_PROGRESS": 15},
    "SUCCESS": {"SUCCESS": 85, "SKIPPED": 15},
    "FAILED": {"SUCCESS": 45, "FAILED": 38, "SKIPPED": 17},
    "CANCELLED": {"SUCCESS": 45, "SKIPPED": 55},
    "CANCELLING": {"SUCCESS": 40, "IN_PROGRESS": 15, "SKIPPED": 45},
}


def generate_account(*, resources: int = 120, seed: int = 0) -> Account:
    """An account with two executions, the main one listing `resources` images.

    The main execution is `EXAMPLE_EXECUTION_ID`, of a policy for AMIs; the other, of a policy for
    container images, has a third as many. Each image has its associated AMIs (with snapshots) or
    container images (with URIs).

    Raises `ValueError` if `resources` is negative.
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
    """A lifecycle policy for AMIs or for container images: the API's `LifecyclePolicy`."""
    region, account = _HOME
    amis = resource_type == "AMI_IMAGE"
    name = "retire-old-amis" if amis else "trim-container-images"
    delete: dict[str, Any] = {
        "action": {
            "type": "DELETE",
            "includeResources": {"amis": True, "snapshots": True} if amis else {"containers": True},
        },
        "filter": {"type": "COUNT", "value": 20 if amis else 10},
        "exclusionRules": {"tagMap": {"lifecycle": "keep"} if amis else {"release": "production"}},
    }
    details = [delete]
    if amis:
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
        "description": "Retire AMIs by age" if amis else "Keep the newest container images",
        "status": "ENABLED",
        "executionRole": f"arn:aws:iam::{account}:role/image-lifecycle",
        "resourceType": resource_type,
        "policyDetails": details,
        "resourceSelection": {"tagMap": {"team": "platform"}},
        "dateCreated": 1717406400,
        "dateUpdated": 1735732800.25,
        "dateLastRun": _START,
        "tags": {"team": "platform"},
    }


def generate_execution(
    execution_id: str,
    policy: Mapping[str, Any],
    *,
    status: str,
    resources: int,
    reason: str | None = None,
    start_time: int = _START,
    seed: int = 0,
) -> Execution:
    """An execution of the policy in the given state, with that many images.

    `status` and `reason` are the execution's; the images' statuses are such as go with it (an
    execution that is PENDING can have none). `start_time` is in epoch seconds. The data depend on
    `seed` and `execution_id` alone, not on other executions.
    """
    resource_type: ResourceType = policy["resourceType"]
    maker = _ResourceGenerator(f"{seed} {execution_id}", resource_type, start_time)
    images, associated = [], {}
    for index in range(resources):
        image, children = maker.image(index, status)
        images.append(image)
        associated[image["resourceId"]] = children
    running = status in ("PENDING", "IN_PROGRESS", "CANCELLING")
    return Execution(
        lifecycle_execution_id=execution_id,
        lifecycle_execution_state={"status": status} | ({"reason": reason} if reason else {}),
        resources=tuple(images),
        children_by_parent=associated,
        lifecycle_policy_arn=policy["arn"],
        start_time=start_time,
        end_time=None if running else start_time + 60 + 45 * resources,
    )


@dataclass(slots=True)
class _ResourceGenerator:
    """Makes the images of one execution, and what came from them."""

    seed: str
    resource_type: ResourceType
    start_time: int
    drawn: int = 0

    def image(
        self, index: int, execution_status: str
    ) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
        """The image resource with this number, and its associated resources."""
        names = _NAMES[self.resource_type]
        name, number = names[index % len(names)], index // len(names)
        region, account = _HOME if (index + 1) % _ELSEWHERE else self._random_location()
        version = f"1.{number}.{self._choice(range(10))}"
        arn = f"arn:aws:imagebuilder:{region}:{account}:image/{name}/{version}"
        mix = _STATUS_WEIGHTS[execution_status]
        status = self._choice([s for s, weight in mix.items() for _ in range(weight)])
        action, why = self._choice(_ACTIONS[self.resource_type])
        places = [(region, account)] + [
            self._random_location() for _ in range(self._choice(range(3)))
        ]
        if index == 0:
            places = [(r, a) for a in _ACCOUNTS for r in _REGIONS][:_WIDE]
        common = {
            # What fails is the distribution to the last place.
            "state": self._state(status, action, places[-1][1], execution_status),
            "action": {"name": action, "reason": why},
            **self._times(index, status),
        }
        image = self._resource(f"{arn}/{1 + self._choice(range(5))}", account, region, common)
        make = self._ami if self.resource_type == "AMI_IMAGE" else self._container
        tag = f"{version}-{index}"
        children = []
        for r, a in dict.fromkeys(places):
            share = self._child_state(common, last=(r, a) == places[-1])
            children.append(make(name, tag, r, a, share))
        return image, tuple(children)

    def _child_state(self, common: Mapping[str, Any], *, last: bool) -> dict[str, Any]:
        """One associated resource's part in what was done to its image."""
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
        reasons = _REASONS.get((self.resource_type, status), ())
        if action != "DELETE":
            reasons = tuple(r for r in reasons if "snapshot" not in r)
        if status == "SKIPPED" and execution_status in ("CANCELLED", "CANCELLING"):
            reasons = (_CANCELLED,)
        if not reasons:
            return {"status": status}
        reason = self._choice(reasons).replace("{account}", account)
        while "{hex}" in reason:
            reason = reason.replace("{hex}", f"0{self._hex(16)}", 1)
        return {"status": status, "reason": reason}

    def _times(self, index: int, status: str) -> dict[str, float]:
        """Start and end, to the second or to the millisecond; what still runs has no end."""
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
        """The next 64 random hexadecimal digits, the same ones in any version of Python."""
        self.drawn += 1
        return hashlib.sha256(f"{self.seed} {self.drawn}".encode()).hexdigest()
