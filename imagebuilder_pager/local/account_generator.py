"""The generator of accounts: the executions of today, and the two years before them.

Pipelines build images; a policy's runs act on those that have reached an age, and try again where
an earlier one has skipped or failed. So an execution's resources, the images and the pipelines fit
together.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, takewhile
from typing import Any

from .account import Account, Execution
from .execution_generator import (
    ACCOUNT_IDS,
    DAY,
    END,
    HOME,
    IMAGE_NAMES,
    Build,
    Draws,
    age_rule,
    example_policy,
    execute,
    execution_id,
    generate_execution,
    to_arn,
)

EXAMPLE_EXECUTION_ID = "lce-12345678-1234-1234-1234-123456789012"
"""The id of the main execution of a generated account."""

#: The states of the executions of a fleet's policy, from day to day, over and over.
_STATUSES = ("SUCCESS", "SUCCESS", "FAILED", "SUCCESS", "CANCELLED", "SUCCESS", "SUCCESS")
#: The names of a fleet's policies. The second of three is for container images.
_NAMES = ("retire-old-amis", "trim-container-images", "deprecate-nightlies", "expire-ci-runners")
#: The major version of the images of a series, the time of the first, how many, the days between.
_SERIES = (("0", 1678089600, 12, 30), ("2", 1725523200, 13, 14))  # March 2023, September 2024
#: When the images of the account's own executions were built, which have the version 1.
_OWN_SERIES = (1709539200, 1725091200)  # from 2024-03-04 to 2024-08-31
_DISTRIBUTION = (
    HOME,
    HOME | {"region": "us-east-1"},
    {"accountId": "444455556666", "region": "eu-west-1"},
)
_FIRST_STATUSES = (*["AVAILABLE"] * 10, "FAILED", "CANCELLED")  # of the first build of a version
_FAILING = "batch-worker"  # its pipeline has failed too often
_AUTO_DISABLE = 3  # failures in a row, after which a pipeline is disabled
_UNFINISHED = {"web-base": "BUILDING", "ci-runner": "TESTING", "web-api": "DISTRIBUTING"}
#: The ages, in days, at which an image is acted on, each with the action.
_AGES: Mapping[str, tuple[tuple[int, str], ...]] = {
    "AMI_IMAGE": ((90, "DEPRECATE"), (180, "DISABLE"), (480, "DELETE")),
    "CONTAINER_IMAGE": ((300, "DELETE"),),
}
_WINDOWS = "windows-ad"
_WINDOWS_END = 1711936800  # 2024-04-01 02:00 UTC, the last run of the policy for it
#: The policies that have run: the name, the time of the first run, how many, the days between.
_CALENDAR = (
    ("retire-old-amis", 1685325600, 45, 14),  # from 2023-05-29
    ("trim-container-images", 1705456800, 28, 14),  # from 2024-01-17
    ("retire-windows-amis", _WINDOWS_END - 3 * 91 * DAY, 4, 91),
)
#: The changes of a user: the image, how many days before the end, and the status of the execution.
_CHANGES = (("bastion", 40, "SUCCESS"), ("gpu-training", 28, "FAILED"), (_FAILING, 16, "SUCCESS"))
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


def generate_account(*, resources: int = 120, seed: int = 0, history: bool = False) -> Account:
    """Generate an account with two executions.

    - ``resources``: the images of the main execution, ``EXAMPLE_EXECUTION_ID``, which is of a
      policy for AMIs. The other execution is of a policy for container images, and has a third as
      many. Each image has children: AMIs with snapshots, or container images. Default: 120.
    - ``seed``: the seed of the data; the same seed gives the same data. Default: 0.
    - ``history``: whether the account also has the two years before; see ``add_history``. Default:
      False.

    Raises ``ValueError`` if ``resources`` is negative.
    """
    if resources < 0:
        raise ValueError(f"resources is {resources}, it has to be 0 or more")
    amis, containers = example_policy("AMI_IMAGE"), example_policy("CONTAINER_IMAGE")
    main = generate_execution(
        EXAMPLE_EXECUTION_ID, amis, status="IN_PROGRESS", resources=resources, seed=seed
    )
    identifier, count = "lce-87654321-4321-4321-4321-210987654321", resources // 3
    other = generate_execution(identifier, containers, status="SUCCESS", resources=count, seed=seed)
    account = Account((main, other), (amis, containers))
    return add_history(account) if history else account


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
    """Return this many account ids; the first ones are those that AWS uses in its documentation."""
    further = (f"{number:012d}" for number in range(1, count))
    return tuple(itertools.islice((*ACCOUNT_IDS, *further), count))


def generate_fleet_account(
    account_id: str, region: str, size: FleetSize, *, newest: int, is_running: bool = True
) -> Account:
    """Generate the policies and executions of an account in a region.

    ``newest`` is the start of the newest executions, in epoch seconds; the others are a day apart.
    With ``is_running``, the newest execution of the first policy has not ended. A later ``newest``
    gives the same executions, and newer ones. The executions of a policy that have the same state
    list the same resources, as runs over the same images do.
    """
    location = {"accountId": account_id, "region": region}
    policies, executions = [], []
    for number in range(size.policies):
        round_, place = divmod(number, len(_NAMES))
        name = f"{_NAMES[place]}-{round_}" if round_ else _NAMES[place]
        arn = to_arn(f"lifecycle-policy/{name}", location)
        role = f"arn:aws:iam::{account_id}:role/image-lifecycle"
        kind = "CONTAINER_IMAGE" if number % 3 == 1 else "AMI_IMAGE"
        policy = example_policy(kind, arn=arn, name=name, executionRole=role, dateLastRun=newest)
        policies.append(policy)
        templates: dict[str, Execution] = {}
        for index in range(size.executions):
            start = newest - index * DAY
            status = _STATUSES[(start // DAY + number) % len(_STATUSES)]
            if is_running and number == index == 0:
                status = "IN_PROGRESS"
            if status not in templates:
                templates[status] = generate_execution(
                    f"{arn} {status}", policy, status=status, resources=size.resources
                )
            end = templates[status].end_time
            execution = dataclasses.replace(
                templates[status],
                lifecycle_execution_id=execution_id(f"{arn} {start}"),
                start_time=start,
                end_time=end and start + end - END,
            )
            executions.append(execution)
    return Account(tuple(executions), tuple(policies), account_id=account_id)


# The two years before.


def add_history(account: Account) -> Account:
    """Return the account with two years before its executions.

    It gets two more policies, one that has been disabled and one that has not run yet; 80
    executions, the newest first; the images that the pipelines have built and the policies have
    left, in every state; some of Amazon and of another account; and the pipelines. The effects of
    the account's executions on its own images are applied.

    ``account`` has the examples of policies, as that of ``generate_account`` does.
    """
    builds = list(_built())
    executions = list(_executed(builds))
    builds += _own_builds(account.executions)
    builds.sort(key=_age_order)
    images = [_describe_build(build) for build in builds if build.status != "DELETED"]
    return dataclasses.replace(
        account,
        policies=(*account.policies, *_other_policies()),
        executions=(*account.executions, *reversed(executions)),
        images=copy.deepcopy((*images, *_foreign_images())),
        pipelines=copy.deepcopy(tuple(_pipelines(builds))),
    )


def _other_policies() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a policy that has been disabled, and one that has not run yet."""
    return (
        example_policy(
            "AMI_IMAGE",
            name="retire-windows-amis",
            description="Replaced by retire-old-amis",
            status="DISABLED",
            policyDetails=[age_rule("DEPRECATE", 3, "MONTHS", 2)],
            resourceSelection={"recipes": [{"name": _WINDOWS, "semanticVersion": "x.x.x"}]},
            dateCreated=1685930400,
            dateUpdated=1712052000.5,
            dateLastRun=_WINDOWS_END,
        ),
        example_policy(
            "CONTAINER_IMAGE",
            name="trim-sandbox-images",
            description="Keep the newest images of the sandbox",
            resourceSelection={"tagMap": {"team": "sandbox"}},
            dateCreated=1740733200,
            dateUpdated=1740733200,
            dateLastRun=None,
        ),
    )


