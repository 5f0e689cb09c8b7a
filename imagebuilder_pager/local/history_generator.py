"""The generator of an account's past: what was built in two years, and what policies did to it.

Pipelines build images; a policy's runs act on those that have reached an age, and try again what
was skipped or has failed. So an execution's resources, the images and the pipelines fit together.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from .account import Account, Execution
from .image_generator import Build, foreign_images, generate_pipelines
from .resource_generator import ACTIONS, HOME_LOCATION, IMAGE_NAMES, ResourceGenerator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .resource_generator import ResourceType

_DAY = 86400
_START = 1678089600  # 2023-03-06 08:00 UTC, when the first images were built
_SECOND_SERIES = (1709539200, 1725091200)  # from 2024-03-04 to 2024-08-31
_THIRD_SERIES = 1725523200  # 2024-09-05
_END = 1740967200  # 2025-03-03 02:00 UTC

#: The ages, in days, at which an image is acted on, each with the action.
_AGES: Mapping[ResourceType, tuple[tuple[int, str], ...]] = {
    "AMI_IMAGE": ((90, "DEPRECATE"), (180, "DISABLE"), (480, "DELETE")),
    "CONTAINER_IMAGE": ((300, "DELETE"),),
}
_STATUS_BY_ACTION = {
    "AVAILABLE": "AVAILABLE",
    "DEPRECATE": "DEPRECATED",
    "DISABLE": "DISABLED",
    "DELETE": "DELETED",
}
_REASON_BY_STATUS = {
    "FAILED": "Some resources could not be processed. See the state of each resource.",
    "CANCELLED": (
        "The lifecycle execution was cancelled by arn:aws:iam::123456789012:user/on-call."
    ),
}
_WINDOWS = "windows-ad"
_FAILING = "batch-worker"  # its pipeline has failed too often
_WINDOWS_POLICY_END = 1711936800  # 2024-04-01 02:00 UTC, its last run


class _Run(NamedTuple):
    """One run of a policy; ``policy`` is its ARN, None for a change of a single image."""

    start: int
    policy: str | None
    resource_type: ResourceType
    names: Sequence[str]
    status: str


def add_history(account: Account) -> Account:
    """Return the account with two years before its executions.

    It gets two more policies, one that has been disabled and one that has not run yet; 80
    executions, the newest first; the images that the pipelines have built and the policies have
    left, in every state; some of Amazon and of another account; and the pipelines. What the
    account's executions have done to images of its own is done.

    ``account`` has a policy for AMIs and one for container images, as ``generate_account`` does.
    """
    builds = [*_first_series(), *_third_series()]
    executions = [_execute(run, builds) for run in _runs(account)]
    builds += _second_series(account)
    builds.sort(key=lambda build: (build.name, build.version_key))
    images = [build.describe() for build in builds if build.status != "DELETED"]
    return dataclasses.replace(
        account,
        policies=(*account.policies, *_other_policies(account.policies)),
        executions=(*account.executions, *reversed(executions)),
        images=(*images, *foreign_images()),
        pipelines=tuple(generate_pipelines(builds, now=_END)),
    )


def _all_names() -> Iterator[tuple[ResourceType, str]]:
    for resource_type, names in IMAGE_NAMES.items():
        for name in names:
            yield resource_type, name


def _first_series() -> Iterator[Build]:
    """Yield what was built once a month in the first year."""
    for resource_type, name in _all_names():
        for month in range(12):
            created = _START + month * 30 * _DAY
            yield from Build.attempts(resource_type, name, f"0.{month}.0", created)


def _third_series() -> Iterator[Build]:
    """Yield what was built every two weeks in the last half year, and what is being built."""
    unfinished = {"web-base": "BUILDING", "ci-runner": "TESTING", "web-api": "DISTRIBUTING"}
    for resource_type, name in _all_names():
        for number in range(13):
            created = _THIRD_SERIES + number * 14 * _DAY
            if name == _FAILING and number >= 10:  # the last three
                yield Build(resource_type, name, f"2.{number}.0", 1, created, status="FAILED")
            else:
                yield from Build.attempts(resource_type, name, f"2.{number}.0", created)
        if name in unfinished:
            created = _END - 2 * 3600
            yield Build(resource_type, name, "2.13.0", 1, created, status=unfinished[name])


def _second_series(account: Account) -> Iterator[Build]:
    """Yield the images of the account's own executions, with what was done to them."""
    region, account_id = HOME_LOCATION
    pattern = re.compile(rf"arn:aws:imagebuilder:{region}:{account_id}:image/(.*)/(.*)/(.*)")
    found: dict[str, Build] = {}
    resource_types = {policy["arn"]: policy["resourceType"] for policy in account.policies}
    for execution in sorted(account.executions, key=lambda e: e.start_time or 0):
        resource_type = resource_types[execution.lifecycle_policy_arn]
        for image in execution.resources:
            arn = image["resourceId"]
            if match := pattern.fullmatch(arn):
                name, version, number = match.groups()
                build = found.get(arn) or Build(resource_type, name, version, int(number), 0)
                build.outputs = execution.children_by_parent[arn]
                _apply(image, build, execution.lifecycle_execution_id)
                found[arn] = build
    by_name: dict[str, list[Build]] = {}
    for build in sorted(found.values(), key=lambda build: build.version_key):
        by_name.setdefault(build.name, []).append(build)
    start, end = _SECOND_SERIES
    for builds in by_name.values():
        for index, build in enumerate(builds):
            build.created = start + (end - start) * index // len(builds)
            yield build


