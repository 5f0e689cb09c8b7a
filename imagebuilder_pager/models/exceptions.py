"""The errors that the service models, as ``client.exceptions`` has them."""

from __future__ import annotations

from ..exceptions import ClientError

__all__ = [
    "MODELLED_ERRORS",
    "AccessDeniedException",
    "CallRateLimitExceededException",
    "ClientException",
    "DryRunOperationException",
    "ForbiddenException",
    "IdempotentParameterMismatchException",
    "InvalidPaginationTokenException",
    "InvalidParameterCombinationException",
    "InvalidParameterException",
    "InvalidParameterValueException",
    "InvalidRequestException",
    "InvalidVersionNumberException",
    "ResourceAlreadyExistsException",
    "ResourceDependencyException",
    "ResourceInUseException",
    "ResourceNotFoundException",
    "ServiceException",
    "ServiceQuotaExceededException",
    "ServiceUnavailableException",
    "TooManyRequestsException",
]


class ServiceException(ClientError):
    """The service failed (HTTP status 500)."""


class ClientException(ClientError):
    """The request cannot be done, for example for want of permission on a resource (400)."""


class ServiceUnavailableException(ClientError):
    """The service is not available at the moment (503)."""


class InvalidRequestException(ClientError):
    """The request does not make sense to the service (400)."""


class InvalidPaginationTokenException(ClientError):
    """``nextToken`` is made up, has expired, or belongs to another request (400)."""


class ForbiddenException(ClientError):
    """The caller may not do this (403)."""


class CallRateLimitExceededException(ClientError):
    """Too many calls for the account's limit (429)."""


class AccessDeniedException(ClientError):
    """The caller has no permission for the operation (403)."""


class DryRunOperationException(ClientError):
    """A dry run would have succeeded; nothing was done (412)."""


class IdempotentParameterMismatchException(ClientError):
    """A client token used before with other parameters (400)."""


class InvalidParameterCombinationException(ClientError):
    """Parameters that exclude each other (400)."""


class InvalidParameterException(ClientError):
    """A parameter that the service does not accept (400)."""


class InvalidParameterValueException(ClientError):
    """A value that the service does not accept (400)."""


class InvalidVersionNumberException(ClientError):
    """A version number that is out of bounds or malformed (400)."""


class ResourceAlreadyExistsException(ClientError):
    """What was to be made is there already (400)."""


class ResourceDependencyException(ClientError):
    """The resource cannot be changed while others depend on it (400)."""


class ResourceInUseException(ClientError):
    """The resource is in use at the moment (400)."""


class ResourceNotFoundException(ClientError):
    """A resource that the request names does not exist (404)."""


class ServiceQuotaExceededException(ClientError):
    """More resources or operations than the account may have (402)."""


class TooManyRequestsException(ClientError):
    """Too many requests for this operation (429)."""


#: Every error that the service models; each operation can answer with some of them.
MODELLED_ERRORS: tuple[type[ClientError], ...] = (
    AccessDeniedException,
    CallRateLimitExceededException,
    ClientException,
    DryRunOperationException,
    ForbiddenException,
    IdempotentParameterMismatchException,
    InvalidPaginationTokenException,
    InvalidParameterCombinationException,
    InvalidParameterException,
    InvalidParameterValueException,
    InvalidRequestException,
    InvalidVersionNumberException,
    ResourceAlreadyExistsException,
    ResourceDependencyException,
    ResourceInUseException,
    ResourceNotFoundException,
    ServiceException,
    ServiceQuotaExceededException,
    ServiceUnavailableException,
    TooManyRequestsException,
)
