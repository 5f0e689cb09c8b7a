"""The generator of resources: the images of an execution, and what was made from them.

The structures and the kinds of reasons follow the API reference and the chapter on lifecycle
policies in the user guide. Names, ids and numbers are invented. The account ids are those that AWS
uses in its documentation.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_T = TypeVar("_T")

ResourceType = Literal["AMI_IMAGE", "CONTAINER_IMAGE"]
"""The API's name for the type of resource that a lifecycle policy is for."""

HOME_LOCATION = ("us-west-2", "123456789012")
"""The region and the id of a generated account."""

_ACCOUNTS = ("123456789012", "111122223333", "444455556666", "777788889999")
_REGIONS = (
    *("us-west-2", "us-east-1", "us-east-2", "ca-central-1"),
    *("eu-west-1", "eu-central-1", "ap-southeast-2", "ap-northeast-1"),
)
IMAGE_NAMES: Mapping[ResourceType, tuple[str, ...]] = {
    "AMI_IMAGE": ("web-base", "ci-runner", "bastion", "batch-worker", "gpu-training", "windows-ad"),
    "CONTAINER_IMAGE": ("web-api", "report-renderer", "queue-consumer", "etl-nightly"),
}
_AWAY_INTERVAL = 3  # every third image is not in the home region and account
_MAX_LOCATIONS = 30  # of the first image: its children do not fit on one page

# For container images the API allows DELETE alone.
ACTIONS: Mapping[ResourceType, tuple[tuple[str, str], ...]] = {
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


@dataclass(slots=True)
class Draws:
    """Random choices that depend on the seed and on their number alone."""

    seed: str
    draw_count: int = field(default=0, init=False)

    def choice(self, items: Sequence[_T]) -> _T:
        return items[int(self._draw()[:16], 16) % len(items)]

    def hex(self, digits: int) -> str:
        return self._draw()[:digits]

    def _draw(self) -> str:
        """Return the next 64 random hexadecimal digits, the same in any version of Python."""
        self.draw_count += 1
        return hashlib.sha256(f"{self.seed} {self.draw_count}".encode()).hexdigest()


@dataclass(slots=True)
class ResourceGenerator(Draws):
    """Generator of one execution's images and of their children."""

    resource_type: ResourceType
    start_time: int

    def image(
        self, index: int, execution_status: str
    ) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
        """Return the image with this index, and its children."""
        names = IMAGE_NAMES[self.resource_type]
        name, number = names[index % len(names)], index // len(names)
        region, account = HOME_LOCATION if (index + 1) % _AWAY_INTERVAL else self._random_location()
        version = f"1.{number}.{self.choice(range(10))}"
        arn = f"arn:aws:imagebuilder:{region}:{account}:image/{name}/{version}"
        status = self._status(execution_status)
        action = self.choice(ACTIONS[self.resource_type])
        locations = [(region, account)] + [
            self._random_location() for _ in range(self.choice(range(3)))
        ]
        if index == 0:
            locations = [(r, a) for a in _ACCOUNTS for r in _REGIONS][:_MAX_LOCATIONS]
        # Where an image fails, the distribution to the last location has failed.
        common = self._common(index, status, action, locations[-1][1], execution_status)
        image = self._resource(f"{arn}/{1 + self.choice(range(5))}", account, region, common)
        create_child = self._ami if self.resource_type == "AMI_IMAGE" else self._container
        tag = f"{version}-{index}"
        children = []
        for r, a in dict.fromkeys(locations):
            child = self._child_state(common, last=(r, a) == locations[-1])
            children.append(create_child(name, tag, r, a, child))
        return image, tuple(children)

    def act_on(
        self,
        image: Mapping[str, Any],
        outputs: Sequence[Mapping[str, Any]],
        action: tuple[str, str],
        index: int,
        execution_status: str,
    ) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
        """Return an image that there is, and its outputs, as resources of an execution.

        ``image`` and ``outputs`` have the account, the id and the region. ``action`` is the name
        and the reason of what is done to them. ``index`` counts the images of the execution.
        """
        status = self._status(execution_status)
        last_account: str = outputs[-1]["accountId"]
        common = self._common(index, status, action, last_account, execution_status)
        children = []
        for output in outputs:
            child = {**output, **self._child_state(common, last=output is outputs[-1])}
            if self.resource_type == "AMI_IMAGE" and action[0] == "DELETE":
                child["snapshots"] = [self._snapshot(child["state"])]
            children.append(child)
        return {**image, **common}, tuple(children)

    def _status(self, execution_status: str) -> str:
        weights = _STATUS_WEIGHTS[execution_status]
        return self.choice([s for s, weight in weights.items() for _ in range(weight)])

    def _common(
        self,
        index: int,
        status: str,
        action: tuple[str, str],
        account: str,
        execution_status: str,
    ) -> dict[str, Any]:
        """Return what an image and its children share: state, action and times."""
        name, reason = action
        return {
            "state": self._state(status, name, account, execution_status),
            "action": {"name": name, "reason": reason},
            **self._times(index, status),
        }

    def _child_state(self, common: Mapping[str, Any], *, last: bool) -> dict[str, Any]:
        """Return the state, action and times of one child of the image."""
        status = common["state"]["status"]
        done = (status == "FAILED" and not last) or (
            status == "IN_PROGRESS" and self.choice((True, False))
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
        ami = self._resource(f"ami-0{self.hex(16)}", account, region, common)
        # No other action touches an AMI's snapshots.
        if common["action"]["name"] == "DELETE":
            volumes = 1 + (len(name) + len(tag)) % 3
            ami["snapshots"] = [self._snapshot(ami["state"]) for _ in range(volumes)]
        return ami

    def _snapshot(self, ami_state: Mapping[str, Any]) -> dict[str, Any]:
        state = dict(ami_state)
        if state["status"] == "IN_PROGRESS" and self.choice((True, False)):
            state = {"status": "SUCCESS"}
        elif state["status"] == "FAILED" and self.choice((True, False)):
            state = {"status": "SKIPPED", "reason": "The AMI that uses the snapshot was kept."}
        return {"snapshotId": f"snap-0{self.hex(16)}", "state": state}

    def _container(
        self, name: str, tag: str, region: str, account: str, common: Mapping[str, Any]
    ) -> dict[str, Any]:
        repository = f"{account}.dkr.ecr.{region}.amazonaws.com/platform/{name}"
        digest = f"{repository}@sha256:{self.hex(64)}"
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
        reason = self.choice(reasons).replace("{account}", account)
        while "{hex}" in reason:
            reason = reason.replace("{hex}", f"0{self.hex(16)}", 1)
        return {"status": status, "reason": reason}

    def _times(self, index: int, status: str) -> dict[str, float]:
        """Return start and end, in seconds or milliseconds; one in progress has no end."""
        start: float = self.start_time + 20 + 45 * index
        duration: float = 5 + self.choice(range(300))
        if self.choice((True, False)):
            start += self.choice(range(1, 1000)) / 1000
            duration += self.choice(range(1, 1000)) / 1000
        end = {} if status == "IN_PROGRESS" else {"endTime": round(start + duration, 3)}
        return {"startTime": start} | end

    def _random_location(self) -> tuple[str, str]:
        return self.choice(_REGIONS), self.choice(_ACCOUNTS)
