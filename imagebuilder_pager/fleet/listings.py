"""The unit of a fleet: one listing, as plain data without credentials, to be sent anywhere.

The listings of a target are that of its policies, of the executions of each policy, of the
resources of each execution, and of the children of each image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from .records import STATUS, Rows
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
RESOURCES: Final = "list_lifecycle_execution_resources"


@dataclass(frozen=True, slots=True)
class Scope:
    """The arguments of :func:`run_fleet` that choose executions and their listings."""

    policies: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    children: bool = True

    def includes(self, policy_arn: str) -> bool:
        """Return whether a policy is one of the chosen ones."""
        return self.policies is None or policy_arn in self.policies


@dataclass(frozen=True, slots=True)
class Listing:
    """A listing to make, from its start or from a token."""

    operation: ListingOperation
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)
    policy_arn: str = ""
    has_ended: bool = False  # the execution, before this listing
    listing_id: int | None = None  # in the database
    token: str | None = None  # after a part that has been stored
    attempts: int = 0  # that have failed, since its last page
    restarts: int = 0  # since its token was refused
    seen: tuple[int, ...] = ()  # hashes of the tokens that its parts have ended with

    @property
    def name(self) -> str:
        """The operation and the last of its parameters, for errors and logs."""
        return " ".join((self.operation, *[*self.params.values()][-1:]))


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as plain data."""

    error_type: str  # AWS's code of a service's error, else the name of the error's class
    error: str
    is_retryable: bool = False  # another attempt may succeed
    is_of_target: bool = False  # other listings of the target would meet it, too
    is_mismatch: bool = False  # a page that on_invalid_response="warn" accepts


@dataclass(frozen=True, slots=True)
class ListingResult:
    """The part of a listing that a batch has made."""

    index: int  # of the listing in the batch
    rows: Rows
    pages: int
    token: str | None = None  # that the next part begins at
    is_finished: bool = False
    has_mismatch: bool = False  # a page did not match, and was accepted
    failure: Failure | None = None

    @property
    def is_open(self) -> bool:
        """Whether a later run may find another result."""
        return self.has_mismatch or any(row[STATUS] == "IN_PROGRESS" for row in self.rows.resources)


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
