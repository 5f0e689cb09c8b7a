"""The generator of images and pipelines: what was built, by which pipeline, and where it went."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from .resource_generator import HOME_LOCATION, Draws

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .resource_generator import ResourceType

_DAY = 86400
_OS_VERSIONS = {
    "windows-ad": "Microsoft Windows Server 2022",
    "gpu-training": "Ubuntu 24.04 LTS",
    "bastion": "Amazon Linux 2",
}
_DEFAULT_OS_VERSION = "Amazon Linux 2023"
_DISTRIBUTION = (HOME_LOCATION, ("us-east-1", "123456789012"), ("eu-west-1", "444455556666"))
_AUTO_DISABLE = 3  # failures in a row, after which a pipeline is disabled


def _iso(timestamp: float) -> str:
    """Return a time in the form that the API has for images and pipelines."""
    date = dt.datetime.fromtimestamp(timestamp, dt.UTC)
    return date.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Build:
    """One build of a version of an image, with what became of it.

    ``created`` is in epoch seconds. ``outputs`` are the AMIs or container images that it made, with
    the members that a resource of an execution has. ``actions_taken`` counts a policy's actions.
    """

    resource_type: ResourceType
    name: str
    version: str
    number: int
    created: float
    status: str = "AVAILABLE"
    outputs: tuple[Mapping[str, Any], ...] = ()
    lifecycle_execution_id: str | None = None
    actions_taken: int = field(default=0, init=False)

    @classmethod
    def attempts(
        cls, resource_type: ResourceType, name: str, version: str, created: float
    ) -> Iterator[Build]:
        """Yield the builds of a version: some have failed or were cancelled, and the last worked.

        Each begins a few minutes after ``created``, or a day after the one before.
        """
        draws = Draws(f"{name} {version}")
        created += draws.choice(range(600)) + draws.choice(range(1000)) / 1000
        number = 1
        bad_status = draws.choice((*("",) * 10, "FAILED", "CANCELLED"))
        if bad_status:
            yield cls(resource_type, name, version, number, created, bad_status)
            number, created = 2, created + _DAY
        build = cls(resource_type, name, version, number, created)
        build.outputs = tuple(build._distribute(draws))
        yield build

    def _distribute(self, draws: Draws) -> Iterator[dict[str, Any]]:
        """Yield an AMI or a container image for each of one to three locations."""
        for region, account in _DISTRIBUTION[: draws.choice((1, 1, 2, 3))]:
            location = {"accountId": account, "region": region}
            if self.resource_type == "AMI_IMAGE":
                yield {**location, "resourceId": f"ami-0{draws.hex(16)}"}
                continue
            repository = f"{account}.dkr.ecr.{region}.amazonaws.com/platform/{self.name}"
            yield {
                **location,
                "resourceId": f"{repository}@sha256:{draws.hex(64)}",
                "imageUris": [f"{repository}:{self.version}-{self.number}"],
            }

    @property
    def account_id(self) -> str:
        """The account that owns the image."""
        return HOME_LOCATION[1]

    @property
    def arn(self) -> str:
        """The ARN of the build."""
        region, account = HOME_LOCATION
        path = f"image/{self.name}/{self.version}/{self.number}"
        return f"arn:aws:imagebuilder:{region}:{account}:{path}"

    @property
    def version_key(self) -> tuple[int, ...]:
        """The key by which the builds of an image are sorted, the oldest first."""
        return (*map(int, self.version.split(".")), self.number)

    def describe(self) -> dict[str, Any]:
        """Return the API's ``ImageSummary``."""
        is_ami = self.resource_type == "AMI_IMAGE"
        summary: dict[str, Any] = {
            "arn": self.arn,
            "name": self.name,
            "type": "AMI" if is_ami else "DOCKER",
            "version": f"{self.version}/{self.number}",
            "platform": "Windows" if self.name.startswith("windows") else "Linux",
            "osVersion": _OS_VERSIONS.get(self.name, _DEFAULT_OS_VERSION),
            "state": self._state(),
            "owner": self.account_id,
            "dateCreated": _iso(self.created),
            "outputResources": {
                "amis" if is_ami else "containers": [
                    self._describe_ami(output) if is_ami else _describe_container(output)
                    for output in self.outputs
                ]
            },
            "tags": {"team": "platform"},
            "buildType": "USER_INITIATED" if self.number > 1 else "SCHEDULED",
            "imageSource": "CUSTOM",
            "loggingConfiguration": {"logGroupName": f"/aws/imagebuilder/{self.name}"},
        }
        if self.status in ("DEPRECATED", "DISABLED"):
            summary["deprecationTime"] = round(self.created + 90 * _DAY, 3)
        if self.lifecycle_execution_id is not None:
            summary["lifecycleExecutionId"] = self.lifecycle_execution_id
        return summary

    def _state(self) -> dict[str, Any]:
        if self.status == "CANCELLED":
            return {"status": self.status, "reason": "The build was cancelled by a user."}
        if self.status != "FAILED":
            return {"status": self.status}
        region, account = HOME_LOCATION
        component = f"arn:aws:imagebuilder:{region}:{account}:component/harden/1.4.0/1"
        failure = {
            "componentArn": component,
            "phaseName": "build",
            "stepName": "UpdatePackages",
            "action": "ExecuteBash",
            "errorMessage": "The command ended with exit code 1.",
        }
        return {
            "status": self.status,
            "reason": "The component harden 1.4.0 has failed.",
            "failureContext": {
                "imageStatus": "BUILDING",
                "failedStep": "ApplyBuildComponents",
                "componentFailure": failure,
            },
        }

    def _describe_ami(self, output: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "region": output["region"],
            "image": output["resourceId"],
            "name": f"{self.name} {self.version}-{self.number}",
            "state": {"status": self.status},
            "accountId": output["accountId"],
        }


