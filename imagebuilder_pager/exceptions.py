"""Every exception that a caller of this library can meet.

Names and shapes are botocore's, so that code written for boto3 needs another import and nothing
else. All of them are a :class:`PagerError`.

    PagerError
      ParamValidationError (ValueError)       bad input, found before anything was sent
      UnknownOperationError (KeyError)        no operation of that name
      NoRegionError                           no region was given
        InvalidRegionError (ValueError)       a region that cannot be part of a host name
      InvalidEndpointError (ValueError)       an endpoint URL that cannot be used
      InvalidConfigError (ValueError)         AWS's shared files, or a setting, cannot be used
        ProfileNotFound                       no profile of that name
      NoCredentialsError                      no keys to sign with
        PartialCredentialsError               a key without its other half
        CredentialRetrievalError              a place that should have had keys gave none
      PaginationError                         the service's tokens make no sense
        StartingTokenError (ValueError)       the caller's starting token makes no sense
      ClientError                             the service answered with an error
        ServiceException, ...                 one class for each error that the service models
      ResponseParserError                     an answer that is not the protocol's
      ResponseValidationError                 an answer whose members are not the model's
      HTTPClientError                         no answer
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
    """The base class of everything that this library raises on purpose.

    ``resume_token`` is set on what ends a listing: the ``StartingToken`` that goes on after the
    last page, or item, that the caller has; None where there is none.
    """

    resume_token: str | None = None


class ParamValidationError(PagerError, ValueError):
    """Parameters that cannot be sent. Nothing has been sent.

    ``problems`` holds one line for each thing that is wrong; all are found at once.
    """

    def __init__(self, where: str, problems: Iterable[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        super().__init__(f"{where}: invalid parameters; nothing was sent{lines}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.where, self.problems)


class UnknownOperationError(PagerError, KeyError):
    """There is no operation of that name; the message lists those there are."""

    def __str__(self) -> str:  # KeyError would print the repr of its argument
        return str(self.args[0])


class NoRegionError(PagerError):
    """No region was given: neither as an argument nor by the settings."""


class InvalidRegionError(NoRegionError, ValueError):
    """A region name that cannot be a label of a host name."""


class InvalidEndpointError(PagerError, ValueError):
    """An endpoint URL that requests cannot be sent to."""


class InvalidConfigError(PagerError, ValueError):
    """A setting, or one of AWS's shared files, that cannot be used; the message says which."""


class ProfileNotFound(InvalidConfigError):
    """No profile of that name is in AWS's shared files."""


class NoCredentialsError(PagerError):
    """No credentials were found; the message says where they were looked for, and what was there.

    The same error, of a subclass, is raised when a place that should have keys gives none.
    """


class PartialCredentialsError(NoCredentialsError):
    """Half of a pair of keys was found, and not the other half."""


class CredentialRetrievalError(NoCredentialsError):
    """A place that is set up to give keys did not: a role, a process, an endpoint, a callable."""


class PaginationError(PagerError):
    """Pagination cannot go on, or cannot begin, as the tokens stand."""


class StartingTokenError(PaginationError, ValueError):
    """A ``StartingToken`` that no paginator made; also a ``ValueError``, as in botocore."""


class ClientError(PagerError):
    """The service answered with an error.

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
    """A successful answer that is not the protocol's: HTML, no JSON, cut-off JSON, nothing.

    ``cut_off`` says whether it has a beginning and no end.
    """

    def __init__(self, message: str, *, cut_off: bool = False) -> None:
        super().__init__(message)
        self.cut_off = cut_off

    def __reduce__(self) -> tuple[Any, ...]:
        return _parser_error, (str(self), self.cut_off)


def _parser_error(message: str, cut_off: bool) -> ResponseParserError:
    return ResponseParserError(message, cut_off=cut_off)


class ResponseValidationError(PagerError):
    """An answer that is JSON but not what the model says.

    ``operation_name`` and ``request_id`` say which answer; ``problems`` is a tuple of
    ``(path, text)``, one for each wrong member, where a path reads ``resources[3].startTime``.
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
    """No answer came. The base class of what goes wrong on the network."""


class EndpointConnectionError(HTTPClientError):
    """The endpoint cannot be connected to."""


class SSLError(EndpointConnectionError):
    """No TLS connection to the endpoint.

    ``certificate_rejected`` says whether that is because of its certificate, which another attempt
    would not change.
    """

    certificate_rejected: bool = False


class ProxyConnectionError(EndpointConnectionError):
    """The proxy cannot be connected to, or refuses."""


class ConnectTimeoutError(EndpointConnectionError):
    """No connection within the connect timeout."""


class ReadTimeoutError(HTTPClientError):
    """A connection, but no answer within the read timeout."""


class ConnectionClosedError(HTTPClientError):
    """The connection ended before the answer did."""