def _runs(account: Account) -> list[_Run]:
    """Return the runs of the account's policies, and changes of single images, by time."""
    arns = {policy["resourceType"]: policy["arn"] for policy in account.policies}
    windows_arn = _arn_beside(arns["AMI_IMAGE"], "retire-windows-amis")
    others = tuple(name for name in IMAGE_NAMES["AMI_IMAGE"] if name != _WINDOWS)
    runs = []
    for index in range(45):  # every two weeks, from 2023-05-29
        start = 1685325600 + index * 14 * _DAY
        names = others if start <= _WINDOWS_POLICY_END else IMAGE_NAMES["AMI_IMAGE"]
        status = "FAILED" if index % 9 == 5 else "CANCELLED" if index % 14 == 9 else "SUCCESS"
        runs.append(_Run(start, arns["AMI_IMAGE"], "AMI_IMAGE", names, status))
    for index in range(28):  # every two weeks, from 2024-01-17
        start = 1705456800 + index * 14 * _DAY
        names = IMAGE_NAMES["CONTAINER_IMAGE"]
        status = "FAILED" if index % 10 == 6 else "SUCCESS"
        runs.append(_Run(start, arns["CONTAINER_IMAGE"], "CONTAINER_IMAGE", names, status))
    for quarter in range(4):
        start = _WINDOWS_POLICY_END - (3 - quarter) * 91 * _DAY
        status = "FAILED" if quarter == 1 else "SUCCESS"
        runs.append(_Run(start, windows_arn, "AMI_IMAGE", (_WINDOWS,), status))
    for index, name in enumerate(("bastion", "gpu-training", "batch-worker")):
        start = _END - (40 - 12 * index) * _DAY + 9 * 3600
        status = "FAILED" if index == 1 else "SUCCESS"
        runs.append(_Run(start, None, "AMI_IMAGE", (name,), status))
    return sorted(runs, key=lambda run: run.start)


def _execute(run: _Run, builds: Sequence[Build]) -> Execution:
    """Return the execution of a run, and change the builds that it acts on."""
    digest = hashlib.sha256(f"{run.policy} {run.start}".encode()).hexdigest()
    execution_id = "lce-" + "-".join(
        digest[start:end] for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
    )
    generator = ResourceGenerator(execution_id, run.resource_type, run.start)
    resources, children_by_parent = [], {}
    for index, (build, action) in enumerate(_due(run, builds)):
        image = {
            "accountId": build.account_id,
            "resourceId": build.arn,
            "region": HOME_LOCATION[0],
        }
        resource, children = generator.act_on(image, build.outputs, action, index, run.status)
        resources.append(resource)
        children_by_parent[build.arn] = children
        _apply(resource, build, execution_id)
    reason = _REASON_BY_STATUS.get(run.status)
    return Execution(
        lifecycle_execution_id=execution_id,
        lifecycle_execution_state={"status": run.status} | ({"reason": reason} if reason else {}),
        resources=tuple(resources),
        children_by_parent=children_by_parent,
        lifecycle_policy_arn=run.policy,
        start_time=run.start,
        end_time=run.start + 340 + 45 * len(resources),
    )


def _due(run: _Run, builds: Iterable[Build]) -> Iterator[tuple[Build, tuple[str, str]]]:
    """Yield what a run acts on, each with the name and the reason of the action."""
    reasons = dict(ACTIONS[run.resource_type])
    usable = [b for b in builds if b.name in run.names and b.outputs and b.created < run.start]
    if run.policy is None:
        yield usable[-1], ("DISABLE", "The state of the image was changed by a user.")
        return
    for build in usable:
        steps = _AGES[run.resource_type][build.actions_taken :]
        if steps and build.created + steps[0][0] * _DAY <= run.start:
            name = steps[0][1]
            yield build, (name, reasons[name])


def _apply(resource: Mapping[str, Any], build: Build, execution_id: str) -> None:
    """Change the build as the action on it says, if that has succeeded."""
    if resource["state"]["status"] == "SUCCESS":
        build.status = _STATUS_BY_ACTION[resource["action"]["name"]]
        build.lifecycle_execution_id = execution_id
        build.actions_taken += 1


def _other_policies(policies: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield a policy that has been disabled, and one that has not run yet."""
    amis = next(policy for policy in policies if policy["resourceType"] == "AMI_IMAGE")
    age = {"type": "AGE", "value": 3, "unit": "MONTHS", "retainAtLeast": 2}
    action = {"type": "DEPRECATE", "includeResources": {"amis": True}}
    yield {
        **amis,
        "arn": _arn_beside(amis["arn"], "retire-windows-amis"),
        "name": "retire-windows-amis",
        "description": "Replaced by retire-old-amis",
        "status": "DISABLED",
        "policyDetails": [{"action": action, "filter": age}],
        "resourceSelection": {"recipes": [{"name": _WINDOWS, "semanticVersion": "x.x.x"}]},
        "dateCreated": 1685930400,
        "dateUpdated": 1712052000.5,
        "dateLastRun": _WINDOWS_POLICY_END,
    }
    delete = {"type": "DELETE", "includeResources": {"containers": True}}
    yield {
        "arn": _arn_beside(amis["arn"], "trim-sandbox-images"),
        "name": "trim-sandbox-images",
        "status": "ENABLED",
        "executionRole": amis["executionRole"],
        "resourceType": "CONTAINER_IMAGE",
        "policyDetails": [{"action": delete, "filter": {"type": "COUNT", "value": 3}}],
        "resourceSelection": {"tagMap": {"team": "sandbox"}},
        "dateCreated": 1740733200,
        "dateUpdated": 1740733200,
        "tags": {"team": "sandbox"},
    }


def _arn_beside(arn: str, name: str) -> str:
    return f"{arn.rpartition('/')[0]}/{name}"
