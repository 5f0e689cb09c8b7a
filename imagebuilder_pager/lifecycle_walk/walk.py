"""The walk of a client: its arguments are checked here, and its nest is built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypedDict

from .._aws.clock import assume_utc
from .._operations import find_operation
from .._validation import describe_invalid_value
from ..exceptions import ParamValidationError, Problem
from ..models.exceptions import InvalidPaginationTokenException
from ..models.lifecycle_policies import LifecyclePolicySummary
from ..pagination.nest.level import NestLevel
from ..pagination.nest.nest import Nest, NestIterator
from .levels import make_levels
from .records import LifecycleRecord

#: The records of a walk; see :class:`NestIterator`.
LifecycleWalk: TypeAlias = NestIterator[LifecycleRecord]


class WalkOptions(TypedDict, total=False):
    """The options of a walk; None counts as absent.

    - ``PageSize``: the items of a page, at every level. Default: the service's choice.
    - ``StartingToken``: the ``resume_token`` of an earlier walk with the same arguments. Default:
      the beginning.
    - ``Prefetch``: the pages to fetch ahead, 0 to 100. Default: 0.
    """

    PageSize: int | None
    StartingToken: str | None
    Prefetch: int | None


_OPTIONS = {"PageSize": "page_size", "StartingToken": "starting_token", "Prefetch": "prefetch"}
NAME = "walk_lifecycle"


class WalkArguments:
    """The arguments of a walk, checked.

    Raises :class:`ParamValidationError` that names every invalid one.
    """

    def __init__(
        self,
        *,
        policies: Iterable[str] | None,
        since: datetime | None,
        until: datetime | None,
        children: object,
        options: WalkOptions,
    ) -> None:
        problems: list[Problem] = []
        self.policies: list[str] | None = _check_policies(policies, problems)
        self.since: datetime | None = _check_time("since", since, problems)
        self.until: datetime | None = _check_time("until", until, problems)
        if self.since is not None and self.until is not None and self.since >= self.until:
            problems.append(Problem("until", "not after since", "a later time"))
        if not isinstance(children, bool):
            problems.append(describe_invalid_value("children", children, "True or False"))
        self.children: bool = bool(children)
        self.options: dict[str, Any] = _check_options(options, problems)
        if problems:
            raise ParamValidationError(NAME, problems)

    def to_json(self) -> dict[str, Any]:
        """Return what makes this walk another one than others, in values that JSON has."""
        return {
            "policies": self.policies,
            "since": None if self.since is None else self.since.timestamp(),
            "until": None if self.until is None else self.until.timestamp(),
            "children": self.children,
        }

    def list_policies(self, **_: Any) -> dict[str, Any]:
        """Return the given policies as the page of a listing."""
        return {"policies": [LifecyclePolicySummary(arn=arn) for arn in self.policies or ()]}

    async def list_policies_async(self, **_: Any) -> dict[str, Any]:
        """Return the same, to be awaited."""
        return self.list_policies()

    def levels(self, client: object, list_policies: Callable[..., Any]) -> list[NestLevel]:
        """Return the levels of the walk; ``list_policies`` returns the given ones."""
        return make_levels(
            client,
            None if self.policies is None else list_policies,
            since=self.since,
            until=self.until,
            children=self.children,
        )


def make_walk(client: object, region_name: str, arguments: WalkArguments) -> LifecycleWalk:
    """Return a walk by the methods of a sync client."""
    nest = Nest(
        arguments.levels(client, arguments.list_policies),
        make_record=make_record,
        arguments={"region": region_name, **arguments.to_json()},
        is_expired=is_expired,
        name=NAME,
    )
    return nest.walk(**arguments.options)


def make_record(parents: tuple[Any, ...], item: Any) -> LifecycleRecord:
    """Return the record of an item, with those above it."""
    if len(parents) == 2:
        policy, execution = parents
        return LifecycleRecord(policy, execution, None, item)
    if len(parents) == 3:
        policy, execution, parent = parents
        return LifecycleRecord(policy, execution, parent, item)
    (policy,) = parents
    return LifecycleRecord(policy, item)


def is_expired(error: Exception) -> bool:
    """Return whether a page's token has been refused."""
    return isinstance(error, InvalidPaginationTokenException)


def _check_policies(policies: object, problems: list[Problem]) -> list[str] | None:
    if policies is None:
        return None
    # A set has another order in another run, and with it, another token.
    unordered_or_single = (str, bytes, Mapping, AbstractSet)
    if isinstance(policies, unordered_or_single) or not isinstance(policies, Iterable):
        problems.append(describe_invalid_value("policies", policies, "a list of policy ARNs"))
        return None
    arns = list(policies)
    operation = find_operation("get_lifecycle_policy")
    for index, arn in enumerate(arns):
        try:
            operation.check_params({"lifecyclePolicyArn": arn})
        except ParamValidationError as error:
            path = f"policies[{index}]"
            problems += [problem._replace(parameter=path) for problem in error.problems]
    if problems:
        return None
    return list(dict.fromkeys(arns))  # one that is given twice is walked through once


def _check_time(name: str, time: object, problems: list[Problem]) -> datetime | None:
    if time is None:
        return None
    if not isinstance(time, datetime):
        problems.append(describe_invalid_value(name, time, "a datetime; without a zone, in UTC"))
        return None
    try:
        # Python compares two times of one zone by the wall clock, which an hour is on twice a year.
        return assume_utc(time).astimezone(UTC)
    except OverflowError:
        problems.append(describe_invalid_value(name, time, "a time of the years 1 to 9999 in UTC"))
        return None


def _check_options(options: Mapping[str, object], problems: list[Problem]) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for name, value in options.items():
        if name not in _OPTIONS:
            allowed = ", ".join(("policies", "since", "until", "children", *_OPTIONS))
            problems.append(Problem(name, "unknown parameter", allowed))
        elif value is not None:
            checked[_OPTIONS[name]] = value
    return checked
