"""The generator of an account's past: what was built in two years, and what policies did to it.

Pipelines build images; a policy's runs act on those that have reached an age, and try again what
was skipped or has failed. So an execution's resources, the images and the pipelines fit together.
"""

from __future__ import annotations

import copy
import dataclasses
from itertools import chain
from typing import TYPE_CHECKING, Any

from .example_policies import END, example_policy
from .execution_generator import execute, execution_id
from .image_generator import (
    DAY,
    HOME,
    IMAGE_NAMES,
    Build,
    Draws,
    foreign_images,
    generate_pipelines,
    to_arn,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .account import Account, Execution

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
#: What a user changed: the image, how many days before the end, and the status of the execution.
_CHANGES = (("bastion", 40, "SUCCESS"), ("gpu-training", 28, "FAILED"), (_FAILING, 16, "SUCCESS"))


def add_history(account: Account) -> Account:
    """Return the account with two years before its executions.

    It gets two more policies, one that has been disabled and one that has not run yet; 80
    executions, the newest first; the images that the pipelines have built and the policies have
    left, in every state; some of Amazon and of another account; and the pipelines. What the
    account's executions have done to images of its own is done.

    ``account`` has the examples of policies, as that of ``generate_account`` does.
    """
    builds = list(_built())
    executions = list(_executed(builds))
    builds += _own_builds(account.executions)
    builds.sort(key=lambda build: (build.name, build.version_key))
    images = [build.describe() for build in builds if build.status != "DELETED"]
    return dataclasses.replace(
        account,
        policies=(*account.policies, *_other_policies()),
        executions=(*account.executions, *reversed(executions)),
        images=copy.deepcopy((*images, *foreign_images())),
        pipelines=copy.deepcopy(tuple(generate_pipelines(builds, now=END))),
    )


def _other_policies() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a policy that has been disabled, and one that has not run yet."""
    return (
        example_policy(
            "AMI_IMAGE",
            name="retire-windows-amis",
            description="Replaced by retire-old-amis",
            status="DISABLED",
            policyDetails=[
                {
                    "action": {"type": "DEPRECATE", "includeResources": {"amis": True}},
                    "filter": {"type": "AGE", "value": 3, "unit": "MONTHS", "retainAtLeast": 2},
                }
            ],
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
    """Yield what the pipelines have built, and what they are building.

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
        yield execute(
            execution_id(f"{name} {start}"),
            work,
            Draws(f"{name} {start}"),
            policy_arn=arn,
            status=status if work else "SUCCESS",
            start_time=start,
        )


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
    """Return the images of the account's own executions, with what was done to them."""
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
    order = sorted(found.values(), key=lambda build: build.version_key)
    for index, build in enumerate(order):
        build.created = start + (end - start) * index // len(order)
    return order