def _built() -> Iterator[Build]:
    """Yield the finished and unfinished builds of the pipelines.

    Some versions have a build that has failed or was cancelled, and a day later another one.
    """
    for name in chain.from_iterable(IMAGE_NAMES.values()):
        for major, start, count, days in _SERIES:
            for minor in range(count):
                draws = Draws(f"{name} {major}.{minor}")
                created = start + minor * days * DAY + draws.pick(range(600_000)) / 1000
                build = Build(name, f"{major}.{minor}.0", 1, created)
                has_failed = name == _FAILING and major == "2" and minor >= count - 3
                status = "FAILED" if has_failed else draws.pick(_FIRST_STATUSES)
                if status != build.status:
                    yield dataclasses.replace(build, status=status)
                    build.number, build.created = 2, created + DAY
                if not has_failed:
                    build.distribute(_DISTRIBUTION[: draws.pick((1, 1, 2, 3))], draws)
                    yield build
        if name in _UNFINISHED:
            yield Build(name, f"2.{count}.0", 1, END - 7200, _UNFINISHED[name])


def _executed(builds: Sequence[Build]) -> Iterator[Execution]:
    """Yield the executions by time, and change the builds as they do."""
    runs = [(END - days * DAY + 9 * 3600, name, status) for name, days, status in _CHANGES]
    for name, first, count, days in _CALENDAR:
        for index in range(count):
            status = "FAILED" if index % 9 == 5 else "CANCELLED" if index % 14 == 9 else "SUCCESS"
            runs.append((first + index * days * DAY, name, status))
    for start, name, status in sorted(runs):
        usable = [build for build in builds if build.outputs and build.created < start]
        if name in IMAGE_NAMES["AMI_IMAGE"]:
            arn, work = None, [([b for b in usable if b.name == name][-1], "DISABLE")]
        else:
            arn = to_arn(f"lifecycle-policy/{name}")
            own = [build for build in usable if _policy_of(build, start) == name]
            work = [(build, action) for build in own if (action := _due(build, start))]
        text, state = f"{name} {start}", status if work else "SUCCESS"
        yield execute(execution_id(text), work, Draws(text), arn, state, start_time=start)


