"""The arguments of a walk: their checks, and the fingerprint of them that its tokens have."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, TypedDict

from .._dates import assume_utc
from .._operations import find_operation
from .._validation import collect_whole_number, describe_invalid_value
from ..exceptions import ParamValidationError, Problem
from ..pagination.config import MAX_PREFETCH


class WalkOptions(TypedDict, total=False):
    """The options of ``walk_lifecycle``; None counts as absent."""

    PageSize: int | None
    StartingToken: str | None
    Prefetch: int | None


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
        given: dict[str, Any] = dict(options)
        self.starting_token: str | None = given.pop("StartingToken", None)
        size, prefetch = given.pop("PageSize", None), given.pop("Prefetch", None)
        #: The ``PaginationConfig`` of every listing.
        self.config: dict[str, int | None] = {
            "PageSize": collect_whole_number("PageSize", size, problems, 1),
            "Prefetch": collect_whole_number("Prefetch", prefetch, problems, 0, MAX_PREFETCH),
        }
        allowed = ", ".join(
            ("policies", "since", "until", "children", *WalkOptions.__annotations__)
        )
        problems += [Problem(name, "unknown parameter", allowed) for name in given]
        if problems:
            raise ParamValidationError("walk_lifecycle", problems)

    def fingerprint(self, region_name: str) -> str:
        """Return a fingerprint of the arguments: 16 hexadecimal digits."""
        times = [time and time.timestamp() for time in (self.since, self.until)]
        text = json.dumps([region_name, self.policies, times, self.children])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


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
