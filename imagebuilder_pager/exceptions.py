"""Every exception of this library, except the errors that the service models.

Names and attributes are botocore's. The errors that the service models are in
:mod:`imagebuilder_pager.models.exceptions`; each is a :class:`ClientError`. ``docs/api.md`` has
the tree of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

__all__ = [
    "CheckpointError",
    "CheckpointLockedError",
    "ClientError",
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "CredentialRetrievalError",
    "EndpointConnectionError",
    "ExecutorLostError",
    "HTTPClientError",
    "InsecureRequestWarning",
    "InvalidConfigError",
    "InvalidEndpointError",
    "InvalidRegionError",
    "MissingDependencyException",
    "NoCredentialsError",
    "NoRegionError",
    "OperationNotPageableError",
    "PagerError",
    "PaginationError",
    "ParamValidationError",
    "ParentGoneError",
    "PartialCredentialsError",
    "Problem",
    "ProfileNotFound",
    "ProxyConnectionError",
    "ReadTimeoutError",
    "ResponseParserError",
    "ResponseValidationError",
    "SSLError",
    "StartingTokenError",
    "UnknownOperationError",
]

#: The characters that no text from outside may bring to a terminal or into an error: those that
#: steer a terminal, turn the reading direction or cannot be encoded. Tab and line break may pass.
#: Not compiled, which takes long: only an error needs it.
CONTROLS = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


class Problem(NamedTuple):
    """An invalid parameter or setting; ``str()`` returns the sentence about it.

    ``parameter`` is its path in wire names, such as ``filters[0].values[3]``, or the name of the
    setting. ``given`` describes what was found, without secrets: ``0 (int) given``, ``missing, and
    required``. ``allowed`` describes what is allowed, "" where ``given`` says enough. In the
    sentence, control characters are escaped.
    """

    parameter: str
    given: str
    allowed: str = ""

    def __str__(self) -> str:
        allowed = f"; allowed: {self.allowed}" if self.allowed else ""
        return re.sub(CONTROLS, _escape, f"{self.parameter}: {self.given}{allowed}")


def _list_problems(problems: Iterable[Problem]) -> str:
    return "".join(f"\n  - {problem}" for problem in problems)


class PagerError(Exception):
    """The base class of every exception that this library raises.

    ``resume_token`` is set on an error that ends a listing: the ``StartingToken`` that resumes
    after the last page or item that the caller has, else None. All attributes survive a copy and a
    pickle, as between processes. Control characters are escaped in the text.
    """

    resume_token: str | None = None

    @property
    def problem(self) -> Problem | None:
        """The invalid parameter or setting, of an error that is about a single one."""
        return self.args[0] if self.args and isinstance(self.args[0], Problem) else None

    def __str__(self) -> str:
        # With one argument, it is the text; a KeyError would print its repr.
        text = str(self.args[0]) if len(self.args) == 1 else Exception.__str__(self)
        return re.sub(CONTROLS, _escape, text)

    def __reduce__(self) -> tuple[Any, ...]:
        # Without __init__, whose parameters differ: the text and the attributes are the error.
        return _restore, (type(self), self.args), self.__dict__


def _restore(error_type: type[PagerError], args: tuple[Any, ...]) -> PagerError:
    return error_type.__new__(error_type, *args)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _one_line(text: object) -> str:
    # Newlines part the lines of an error: a text of the service has to be one line.
    return re.sub(r"[\t\n]", _escape, str(text))


class ParamValidationError(PagerError, ValueError):
    """Invalid parameters, found before anything was sent.

    ``operation_name`` names the operation or the class that they were passed to. ``problems`` has
    a :class:`Problem` for each invalid parameter; all are reported at once.
    """

    def __init__(self, operation_name: str, problems: Iterable[Problem]) -> None:
        self.operation_name = operation_name
        self.problems: tuple[Problem, ...] = tuple(problems)
        lines = _list_problems(self.problems)
        super().__init__(f"{operation_name}: invalid parameters; nothing was sent{lines}")


class UnknownOperationError(PagerError, KeyError):
    """An operation that does not exist; the message lists the operations."""


class OperationNotPageableError(PagerError, ValueError):
    """An operation that exists and does not return its result in pages."""


class NoRegionError(PagerError):
    """A region that is configured neither by an argument nor by the environment."""


class InvalidRegionError(NoRegionError, ValueError):
    """A region name that cannot be a label of a host name."""


class InvalidEndpointError(PagerError, ValueError):
    """An endpoint URL that requests cannot be sent to."""


class MissingDependencyException(PagerError):
    """A package that is needed and not installed; the message says what to do."""


class InvalidConfigError(PagerError, ValueError):
    """An invalid setting, or an invalid shared file of AWS; the message names it."""


class ProfileNotFound(InvalidConfigError):
    """A profile that is not in AWS's shared files."""


