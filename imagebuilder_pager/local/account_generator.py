"""The generator of accounts: the same arguments give the same data.

Structures and reasons follow the API reference and the user guide's chapter on lifecycle policies.
Names and numbers are invented. The account ids are from AWS's documentation.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import functools
import hashlib
import itertools
import json
import random
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, TypeVar

from .account import Account, Execution

_T = TypeVar("_T")

EXAMPLE_EXECUTION_ID = "lce-12345678-1234-1234-1234-123456789012"
"""The id of the main execution of a generated account."""

_END = 1740967200  # 2025-03-03 02:00 UTC
_DAY = 86400
_ACCOUNT_IDS = ("123456789012", "111122223333", "444455556666", "777788889999")
_REGIONS = (
    *("us-west-2", "us-east-1", "us-east-2", "ca-central-1"),
    *("eu-west-1", "eu-central-1", "ap-southeast-2", "ap-northeast-1"),
)
_LOCATIONS = tuple(itertools.product(_ACCOUNT_IDS, _REGIONS))
_HOME = _LOCATIONS[0]  # the id and the region of a generated account
_AMIS = ("web-base", "ci-runner", "bastion", "batch-worker", "gpu-training", "windows-ad")
_ACTIONS = ("DEPRECATE", "DISABLE", "DELETE", "AVAILABLE")
_CONTAINERS = ("web-api", "report-renderer", "queue-consumer", "etl-nightly")
_SEED = 117  # this seed gives the first image that the documents show

#: The statuses of the resources of an execution, by its state; a repeated status is more frequent.
_RESOURCE_STATUSES = {
    "IN_PROGRESS": (*["SUCCESS"] * 8, "SKIPPED", "SKIPPED", "FAILED", "IN_PROGRESS", "IN_PROGRESS"),
    "SUCCESS": (*["SUCCESS"] * 6, "SKIPPED"),
    "FAILED": (*["SUCCESS"] * 5, *["FAILED"] * 4, "SKIPPED", "SKIPPED"),
    "CANCELLED": (*["SUCCESS"] * 5, *["SKIPPED"] * 6),
    "CANCELLING": (*["SUCCESS"] * 5, *["SKIPPED"] * 6, "IN_PROGRESS", "IN_PROGRESS"),
}
#: The statuses of the executions of a policy, in a cycle.
_STATUSES = ("SUCCESS", "SUCCESS", "FAILED", "SUCCESS", "CANCELLED", "SUCCESS", "SUCCESS")
#: The names of a fleet's policies. The second of three is for container images.
_NAMES = ("retire-old-amis", "trim-container-images", "deprecate-nightlies", "expire-ci-runners")


class _Draws(random.Random):
    """Random choices by methods that return the same in any version of Python."""

    def pick(self, items: Sequence[_T]) -> _T:
        return items[int(self.random() * len(items))]

    def hex(self, digits: int) -> str:
        return f"{self.getrandbits(4 * digits):0{digits}x}"


def generate_account(*, resources: int = 120, seed: int = 0, history: bool = False) -> Account:
    """Generate an account with two executions.

    - ``resources``: the number of images of the main execution, ``EXAMPLE_EXECUTION_ID``, of a
      policy for AMIs. The other execution has a third as many, of a policy for container images.
      Each image has children: AMIs with snapshots, or container images. Default: 120.
    - ``seed``: the seed; the same seed gives the same data. Default: 0.
    - ``history``: whether the account also has the two years before. Default: False.

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
    """Return ``count`` account ids; the first ones are from AWS's documentation."""
    further = (f"{number:012d}" for number in range(1, count))
    return tuple(itertools.islice((*_ACCOUNT_IDS, *further), count))


