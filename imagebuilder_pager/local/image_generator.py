"""The generator of images and pipelines: what was built, by which pipeline, and where it went.

Names, ids and numbers are invented. The account ids are those that AWS uses in its documentation.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_T = TypeVar("_T")

DAY = 86400
HOME = {"accountId": "123456789012", "region": "us-west-2"}
"""The id and the region of a generated account."""
ACCOUNT_IDS = ("123456789012", "111122223333", "444455556666", "777788889999")
_REGIONS = (
    *("us-west-2", "us-east-1", "us-east-2", "ca-central-1"),
    *("eu-west-1", "eu-central-1", "ap-southeast-2", "ap-northeast-1"),
)
_LOCATIONS = [{"accountId": account, "region": r} for account in ACCOUNT_IDS for r in _REGIONS]
IMAGE_NAMES: Mapping[str, tuple[str, ...]] = {
    "AMI_IMAGE": ("web-base", "ci-runner", "bastion", "batch-worker", "gpu-training", "windows-ad"),
    "CONTAINER_IMAGE": ("web-api", "report-renderer", "queue-consumer", "etl-nightly"),
}
"""The names of the images, by the API's name for the type of resource of a lifecycle policy."""
_AUTO_DISABLE = 3  # failures in a row, after which a pipeline is disabled
_STATUS_BY_ACTION = {
    "AVAILABLE": "AVAILABLE",
    "DEPRECATE": "DEPRECATED",
    "DISABLE": "DISABLED",
    "DELETE": "DELETED",
}


def to_arn(path: str, location: Mapping[str, str] = HOME) -> str:
    """Return the ARN of a resource of Image Builder."""
    return f"arn:aws:imagebuilder:{location['region']}:{location['accountId']}:{path}"


_SUMMARY = {"owner": HOME["accountId"], "imageSource": "CUSTOM", "tags": {"team": "platform"}}
_STATE_REASONS = {
    "CANCELLED": {"reason": "The build was cancelled by a user."},
    "FAILED": {"reason": "The component harden 1.4.0 has failed."},
}
_PIPELINE: Mapping[str, Any] = {
    "enhancedImageMetadataEnabled": True,
    "imageTestsConfiguration": {"imageTestsEnabled": True, "timeoutMinutes": 90},
    "schedule": {
        "scheduleExpression": "cron(0 8 ? * thu *)",
        "timezone": "UTC",
        "pipelineExecutionStartCondition": "EXPRESSION_MATCH_ONLY",
        "autoDisablePolicy": {"failureCount": _AUTO_DISABLE},
    },
    "dateUpdated": "2024-09-04T09:00:00.250Z",
    "tags": {"team": "platform"},
    "executionRole": "arn:aws:iam::123456789012:role/image-build",
}


class Draws(random.Random):
    """Random choices by those methods that give the same in any version of Python."""

    def pick(self, items: Sequence[_T]) -> _T:
        """Return one of the items."""
        return items[int(self.random() * len(items))]

    def hex(self, digits: int) -> str:
        """Return so many hexadecimal digits."""
        return f"{self.getrandbits(4 * digits):0{digits}x}"