def _due(build: Build, now: float) -> str | None:
    """Return the action that a policy takes on a build, if it is old enough for one."""
    for days, action in _AGES[build.resource_type][build.actions_taken :]:
        return action if build.created + days * DAY <= now else None
    return None


def _policy_of(build: Build, now: float) -> str:
    if build.name == _WINDOWS and now <= _WINDOWS_END:
        return "retire-windows-amis"
    return "retire-old-amis" if build.is_ami else "trim-container-images"


def _own_builds(executions: Sequence[Execution]) -> Sequence[Build]:
    """Return the images of the account's own executions, with the effects of these."""
    found: dict[str, Build] = {}
    for execution in sorted(executions, key=lambda execution: execution.start_time or 0):
        for image in execution.resources:
            arn = image["resourceId"]
            if HOME.items() <= image.items():
                name, version, number = arn.split("/")[1:]
                build = found.setdefault(arn, Build(name, version, int(number)))
                build.outputs = execution.children_by_parent[arn]
                build.apply(image, execution.lifecycle_execution_id)
    start, end = _OWN_SERIES
    order = sorted(found.values(), key=lambda build: _age_order(build)[1:])
    for index, build in enumerate(order):
        build.created = start + (end - start) * index // len(order)
    return order


def _age_order(build: Build) -> tuple[str, list[int], int]:
    """Return the key that sorts builds by name, and those of an image the oldest first."""
    return build.name, [int(part) for part in build.version.split(".")], build.number


def _iso(timestamp: float) -> str:
    """Return a time in the form that the API has for images and pipelines."""
    date = dt.datetime.fromtimestamp(timestamp, dt.UTC)
    return date.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _system(build: Build) -> dict[str, str]:
    if build.name == _WINDOWS:
        return {"platform": "Windows", "osVersion": "Microsoft Windows Server 2022"}
    return {"platform": "Linux", "osVersion": "Amazon Linux 2023"}


def _describe_build(build: Build) -> dict[str, Any]:
    """Return the API's ``ImageSummary``."""
    outputs = [_describe_output(build, output) for output in build.outputs]
    summary: dict[str, Any] = {
        "owner": HOME["accountId"],
        "imageSource": "CUSTOM",
        "tags": {"team": "platform"},
        **_system(build),
        "arn": build.arn,
        "name": build.name,
        "type": "AMI" if build.is_ami else "DOCKER",
        "version": f"{build.version}/{build.number}",
        "state": {"status": build.status, **_STATE_REASONS.get(build.status, {})},
        "dateCreated": _iso(build.created),
        "outputResources": {"amis" if build.is_ami else "containers": outputs},
        "buildType": "USER_INITIATED" if build.number > 1 else "SCHEDULED",
        "loggingConfiguration": {"logGroupName": f"/aws/imagebuilder/{build.name}"},
    }
    if build.status in ("DEPRECATED", "DISABLED"):
        summary["deprecationTime"] = build.created + 90 * DAY
    if build.lifecycle_execution_id is not None:
        summary["lifecycleExecutionId"] = build.lifecycle_execution_id
    return summary


def _describe_output(build: Build, output: Mapping[str, Any]) -> dict[str, Any]:
    if not build.is_ami:
        return {"region": output["region"], "imageUris": output["imageUris"]}
    return {
        "region": output["region"],
        "accountId": output["accountId"],
        "image": output["resourceId"],
        "name": f"{build.name} {build.version}-{build.number}",
        "state": {"status": build.status},
    }


def _foreign_images() -> Iterator[dict[str, Any]]:
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


def _pipelines(builds: Iterable[Build]) -> Iterator[dict[str, Any]]:
    """Yield the pipeline of each image, with the newest build as its last run."""
    for name, group in groupby(builds, key=lambda build: build.name):
        first, *others = group
        last = others[-1]
        failures = len(list(takewhile(lambda b: b.status == "FAILED", reversed(others))))
        kind = "image-recipe" if last.is_ami else "container-recipe"
        recipe = "imageRecipeArn" if last.is_ami else "containerRecipeArn"
        pipeline = {
            **_PIPELINE,
            "arn": to_arn(f"image-pipeline/{name}"),
            "name": name,
            "description": f"Builds {name} every two weeks",
            "platform": _system(last)["platform"],
            recipe: to_arn(f"{kind}/{name}/{last.version}"),
            "infrastructureConfigurationArn": to_arn("infrastructure-configuration/build-hosts"),
            "distributionConfigurationArn": to_arn("distribution-configuration/platform"),
            "dateCreated": _iso(first.created - 3 * DAY),
            "dateLastRun": _iso(last.created),
            "lastRunStatus": last.status,
            "consecutiveFailures": failures,
            "status": "DISABLED" if failures >= _AUTO_DISABLE else "ENABLED",
        }
        if failures < _AUTO_DISABLE:
            pipeline["dateNextRun"] = _iso(END + 3 * DAY + 6 * 3600)
        yield pipeline
