"""The unit of a fleet: one listing. It is plain data, to be sent anywhere, without credentials.

Of a target there are the listing of its policies, that of the executions of each policy, that of
the resources of each execution, and that of the children of each image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from .records import Rows, location_of
from .targets import Target

if TYPE_CHECKING:
    from .._aws.protocol.responses import OnInvalidResponse
    from .._aws.rate_limit import RateSnapshot

#: The methods of the client that a fleet is listed by.
ListingOperation: TypeAlias = Literal[
    "get_lifecycle_execution",
    "list_lifecycle_execution_resources",
    "list_lifecycle_executions",
    "list_lifecycle_policies",
]


@dataclass(frozen=True, slots=True)
class Scope:
    """The executions that a run begins, and what is listed of them.

    - ``policies``: policy ARNs, None for all.
    - ``since``: the time from which on executions have ended, None for no bound.
    - ``until``: the time before which executions have ended, None for no bound.
    - ``children``: whether the AMIs and container images of images are listed, too.
    """

    policies: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    children: bool = True

    def of_target(self, target: Target) -> Scope:
        """Return the scope with the policies alone that can be in the target."""
        if self.policies is None:
            return self
        account_id = target.account.account_id
        locations = ((arn, location_of(arn)) for arn in self.policies)
        own = (
            arn
            for arn, (account, region) in locations
            if region == target.region and account_id in {None, account}
        )
        return replace(self, policies=tuple(own))


@dataclass(frozen=True, slots=True)
class Listing:
    """A listing to make, or to go on with.

    - ``operation``: the name of the client's method.
    - ``params``: its parameters.
    - ``policy_arn``: the policy that it belongs to. Default: "", none.
    - ``has_ended``: whether the execution had ended before. Default: False.
    - ``listing_id``: its row in the database. Default: None, it has none.
    - ``token``: the token to go on at, after a part that has been stored. Default: None.
    - ``attempts``: how often it has failed. Default: 0.
    """

    operation: ListingOperation
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)
    policy_arn: str = ""
    has_ended: bool = False
    listing_id: int | None = None
    token: str | None = None
    attempts: int = 0

    @property
    def name(self) -> str:
        """The operation and the last of its parameters, for errors and logs."""
        return " ".join((self.operation, *[*self.params.values()][-1:]))


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as plain data.

    - ``error_type``: AWS's code of a service's error, else the name of the error's class.
    - ``error``: its text.
    - ``is_retryable``: whether another attempt may not meet it.
    - ``is_of_target``: whether other listings of the target would meet it, too.
    """

    error_type: str
    error: str
    is_retryable: bool = False
    is_of_target: bool = False


@dataclass(frozen=True, slots=True)
class ListingResult:
    """The part of a listing that a batch has made.

    - ``index``: the listing's index in the batch.
    - ``rows``: the rows for the database.
    - ``pages``: the number of pages.
    - ``token``: the token to go on at, None at the end or where nothing has been listed.
    - ``is_finished``: whether the listing is at its end.
    - ``failure``: the error that ended it. Default: None.
    """

    index: int
    rows: Rows
    pages: int
    token: str | None
    is_finished: bool
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class BatchTask:
    """Listings of one target for an executor.

    - ``run_id``: the id of the run. Its batches in one process share credentials.
    - ``number``: a number that is unique in the run: Dask deduplicates equal arguments, and would
      return an earlier result.
    - ``target``: the :class:`Target`.
    - ``listings``: the listings, in the order in which they are begun.
    - ``concurrency``: maximum calls at a time. Default: 4.
    - ``max_attempts``: how often a call may be sent. Default: None, the client's.
    - ``rate``: the state of the rate limit after the batch before. Default: None, no limit yet.
    - ``on_invalid_response``: the client's. Default: ``raise``.
    """

    run_id: str
    number: int
    target: Target
    listings: tuple[Listing, ...]
    concurrency: int = 4
    max_attempts: int | None = None
    rate: RateSnapshot | None = None
    on_invalid_response: OnInvalidResponse = "raise"


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of a batch.

    - ``listings``: a :class:`ListingResult` for each listing that was begun.
    - ``rate``: the state of the rate limit.
    """

    listings: tuple[ListingResult, ...]
    rate: RateSnapshot | None