def _iso(timestamp: float) -> str:
    """Return a time in the form that the API has for images and pipelines."""
    date = dt.datetime.fromtimestamp(timestamp, dt.UTC)
    return date.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Build:
    """One build of a version of an image, with what it made and what became of it.

    ``created`` is in epoch seconds. ``outputs`` are its AMIs or container images, with the members
    that a resource of an execution has. ``actions_taken`` counts what policies have done to it.
    """

    name: str
    version: str
    number: int
    created: float = 0
    status: str = "AVAILABLE"
    location: Mapping[str, str] = field(default_factory=lambda: HOME)
    outputs: tuple[Mapping[str, Any], ...] = ()
    lifecycle_execution_id: str | None = None
    actions_taken: int = 0

    @classmethod
    def example(cls, resource_type: str, index: int, draws: Draws) -> Build:
        """Return the image of an example, which may be of any region and account."""
        number, place = divmod(index, len(IMAGE_NAMES[resource_type]))
        version = f"1.{number}.{draws.pick(range(10))}"
        build = cls(IMAGE_NAMES[resource_type][place], version, 1 + draws.pick(range(5)))
        if index % 3 == 2:
            build.location = draws.pick(_LOCATIONS)
        others = [draws.pick(_LOCATIONS) for _ in range(draws.pick(range(3)))]
        # The children of the first image do not fit on one page.
        build.distribute([build.location, *others] if index else _LOCATIONS[:30], draws)
        return build

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

    @property
    def version_key(self) -> tuple[int, ...]:
        """The key by which the builds of an image are sorted, the oldest first."""
        return (*map(int, self.version.split(".")), self.number)

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
        """Take over what an execution has done to it, if that has succeeded."""
        if resource["state"]["status"] == "SUCCESS":
            self.status = _STATUS_BY_ACTION[resource["action"]["name"]]
            self.lifecycle_execution_id = lifecycle_execution_id
            self.actions_taken += 1

    @property
    def system(self) -> dict[str, str]:
        """The members of the API for its operating system."""
        if self.name == "windows-ad":
            return {"platform": "Windows", "osVersion": "Microsoft Windows Server 2022"}
        return {"platform": "Linux", "osVersion": "Amazon Linux 2023"}

    def describe(self) -> dict[str, Any]:
        """Return the API's ``ImageSummary``."""
        summary: dict[str, Any] = {
            **_SUMMARY,
            **self.system,
            "arn": self.arn,
            "name": self.name,
            "type": "AMI" if self.is_ami else "DOCKER",
            "version": f"{self.version}/{self.number}",
            "state": {"status": self.status, **_STATE_REASONS.get(self.status, {})},
            "dateCreated": _iso(self.created),
            "outputResources": {
                "amis" if self.is_ami else "containers": list(map(self._describe, self.outputs))
            },
            "buildType": "USER_INITIATED" if self.number > 1 else "SCHEDULED",
            "loggingConfiguration": {"logGroupName": f"/aws/imagebuilder/{self.name}"},
        }
        if self.status in ("DEPRECATED", "DISABLED"):
            summary["deprecationTime"] = self.created + 90 * DAY
        if self.lifecycle_execution_id is not None:
            summary["lifecycleExecutionId"] = self.lifecycle_execution_id
        return summary

    def _describe(self, output: Mapping[str, Any]) -> dict[str, Any]:
        if not self.is_ami:
            return {"region": output["region"], "imageUris": output["imageUris"]}
        return {
            "region": output["region"],
            "accountId": output["accountId"],
            "image": output["resourceId"],
            "name": f"{self.name} {self.version}-{self.number}",
            "state": {"status": self.status},
        }


def foreign_images() -> Iterator[dict[str, Any]]:
    """Yield the builds of images that are Amazon's, one of them deprecated, and a shared one."""
    for owner, name, version, system, status in (
        ("Amazon", "amazon-linux-2-x86", "2023.4.27", "Amazon Linux 2", "DEPRECATED"),
        ("Amazon", "amazon-linux-2023-x86", "2025.2.20", "Amazon Linux 2023", "AVAILABLE"),
        ("Amazon", "ubuntu-server-24-lts-x86", "2025.2.18", "Ubuntu 24.04", "AVAILABLE"),
        ("111122223333", "golden-linux", "3.1.0", "Amazon Linux 2023", "AVAILABLE"),
    ):
        account, source = ("aws", "AMAZON_MANAGED") if owner == "Amazon" else (owner, "CUSTOM")
        yield {
            "arn": to_arn(f"image/{name}/{version}/1", HOME | {"accountId": account}),
            "name": name,
            "type": "AMI",
            "version": f"{version}/1",
            "platform": "Linux",
            "osVersion": system,
            "state": {"status": status},
            "owner": owner,
            "dateCreated": "2025-02-20T17:32:04.512Z",
            "imageSource": source,
        }


def generate_pipelines(builds: Iterable[Build], *, now: float) -> Iterator[dict[str, Any]]:
    """Yield the pipeline of each image, whose last run is the newest build of it.

    ``builds`` are sorted by name and version. ``now`` is in epoch seconds. A pipeline that has
    failed three times in a row is disabled.
    """
    for name, group in groupby(builds, key=lambda build: build.name):
        first, *others = group
        last = others[-1]
        failures = len(list(takewhile(lambda b: b.status == "FAILED", reversed(others))))
        kind = "image-recipe" if last.is_ami else "container-recipe"
        pipeline = {
            **_PIPELINE,
            "arn": to_arn(f"image-pipeline/{name}"),
            "name": name,
            "description": f"Builds {name} every two weeks",
            "platform": last.system["platform"],
            "imageRecipeArn" if last.is_ami else "containerRecipeArn": to_arn(
                f"{kind}/{name}/{last.version}"
            ),
            "infrastructureConfigurationArn": to_arn("infrastructure-configuration/build-hosts"),
            "distributionConfigurationArn": to_arn("distribution-configuration/platform"),
            "dateCreated": _iso(first.created - 3 * DAY),
            "dateLastRun": _iso(last.created),
            "lastRunStatus": last.status,
            "consecutiveFailures": failures,
            "status": "DISABLED" if failures >= _AUTO_DISABLE else "ENABLED",
        }
        if failures < _AUTO_DISABLE:
            pipeline["dateNextRun"] = _iso(now + 3 * DAY + 6 * 3600)
        yield pipeline
