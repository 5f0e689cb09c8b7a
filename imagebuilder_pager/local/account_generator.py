"""Realistic lifecycle data, generated from a seed: the same arguments give the same data."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

from .account import Account, Execution
from .example_policies import END, example_policy
from .execution_generator import ACTIONS, execute, execution_id
from .image_generator import ACCOUNT_IDS, DAY, HOME, Build, Draws, to_arn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXAMPLE_EXECUTION_ID = "lce-12345678-1234-1234-1234-123456789012"
"""The id of the main execution of a generated account."""

_SEED = 6021  # with it, the first image is that of the documents
#: The states of the executions of a fleet's policy, from day to day, over and over.
_STATUSES = ("SUCCESS", "SUCCESS", "FAILED", "SUCCESS", "CANCELLED", "SUCCESS", "SUCCESS")
#: The names of a fleet's policies. The second of three is for container images.
_NAMES = ("retire-old-amis", "trim-container-images", "deprecate-nightlies", "expire-ci-runners")


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
    plan = (
        (EXAMPLE_EXECUTION_ID, amis, "IN_PROGRESS", resources),
        ("lce-87654321-4321-4321-4321-210987654321", containers, "SUCCESS", resources // 3),
    )
    executions = (
        generate_execution(identifier, policy, status=status, resources=count, seed=seed)
        for identifier, policy, status, count in plan
    )
    account = Account(tuple(executions), (amis, containers))
    if history:
        from .history_generator import add_history

        return add_history(account)
    return account


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
    resource_type = policy["resourceType"]

    def work() -> Iterator[tuple[Build, str]]:
        for index in range(resources):
            build = Build.example(resource_type, index, draws)
            yield build, draws.pick(tuple(ACTIONS[resource_type]))

    return execute(
        lifecycle_execution_id,
        work(),
        draws,
        policy_arn=policy["arn"],
        status=status,
        start_time=start_time,
    )


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
    """Return so many account ids; the first ones are those that AWS uses in its documentation."""
    further = (f"{number:012d}" for number in range(1, count))
    return tuple(itertools.islice((*ACCOUNT_IDS, *further), count))


def generate_fleet_account(
    account_id: str, region: str, size: FleetSize, *, newest: int, is_running: bool = True
) -> Account:
    """Generate the policies and executions of an account in a region.

    ``newest`` is the start of the newest executions, in epoch seconds; the others are a day apart.
    With ``is_running``, the newest execution of the first policy has not ended. With a later
    ``newest`` the same executions are there, and newer ones. The executions of a policy that have
    the same state list the same resources, as runs over the same images do.
    """
    location = HOME | {"accountId": account_id, "region": region}
    policies, executions = [], []
    for number in range(size.policies):
        round_, place = divmod(number, len(_NAMES))
        name = f"{_NAMES[place]}-{round_}" if round_ else _NAMES[place]
        arn = to_arn(f"lifecycle-policy/{name}", location)
        policy = example_policy(
            "CONTAINER_IMAGE" if number % 3 == 1 else "AMI_IMAGE",
            arn=arn,
            name=name,
            executionRole=f"arn:aws:iam::{account_id}:role/image-lifecycle",
            dateLastRun=newest,
        )
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
            template = templates[status]
            end = template.end_time and start + template.end_time - END
            identifier = execution_id(f"{arn} {start}")
            executions.append(
                dataclasses.replace(
                    template, lifecycle_execution_id=identifier, start_time=start, end_time=end
                )
            )
    return Account(tuple(executions), tuple(policies), account_id=account_id)