def _describe_container(output: Mapping[str, Any]) -> dict[str, Any]:
    return {"region": output["region"], "imageUris": output["imageUris"]}


def foreign_images() -> Iterator[dict[str, Any]]:
    """Yield the builds of images that are Amazon's, one of them deprecated, and a shared one."""
    region = HOME_LOCATION[0]
    for account, name, version, os_version, status in (
        ("aws", "amazon-linux-2-x86", "2023.4.27", "Amazon Linux 2", "DEPRECATED"),
        ("aws", "amazon-linux-2023-x86", "2025.2.20", "Amazon Linux 2023", "AVAILABLE"),
        ("aws", "ubuntu-server-24-lts-x86", "2025.2.18", "Ubuntu 24.04", "AVAILABLE"),
        ("111122223333", "golden-linux", "3.1.0", "Amazon Linux 2023", "AVAILABLE"),
    ):
        is_amazons = account == "aws"
        yield {
            "arn": f"arn:aws:imagebuilder:{region}:{account}:image/{name}/{version}/1",
            "name": name,
            "type": "AMI",
            "version": f"{version}/1",
            "platform": "Linux",
            "osVersion": os_version,
            "state": {"status": status},
            "owner": "Amazon" if is_amazons else account,
            "dateCreated": "2025-02-20T17:32:04.512Z",
            "imageSource": "AMAZON_MANAGED" if is_amazons else "CUSTOM",
        }


def generate_pipelines(builds: Iterable[Build], *, now: float) -> Iterator[dict[str, Any]]:
    """Yield the pipeline of each image, whose last run is the newest build of it.

    ``builds`` are sorted by version. A pipeline that has failed three times in a row is disabled.
    """
    by_name: dict[str, list[Build]] = {}
    for build in builds:
        by_name.setdefault(build.name, []).append(build)
    for name, own_builds in by_name.items():
        build = own_builds[-1]
        is_ami = build.resource_type == "AMI_IMAGE"
        failures = len(list(takewhile(lambda b: b.status == "FAILED", reversed(own_builds))))
        is_disabled = failures >= _AUTO_DISABLE
        prefix = build.arn.partition(":image/")[0]
        recipe = "imageRecipeArn" if is_ami else "containerRecipeArn"
        recipe_kind = "image-recipe" if is_ami else "container-recipe"
        pipeline: dict[str, Any] = {
            "arn": f"{prefix}:image-pipeline/{name}",
            "name": name,
            "description": f"Builds {name} every two weeks",
            "platform": "Windows" if name.startswith("windows") else "Linux",
            "enhancedImageMetadataEnabled": True,
            recipe: f"{prefix}:{recipe_kind}/{name}/{build.version}",
            "infrastructureConfigurationArn": f"{prefix}:infrastructure-configuration/build-hosts",
            "distributionConfigurationArn": f"{prefix}:distribution-configuration/platform",
            "imageTestsConfiguration": {"imageTestsEnabled": True, "timeoutMinutes": 90},
            "schedule": {
                "scheduleExpression": "cron(0 8 ? * thu *)",
                "timezone": "UTC",
                "pipelineExecutionStartCondition": "EXPRESSION_MATCH_ONLY",
                "autoDisablePolicy": {"failureCount": _AUTO_DISABLE},
            },
            "status": "DISABLED" if is_disabled else "ENABLED",
            "dateCreated": _iso(own_builds[0].created - 3 * _DAY),
            "dateUpdated": _iso(1725440400.25),
            "dateLastRun": _iso(build.created),
            "lastRunStatus": build.status,
            "tags": {"team": "platform"},
            "executionRole": f"arn:aws:iam::{build.account_id}:role/image-build",
            "consecutiveFailures": failures,
        }
        if not is_disabled:
            pipeline["dateNextRun"] = _iso(now + 3 * _DAY + 6 * 3600)
        if not is_ami:
            pipeline["imageScanningConfiguration"] = {
                "imageScanningEnabled": True,
                "ecrConfiguration": {"repositoryName": f"platform/{name}"},
            }
        yield pipeline