def generate_fleet_account(
    account_id: str, region: str, size: FleetSize, *, newest: int, is_running: bool = True
) -> Account:
    """Generate the policies and executions of an account in a region.

    ``newest`` is the start of the newest executions, in epoch seconds; the others are a day apart.
    With ``is_running``, the newest execution of the first policy has not ended. A later ``newest``
    adds newer executions to the same ones. Executions of a policy with the same state list the same
    resources.
    """
    policies, executions = [], []
    for number in range(size.policies):
        round_, place = divmod(number, len(_NAMES))
        name = f"{_NAMES[place]}-{round_}" if round_ else _NAMES[place]
        arn = _arn(f"lifecycle-policy/{name}", account_id, region)
        role = f"arn:aws:iam::{account_id}:role/image-lifecycle"
        kind = "CONTAINER_IMAGE" if number % 3 == 1 else "AMI_IMAGE"
        policy = example_policy(kind, arn=arn, name=name, executionRole=role, dateLastRun=newest)
        policies.append(policy)
        for start in range(newest, newest - size.executions * _DAY, -_DAY):
            status = _STATUSES[(start // _DAY + number) % len(_STATUSES)]
            if is_running and number == 0 and start == newest:
                status = "IN_PROGRESS"
            execution = generate_execution(
                _execution_id(f"{arn} {start}"),
                policy,
                status=status,
                resources=size.resources,
                start_time=start,
            )
            executions.append(execution)
    return Account(tuple(executions), tuple(policies), account_id=account_id)


def example_policy(resource_type: str, **members: Any) -> dict[str, Any]:
    """Return an example of the API's ``LifecyclePolicy``, for AMIs or for container images.

    ``members`` replace members of the example.
    """
    policy: dict[str, Any] = copy.deepcopy(_examples()["policies"][resource_type])
    return policy | members


@functools.cache
def _examples() -> dict[str, Any]:
    """Return the structures and texts that do not depend on a seed."""
    examples: dict[str, Any] = json.loads(files(__package__).joinpath("examples.json").read_bytes())
    return examples


def _arn(path: str, account_id: str = _HOME[0], region: str = _HOME[1]) -> str:
    return f"arn:aws:imagebuilder:{region}:{account_id}:{path}"


def _execution_id(text: str) -> str:
    return f"lce-{uuid.UUID(hashlib.sha256(text.encode()).hexdigest()[:32])}"


def generate_execution(
    lifecycle_execution_id: str,
    policy: Mapping[str, Any],
    *,
    status: str,
    resources: int,
    start_time: int = _END,
    seed: int = 0,
) -> Execution:
    """Generate an execution of the policy with ``resources`` images.

    The statuses of the images are consistent with ``status``. A PENDING execution has no images.
    ``start_time`` is in epoch seconds. The images depend only on the policy, the status and the
    seed.
    """
    _, _, _, region, account_id, _ = policy["arn"].split(":", 5)
    is_for_amis = policy["resourceType"] == "AMI_IMAGE"
    names, actions = (_AMIS, _ACTIONS) if is_for_amis else (_CONTAINERS, ("DELETE",))
    draws = _Draws(f"{_SEED + seed} {policy['arn']} {status}")
    work = []
    for index in range(resources):
        minor, place = divmod(index, len(names))
        path = f"image/{names[place]}/1.{minor}.{draws.pick(range(10))}/{draws.pick('12345')}"
        location = draws.pick(_LOCATIONS) if index % 3 == 2 else (account_id, region)
        others = [draws.pick(_LOCATIONS) for _ in range(draws.pick(range(3)))]
        # The children of the first image do not fit on one page.
        locations = [location, *others] if index else _LOCATIONS[:30]
        build = _Build(_arn(path, *location), locations=tuple(dict.fromkeys(locations)))
        work.append((build, draws.pick(actions)))
    return _execute(
        lifecycle_execution_id, work, policy_arn=policy["arn"], status=status, start_time=start_time
    )


@dataclasses.dataclass(slots=True)
class _Build:
    """One build of a version of an image.

    ``created`` is in epoch seconds. ``locations`` are the account ids and regions of its AMIs or
    container images. ``executions`` are the ids of the executions that changed its state.
    """

    arn: str
    created: float = 0
    status: str = "AVAILABLE"
    locations: Sequence[tuple[str, str]] = ()
    executions: list[str] = dataclasses.field(default_factory=list)

    @property
    def name(self) -> str:
        return self.arn.split("/")[1]

    def outputs(self) -> list[dict[str, Any]]:
        """Return the AMIs or container images, with their members in an execution."""
        _, name, version, number = self.arn.split("/")
        outputs = []
        for account_id, region in self.locations:
            output: dict[str, Any] = {"accountId": account_id, "region": region}
            draws = _Draws(f"{self.arn} {account_id} {region}")
            output["resourceId"] = f"ami-0{draws.hex(16)}"
            if name in _CONTAINERS:
                image = f"{account_id}.dkr.ecr.{region}.amazonaws.com/platform/{name}"
                output["resourceId"] = f"{image}@sha256:{draws.hex(64)}"
                output["imageUris"] = [f"{image}:{version}-{number}", f"{image}:{version}"]
            outputs.append(output)
        return outputs


def _execute(
    lifecycle_execution_id: str,
    work: Sequence[tuple[_Build, str]],
    *,
    policy_arn: str | None,
    status: str,
    start_time: int,
) -> Execution:
    """Return an execution that applies its action to each build."""
    examples = _examples()
    resources, children_by_parent = [], {}
    for index, (build, action) in enumerate(work):
        draws = _Draws(f"{build.arn} in {lifecycle_execution_id}")
        outputs = build.outputs()
        state = {"status": draws.pick(_RESOURCE_STATUSES[status])}
        done = {"status": "SUCCESS"}
        if reasons := examples["resourceReasons"].get(state["status"]):
            state["reason"] = draws.pick(reasons).format(**outputs[-1])
        if status.startswith("CANCEL") and state["status"] == "SKIPPED":
            state["reason"] = "The lifecycle execution was cancelled before this resource's turn."
        reason = examples["actionReasons"][action if policy_arn else "BY_A_USER"]
        start = start_time + 20 + 45 * index
        common: dict[str, Any] = {
            "state": state,
            "action": {"name": action, "reason": reason},
            # Half of the times are whole seconds.
            "startTime": draws.pick((start, start + draws.pick(range(1, 1000)) / 1000)),
        }
        if state["status"] != "IN_PROGRESS":
            common["endTime"] = common["startTime"] + 5 + draws.pick(range(300))
        _, _, _, region, account_id, _ = build.arn.split(":", 5)
        identity = {"accountId": account_id, "region": region, "resourceId": build.arn}
        resources.append({**identity, **common})
        children = []
        for output in outputs:
            child = {**output, **common}
            # If an image has failed, so has its last output.
            is_done = state["status"] == "FAILED" and output is not outputs[-1]
            if is_done or (state["status"] == "IN_PROGRESS" and draws.pick((True, False))):
                child |= {"state": done, "endTime": child["startTime"] + 4}
            # No other action touches an AMI's snapshots.
            if action == "DELETE" and build.name in _AMIS:
                is_running = child["state"]["status"] == "IN_PROGRESS"
                states = (child["state"], done) if is_running else (child["state"],)
                child["snapshots"] = [
                    {"snapshotId": f"snap-0{draws.hex(16)}", "state": draws.pick(states)}
                    for _ in range(draws.pick((1, 2, 3)))
                ]
            children.append(child)
        children_by_parent[build.arn] = tuple(children)
    has_ended = status in ("SUCCESS", "FAILED", "CANCELLED")
    return Execution(
        lifecycle_execution_id,
        {"status": status, **examples["executionReasons"].get(status, {})},
        tuple(resources),
        children_by_parent,
        policy_arn,
        start_time,
        start_time + 340 + 45 * len(resources) if has_ended else None,
    )


# The two years before the executions of an account.

#: A series: the major version of its images, the time of the first, their number, the days between.
_SERIES = ((0, 1678089600, 12, 30), (2, 1725523200, 13, 14))  # March 2023, September 2024
#: When the images of the account's own executions were built, which have the version 1.
_OWN_SERIES = (1709539200, 1725091200)  # from 2024-03-04 to 2024-08-31
#: The statuses of the builds that follow a series, one a day.
_NEWEST = {
    "web-base": ("BUILDING",),
    "ci-runner": ("TESTING",),
    "web-api": ("DISTRIBUTING",),
    "batch-worker": ("FAILED", "FAILED", "FAILED"),
}
_FIRST_STATUSES = (*["AVAILABLE"] * 10, "FAILED", "CANCELLED")  # of the first build of a version
_DISTRIBUTION = (_HOME, ("123456789012", "us-east-1"), ("444455556666", "eu-west-1"))
_AGES = ((90, "DEPRECATE"), (180, "DISABLE"), (480, "DELETE"))
#: The policies that have run, and three changes by a user: name, images, the ages in days at which
#: it acts on an image, the time of the first run, the number of runs, the days between.
_RUNS = (
    ("retire-old-amis", _AMIS, _AGES, 1685325600, 45, 14),  # from 2023-05-29
    ("trim-container-images", _CONTAINERS, ((300, "DELETE"),), 1705456800, 28, 14),
    ("retire-windows-amis", ("windows-ad",), _AGES[:1], 1688349600, 4, 91),  # to 2024-04-01
    (None, ("bastion",), ((0, "DISABLE"),), 1737543600, 1, 0),
    (None, ("gpu-training",), ((0, "DISABLE"),), 1738580400, 1, 0),
    (None, ("web-base",), ((0, "DEPRECATE"),), 1739617200, 1, 0),
)


def add_history(account: Account) -> Account:
    """Return the account with two years before its executions.

    It gets two more policies (one disabled, one that has not run yet), 80 executions (the newest
    first), the pipelines, and images in every state; some images are Amazon's or another account's.
    The effects of the account's executions on its own images are applied.

    ``account`` has the example policies, as from ``generate_account``.
    """
    examples = copy.deepcopy(_examples())
    built = [build for name in (*_AMIS, *_CONTAINERS) for build in _builds_of(name)]
    executions = list(_run_policies(built))
    built += _own_builds(account.executions)
    built.sort(key=lambda build: (build.name, build.created))
    images = [_image(build) for build in built if build.status != "DELETED"]
    by_name = itertools.groupby(built, key=lambda build: build.name)
    return dataclasses.replace(
        account,
        policies=(*account.policies, *examples["otherPolicies"]),
        executions=(*account.executions, *reversed(executions)),
        images=(*images, *examples["foreignImages"]),
        pipelines=tuple(_pipeline(name, list(builds)) for name, builds in by_name),
    )


def _builds_of(name: str) -> Iterator[_Build]:
    """Yield the builds of a pipeline by time.

    Some versions have a failed or cancelled build, and another one a day later.
    """
    for major, start, count, days in _SERIES:
        for minor in range(count):
            arn = _arn(f"image/{name}/{major}.{minor}.0")
            draws = _Draws(arn)
            created = start + minor * days * _DAY + draws.pick(range(600_000)) / 1000
            number, status = 1, draws.pick(_FIRST_STATUSES)
            if status != "AVAILABLE":
                yield _Build(f"{arn}/1", created, status)
                number, created = 2, created + _DAY
            locations = _DISTRIBUTION[: draws.pick((1, 1, 2, 3))]
            yield _Build(f"{arn}/{number}", created, locations=locations)
    statuses = _NEWEST.get(name, ())
    for number, status in enumerate(statuses, start=1):
        created = _END - 7200 - (len(statuses) - number) * _DAY
        yield _Build(_arn(f"image/{name}/{major}.{count}.0/{number}"), created, status)


def _run_policies(built: Sequence[_Build]) -> Iterator[Execution]:
    """Yield the executions by time. Each acts on the builds as changed by the earlier ones."""
    runs = [
        (first + index * days * _DAY, _STATUSES[index % 7], name, names, ages)
        for name, names, ages, first, count, days in _RUNS
        for index in range(count)
    ]
    for start, status, name, names, ages in sorted(runs, key=lambda run: run[0]):
        work = [
            (build, action)
            for build in built
            if build.name in names and build.locations
            # The next action on a build follows its last successful one.
            for days, action in ages[len(build.executions) :][:1]
            if build.created + days * _DAY <= start
        ]
        execution = _execute(
            _execution_id(f"{name} {start}"),
            work if name else work[-1:],  # a user changes one image
            policy_arn=_arn(f"lifecycle-policy/{name}") if name else None,
            status=status if work else "SUCCESS",
            start_time=start,
        )
        _apply(execution, {build.arn: build for build, _ in work})
        yield execution


def _own_builds(executions: Sequence[Execution]) -> Sequence[_Build]:
    """Return the images of the account's own executions, with the effects of these executions."""
    builds: dict[str, _Build] = {}
    for execution in sorted(executions, key=lambda execution: execution.start_time or 0):
        for arn, children in execution.children_by_parent.items():
            if arn.startswith(_arn("image/")):
                locations = [(child["accountId"], child["region"]) for child in children]
                builds[arn] = builds.get(arn) or _Build(arn, locations=locations)
        _apply(execution, builds)
    order = sorted(builds.values(), key=lambda b: [int(n) for n in re.findall(r"\d+", b.arn)[1:]])
    start, end = _OWN_SERIES
    for index, build in enumerate(order):
        build.created = start + (end - start) * index // len(order)
    return order


def _apply(execution: Execution, builds: Mapping[str, _Build]) -> None:
    """Apply the successful actions of an execution to the states of the builds."""
    for resource in execution.resources:
        build = builds.get(resource["resourceId"])
        if build is not None and resource["state"]["status"] == "SUCCESS":
            action = resource["action"]["name"]
            build.status = action if action == "AVAILABLE" else f"{action}D"  # DELETE, DELETED
            build.executions.append(execution.lifecycle_execution_id)


def _date(timestamp: float) -> str:
    """Return a time in the API's form for images and pipelines."""
    date = dt.datetime.fromtimestamp(timestamp, dt.UTC)
    return date.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _image(build: _Build) -> dict[str, Any]:
    """Return the API's ``ImageSummary``."""
    _, name, version, number = build.arn.split("/")
    is_ami = name in _AMIS
    outputs = [
        {"region": made["region"], "accountId": made["accountId"], "image": made["resourceId"]}
        if is_ami
        else {"region": made["region"], "imageUris": made["imageUris"]}
        for made in build.outputs()
    ]
    summary: dict[str, Any] = {
        "arn": build.arn,
        "name": name,
        "type": "AMI" if is_ami else "DOCKER",
        "version": f"{version}/{number}",
        "platform": "Windows" if name == "windows-ad" else "Linux",
        "osVersion": "Windows Server 2022" if name == "windows-ad" else "Amazon Linux 2023",
        "state": {"status": build.status, **_examples()["buildReasons"].get(build.status, {})},
        "outputResources": {"amis" if is_ami else "containers": outputs},
        "owner": _HOME[0],
        "dateCreated": _date(build.created),
        "tags": {"team": "platform"},
        "buildType": "SCHEDULED" if number == "1" else "USER_INITIATED",
        "imageSource": "CUSTOM",
        "loggingConfiguration": {"logGroupName": f"/aws/imagebuilder/{name}"},
    }
    if build.status in ("DEPRECATED", "DISABLED"):
        summary["deprecationTime"] = build.created + 90 * _DAY
    if build.executions:
        summary["lifecycleExecutionId"] = build.executions[-1]
    return summary


def _pipeline(name: str, builds: Sequence[_Build]) -> dict[str, Any]:
    """Return the API's ``ImagePipeline`` of an image, with the newest build as its last run."""
    last = builds[-1]
    failed = itertools.takewhile(lambda build: build.status == "FAILED", reversed(builds))
    failures = len(list(failed))
    kind = "container" if name in _CONTAINERS else "image"
    pipeline = {
        **copy.deepcopy(_examples()["pipeline"]),
        "arn": _arn(f"image-pipeline/{name}"),
        "name": name,
        "description": f"Builds {name} every two weeks",
        "platform": "Windows" if name == "windows-ad" else "Linux",
        f"{kind}RecipeArn": _arn(f"{kind}-recipe/{name}/{last.arn.split('/')[2]}"),
        "dateCreated": _date(builds[0].created - 3 * _DAY),
        "dateLastRun": _date(last.created),
        "lastRunStatus": last.status,
        "consecutiveFailures": failures,
        "status": "ENABLED" if failures < 3 else "DISABLED",
    }
    if failures < 3:
        pipeline["dateNextRun"] = _date(_END + 3 * _DAY + 6 * 3600)
    return pipeline