class NoCredentialsError(PagerError):
    """Credentials that were not found.

    ``sources`` has a :class:`Problem` for each source that was searched: its name, and why it has
    no credentials.
    """

    def __init__(self, message: str = "no credentials", sources: Iterable[Problem] = ()) -> None:
        self.sources: tuple[Problem, ...] = tuple(sources)
        super().__init__(message + _list_problems(self.sources))


class PartialCredentialsError(NoCredentialsError):
    """An access key without its secret key, or the reverse."""


class CredentialRetrievalError(NoCredentialsError):
    """A configured source without credentials: a role, a process, an endpoint or a callable."""


class PaginationError(PagerError):
    """A listing that cannot begin or continue: because of its tokens, a page or an expression."""


class StartingTokenError(PaginationError, ValueError):
    """A ``StartingToken`` that is not valid; also a ``ValueError``, as in botocore."""


class ParentGoneError(PaginationError):
    """An item that a walk's ``StartingToken`` points into, and that no longer exists.

    ``level`` names the listing, ``item_id`` the item. With ``resume_token``, that listing begins
    anew.
    """

    resume_token: str

    def __init__(self, level: str, item_id: str | None) -> None:
        self.level = level
        self.item_id = item_id
        super().__init__(
            f"the item {item_id or 'without an id'} that the StartingToken points into is no "
            f"longer in the listing of {level}; the error's resume_token begins that listing anew"
        )


class CheckpointError(PagerError):
    """A file that is not the checkpoint of the listing; it is left as it is."""


class CheckpointLockedError(CheckpointError):
    """A checkpoint that another run has."""


class ExecutorLostError(PagerError):
    """An executor of a fleet that takes or returns no batches any more."""


class ClientError(PagerError):
    """An error response of the service.

    ``response`` has boto3's shape: ``["Error"]["Code"]``, ``["Error"]["Message"]`` and
    ``["ResponseMetadata"]`` with ``RequestId``, ``HTTPStatusCode``, ``HTTPHeaders`` and
    ``RetryAttempts``. ``operation_name`` is AWS's name of the operation.
    """

    def __init__(self, response: Mapping[str, Any], operation_name: str) -> None:
        self.response: dict[str, Any] = dict(response)
        self.operation_name = operation_name
        error = self.response.get("Error", {})
        metadata = self.response.get("ResponseMetadata", {})
        details = [f"HTTP status {metadata.get('HTTPStatusCode', 'unknown')}"]
        if request_id := metadata.get("RequestId"):
            details.append(f"request id {_one_line(request_id)}")
        if retries := metadata.get("RetryAttempts"):
            details.append("after 1 retry" if retries == 1 else f"after {retries} retries")
        super().__init__(
            f"{operation_name} was refused: {_one_line(error.get('Code', 'Unknown'))}: "
            f"{_one_line(error.get('Message') or '(no message)')} ({', '.join(details)})"
        )


#: The most invalid members that an error or a warning names.
MAX_PROBLEMS = 10


class ResponseParserError(PagerError):
    """A successful response that is not one: HTML, invalid or incomplete JSON, empty, or no page.

    ``incomplete`` says whether the response is incomplete.
    """

    def __init__(self, message: str, *, incomplete: bool = False) -> None:
        super().__init__(message)
        self.incomplete = incomplete


class ResponseValidationError(PagerError):
    """A response in JSON that does not fit the model.

    ``operation_name`` and ``request_id`` identify the response. ``problems`` is a tuple of
    ``(path, text)``, one for each invalid member, ten at most; a path is like
    ``resources[3].startTime``. ``problem_count`` is the number of all invalid members. Where an
    option accepts such a response, the text names it.
    """

    def __init__(
        self,
        operation_name: str,
        request_id: str | None,
        problems: Iterable[tuple[str, str]],
        *,
        problem_count: int | None = None,
        advice: str = "",
    ) -> None:
        self.operation_name = operation_name
        self.request_id = request_id
        known = tuple(problems)
        self.problems: tuple[tuple[str, str], ...] = known[:MAX_PROBLEMS]
        self.problem_count: int = len(known) if problem_count is None else problem_count
        lines = "".join(f"\n  - {path}: {text}" for path, text in self.problems)
        if more := self.problem_count - len(self.problems):
            lines += f"\n  and {more} more"
        if advice:
            lines += f"\n  {advice}"
        super().__init__(
            f"{operation_name}: the response is not valid "
            f"(request id {request_id or 'unknown'}){lines}"
        )


class HTTPClientError(PagerError):
    """The base class of network errors: no complete response was received."""


class EndpointConnectionError(HTTPClientError):
    """A failure to connect to the endpoint."""


class SSLError(EndpointConnectionError):
    """A failure to set up TLS with the endpoint.

    ``certificate_rejected`` says whether the certificate is the reason, which no retry changes.
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


class InsecureRequestWarning(UserWarning):
    """A warning, of urllib3's name, that TLS certificates are not verified."""
