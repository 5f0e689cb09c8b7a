"""The modelled errors of the service, as in boto3's ``client.exceptions``.

The rule: an error code becomes the class of the same name. A class is only defined, and listed
nowhere: without an ``__all__``, every name without an underscore is public.
"""

from typing import TYPE_CHECKING

from ..exceptions import ClientError as ClientError  # noqa: PLC0414  # re-exported

# Hidden from type checkers: with it, an unknown name would be Any.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        known = ", ".join(sorted(["ClientError", *(error.__name__ for error in MODELLED_ERRORS)]))
        raise AttributeError(f"client.exceptions has no {name!r}; it has: {known}")


class ServiceException(ClientError):
    """A failure of the service (HTTP status 500)."""


class ClientException(ClientError):
    """A request that the service cannot carry out, for example without permission (400)."""


class ServiceUnavailableException(ClientError):
    """A service that is unavailable now (503)."""


class InvalidRequestException(ClientError):
    """A request that the service cannot interpret (400)."""


class InvalidPaginationTokenException(ClientError):
    """A ``nextToken`` that is invalid, has expired or belongs to another request (400)."""


class ForbiddenException(ClientError):
    """An action that is forbidden to the caller (403)."""


class CallRateLimitExceededException(ClientError):
    """A call beyond the rate limit of the account (429)."""


class AccessDeniedException(ClientError):
    """A caller without permission for the operation (403)."""


class DryRunOperationException(ClientError):
    """A dry run that would have succeeded; nothing was changed (412)."""


class IdempotentParameterMismatchException(ClientError):
    """A client token that was used before with other parameters (400)."""


class InvalidParameterCombinationException(ClientError):
    """Parameters that exclude each other (400)."""


class InvalidParameterException(ClientError):
    """A parameter that the service does not accept (400)."""


class InvalidParameterValueException(ClientError):
    """A value that the service does not accept (400)."""


class InvalidVersionNumberException(ClientError):
    """A version number that is out of bounds or malformed (400)."""


class ResourceAlreadyExistsException(ClientError):
    """A resource that already exists (400)."""


class ResourceDependencyException(ClientError):
    """A resource that cannot be changed while others depend on it (400)."""


class ResourceInUseException(ClientError):
    """A resource that is in use (400)."""


class ResourceNotFoundException(ClientError):
    """A resource that the request names does not exist (404)."""


class ServiceQuotaExceededException(ClientError):
    """More resources or operations than the account may have (402)."""


class TooManyRequestsException(ClientError):
    """A request beyond the rate limit of the operation (429)."""


#: Every error of this module.
MODELLED_ERRORS: tuple[type[ClientError], ...] = tuple(
    value
    for value in list(globals().values())
    if isinstance(value, type) and value.__module__ == __name__
)
