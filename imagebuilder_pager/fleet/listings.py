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
    """A listing to make, or to go on with."""

    operation: ListingOperation
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)
    policy_arn: str = ""  # that it belongs to
    has_ended: bool = False  # the execution, before this listing
    listing_id: int | None = None  # in the database
    token: str | None = None  # after a part that has been stored
    attempts: int = 0  # that have failed

    @property
    def name(self) -> str:
        """The operation and the last of its parameters, for errors and logs."""
        return " ".join((self.operation, *[*self.params.values()][-1:]))


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as plain data."""

    error_type: str  # AWS's code of a service's error, else the name of the error's class
    error: str
    is_retryable: bool = False  # another attempt may not meet it
    is_of_target: bool = False  # other listings of the target would meet it, too


@dataclass(frozen=True, slots=True)
class ListingResult:
    """The part of a listing that a batch has made."""

    index: int  # of the listing in the batch
    rows: Rows
    pages: int
    token: str | None  # to go on at
    is_finished: bool
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class BatchTask:
    """Listings of one target for an executor, in the order in which they are begun."""

    run_id: str  # the batches of a run in one process share credentials
    number: int  # unique in the run: Dask returns an earlier result for equal arguments
    target: Target
    listings: tuple[Listing, ...]
    concurrency: int
    max_attempts: int | None
    rate: RateSnapshot | None  # after the batch before
    on_invalid_response: OnInvalidResponse


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of a batch, with the listings that were begun."""

    listings: tuple[ListingResult, ...]
    rate: RateSnapshot | None
    calls: int = 0  # that were sent, with those that were tried again
    throttled: int = 0  # of them
