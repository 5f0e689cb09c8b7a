"""The types that those of all operations are made of, and that of ``client.exceptions``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypedDict

from ..models import exceptions
from ..pagination.config import PaginationConfig as Config

__all__ = ["Exceptions", "PageParamsTypeDef", "PaginateParamsTypeDef"]


class PageParamsTypeDef(TypedDict, total=False):
    """The parameters that nearly all listings have: the size of a page, and where it starts."""

    maxResults: int
    max_results: int
    nextToken: str
    next_token: str


class PaginateParamsTypeDef(TypedDict, total=False):
    """The parameter that ``paginate`` has beside those of the operation."""

    # Any mapping, too: a variable is often of a wider type. What is in it is checked at the call.
    PaginationConfig: Config | Mapping[str, object] | None


class Exceptions(Protocol):
    """The errors at ``client.exceptions``: the names of the module :mod:`.models.exceptions`."""

    ClientError: type[exceptions.ClientError]
    AccessDeniedException: type[exceptions.AccessDeniedException]
    CallRateLimitExceededException: type[exceptions.CallRateLimitExceededException]
    ClientException: type[exceptions.ClientException]
    DryRunOperationException: type[exceptions.DryRunOperationException]
    ForbiddenException: type[exceptions.ForbiddenException]
    IdempotentParameterMismatchException: type[exceptions.IdempotentParameterMismatchException]
    InvalidPaginationTokenException: type[exceptions.InvalidPaginationTokenException]
    InvalidParameterCombinationException: type[exceptions.InvalidParameterCombinationException]
    InvalidParameterException: type[exceptions.InvalidParameterException]
    InvalidParameterValueException: type[exceptions.InvalidParameterValueException]
    InvalidRequestException: type[exceptions.InvalidRequestException]
    InvalidVersionNumberException: type[exceptions.InvalidVersionNumberException]
    ResourceAlreadyExistsException: type[exceptions.ResourceAlreadyExistsException]
    ResourceDependencyException: type[exceptions.ResourceDependencyException]
    ResourceInUseException: type[exceptions.ResourceInUseException]
    ResourceNotFoundException: type[exceptions.ResourceNotFoundException]
    ServiceException: type[exceptions.ServiceException]
    ServiceQuotaExceededException: type[exceptions.ServiceQuotaExceededException]
    ServiceUnavailableException: type[exceptions.ServiceUnavailableException]
    TooManyRequestsException: type[exceptions.TooManyRequestsException]
