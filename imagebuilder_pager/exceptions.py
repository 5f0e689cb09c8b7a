"""Every exception that a caller of this library can meet, but for those that the service models.

Names and attributes are botocore's: code written for boto3 needs another import and nothing else.
The errors that the service models are in :mod:`imagebuilder_pager.models.exceptions`; each is a
:class:`ClientError`.

    PagerError
      ParamValidationError (ValueError)       invalid parameters; nothing was sent
      UnknownOperationError (KeyError)        an operation that does not exist
      OperationNotPageableError (ValueError)  an operation that does not return pages
      NoRegionError                           no region is configured
        InvalidRegionError (ValueError)       a region that cannot be part of a host name
      InvalidEndpointError (ValueError)       an endpoint URL that cannot be used
      InvalidConfigError (ValueError)         an invalid setting or configuration file
        ProfileNotFound                       a profile that does not exist
      NoCredentialsError                      no credentials were found
        PartialCredentialsError               an access key without its secret key, or the reverse
        CredentialRetrievalError              a configured source that returned no credentials
      PaginationError                         tokens that pagination cannot go on with
        StartingTokenError (ValueError)       an invalid StartingToken
      ClientError                             an error response of the service
        ServiceException, ...                 one class for each error that the service models
      ResponseParserError                     a response that cannot be parsed
      ResponseValidationError                 a response that does not fit the model
      HTTPClientError                         no complete response
        EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError, ...
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "ClientError",
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "CredentialRetrievalError",
    "EndpointConnectionError",
    "HTTPClientError",
    "InvalidConfigError",
    "InvalidEndpointError",
    "InvalidRegionError",
    "NoCredentialsError",
    "NoRegionError",
    "OperationNotPageableError",
    "PagerError",
    "PaginationError",
    "ParamValidationError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "ProxyConnectionError",
    "ReadTimeoutError",
    "ResponseParserError",
    "ResponseValidationError",
    "SSLError",
    "StartingTokenError",
    "UnknownOperationError",
]


class PagerError(Exception):
    """The base class of every exception that this library raises.

    ``resume_token`` is set on an error that ends a listing: the ``StartingToken`` that resumes
    after the last page or item that the caller has, else None.
    """

    resume_token: str | None = None


class ParamValidationError(PagerError, ValueError):
    """Invalid parameters, found before anything was sent.

    ``operation_name`` names the operation or the class that they were passed to. ``problems`` has
    a line for each invalid parameter; all are reported at once.
    """

    def __init__(self, operation_name: str, problems: Iterable[str]) -> None:
        self.operation_name = operation_name
        self.problems = tuple(problems)
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        super().__init__(f"{operation_name}: invalid parameters; nothing was sent{lines}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.operation_name, self.problems)


class UnknownOperationError(PagerError, KeyError):
    """An operation that does not exist; the message lists the operations."""

    def __str__(self) -> str:  # KeyError would print the repr of its argument
        return str(self.args[0])


class OperationNotPageableError(PagerError, ValueError):
    """An operation that exists and does not return its result in pages."""


class NoRegionError(PagerError):
    """A region that is configured neither by an argument nor by the environment."""


class InvalidRegionError(NoRegionError, ValueError):
    """A region name that cannot be a label of a host name."""


class InvalidEndpointError(PagerError, ValueError):
    """An endpoint URL that requests cannot be sent to."""


class InvalidConfigError(PagerError, ValueError):
    """An invalid setting, or an invalid shared file of AWS; the message names it."""


class ProfileNotFound(InvalidConfigError):
    """A profile that is not in AWS's shared files."""


class NoCredentialsError(PagerError):
    """Credentials that were not found; the message lists each source and what was found there."""


class PartialCredentialsError(NoCredentialsError):
    """An access key without its secret key, or the reverse."""


class CredentialRetrievalError(NoCredentialsError):
    """A configured source without credentials: a role, a process, an endpoint or a callable."""


class PaginationError(PagerError):
    """Tokens that pagination cannot begin or go on with."""


class StartingTokenError(PaginationError, ValueError):
    """A ``StartingToken`` that is not valid; also a ``ValueError``, as in botocore."""


class ClientError(PagerError):
    """An error response of the service.

    ``response`` has boto3's shape: ``["Error"]["Code"]``, ``["Error"]["Message"]`` and
    ``["ResponseMetadata"]`` with ``RequestId``, ``HTTPStatusCode``, ``HTTPHeaders`` and
    ``RetryAttempts``. ``operation_name`` is AWS's name of the operation.
    """

    def __init__(self, response: Mapping[str, Any], operation_name: str) -> None:
        self.response = dict(response)
        self.operation_name = operation_name
        error = self.response.get("Error", {})
        metadata = self.response.get("ResponseMetadata", {})
        details = [f"HTTP status {metadata.get('HTTPStatusCode', 'unknown')}"]
        if request_id := metadata.get("RequestId"):
            details.append(f"request id {request_id}")
        if retries := metadata.get("RetryAttempts"):
            details.append(f"after {retries} retries")
        super().__init__(
            f"{operation_name} was refused: {error.get('Code', 'Unknown')}: "
            f"{error.get('Message') or '(no message)'} ({', '.join(details)})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.response, self.operation_name)


class ResponseParserError(PagerError):
    """A successful response that cannot be parsed: HTML, invalid or incomplete JSON, or empty.

    ``cut_off`` says whether the response is incomplete.
    """

    def __init__(self, message: str, *, cut_off: bool = False) -> None:
        super().__init__(message)
        self.cut_off = cut_off

    def __reduce__(self) -> tuple[Any, ...]:
        return _parser_error, (str(self), self.cut_off)


def _parser_error(message: str, cut_off: bool) -> ResponseParserError:
    return ResponseParserError(message, cut_off=cut_off)


class ResponseValidationError(PagerError):
    """A response in JSON that does not fit the model.

    ``operation_name`` and ``request_id`` identify the response. ``problems`` is a tuple of
    ``(path, text)``, one for each invalid member; a path is like ``resources[3].startTime``.
    """

    def __init__(
        self, operation_name: str, request_id: str | None, problems: Iterable[tuple[str, str]]
    ) -> None:
        self.operation_name = operation_name
        self.request_id = request_id
        self.problems = tuple(problems)
        lines = "".join(f"\n  - {path}: {text}" for path, text in self.problems)
        super().__init__(
            f"{operation_name} was answered with an invalid response "
            f"(request id {request_id or 'unknown'}){lines}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.operation_name, self.request_id, self.problems)


class HTTPClientError(PagerError):
    """The base class of network errors: no complete response was received."""


class EndpointConnectionError(HTTPClientError):
    """A failure to connect to the endpoint."""


class SSLError(EndpointConnectionError):
    """A failure to set up TLS with the endpoint.

    ``certificate_rejected`` says whether the certificate is the reason, which a retry meets again.
    """

    certificate_rejected: bool = False


class ProxyConnectionError(EndpointConnectionError):
    """A proxy that cannot be connected to, or that rejects the request."""


class ConnectTimeoutError(EndpointConnectionError):
    """A connection that was not set up within the connect timeout."""


class ReadTimeoutError(HTTPClientError):
    """A response that did not come within the read timeout."""


class ConnectionClosedError(HTTPClientError):
    """A connection that ended before the response was complete."""
