"""The meaning of a response: a model or an error. No I/O.

The rule: a response is an error where it is not a JSON object, or has an error's code, or a list
that is not a list, or a token that is not a string. Any other that does not match its model is an
error that names the option ``on_invalid_response``, or with ``"warn"`` a model with the values that
were sent, and a line in the log. Work is linear in the size of a body, and little is said of it.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from ..._validation import InvalidValueError, describe_invalid_value
from ...exceptions import (
    MAX_PROBLEMS,
    ClientError,
    ResponseParserError,
    ResponseValidationError,
)

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_log = logging.getLogger(__name__)

#: What becomes of a response that does not match its model.
OnInvalidResponse: TypeAlias = Literal["raise", "warn"]
#: Where a member is: wire names, keys of a map and indexes of lists.
Location: TypeAlias = tuple[int | str, ...]


class ParsedOutput(Protocol):
    """A parsed body, which knows the members that it has."""

    def __contains__(self, key: object) -> bool: ...
    def get(self, key: str, default: Any = None, /) -> Any: ...


ResponseT = TypeVar("ResponseT", bound=ParsedOutput)
ResponseT_co = TypeVar("ResponseT_co", bound=ParsedOutput, covariant=True)
#: The most JSON objects in a body. Each may be two bytes on the wire, and is a model of some 800
#: bytes in memory. A page of 100 items has some tens of thousands at the very most.
MAX_OBJECTS = 100_000
#: The most commas in a body. Each may be a value that does not match, which takes some 800 bytes to
#: describe.
MAX_COMMAS = 500_000
#: The longest name that is shown of a member: a longer one is a key of a map.
_MAX_NAME_LENGTH = 200


class ResponseParser(Protocol[ResponseT_co]):
    """A function that reads the bytes of a body, with boto3's ResponseMetadata beside them.

    The values at ``unchecked`` may be of any type. Raises pydantic's ``ValidationError``.
    """

    def __call__(
        self,
        body: bytes,
        metadata: Mapping[str, Any],
        /,
        *,
        unchecked: Sequence[Location] = (),
    ) -> ResponseT_co: ...


class RestJsonOperation(NamedTuple):
    """The facts about an operation that the protocol needs.

    ``name`` is AWS's name, ``path`` the request's path, ``members`` those of a successful response,
    ``errors`` the modelled errors by their codes. ``method`` is the HTTP method, ``query_members``
    are the parameters that go into the query, by their names, with their names in the query.
    ``prepare`` makes ready to parse a response, and may be called while one is waited for.
    ``page_members`` are the items and the token, of which a page has one at least; None for an
    operation with one response, which has one of all its members.
    """

    name: str
    path: str
    members: tuple[str, ...]
    errors: Mapping[str, type[ClientError]]
    method: str = "POST"
    query_members: Mapping[str, str] = {}
    prepare: Callable[[], object] | None = None
    page_members: tuple[str, str] | None = None


class HTTPResponse(NamedTuple):
    """An HTTP response that has been read: header names in lower case, the body decompressed.

    ``retries`` are the attempts before the one that it belongs to. ``redact`` removes the secrets
    from a text of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    retries: int = 0
    redact: Callable[[str], str] = str

    @property
    def request_id(self) -> str | None:
        """The id of the request, for AWS's support."""
        return self.headers.get("x-amzn-requestid")

    @property
    def ends_with_connection(self) -> bool:
        """Whether the connection's end is the body's, so that any part may be missing."""
        return not self.headers.keys() & {"content-length", "transfer-encoding"}

    def metadata(self) -> dict[str, Any]:
        """Return ``ResponseMetadata`` as boto3 has it."""
        request_id = self.request_id
        return ({} if request_id is None else {"RequestId": request_id}) | {
            "HTTPStatusCode": self.status,
            "HTTPHeaders": dict(self.headers),
            "RetryAttempts": self.retries,
        }

    def summarize(self) -> str:
        """Return the status, the content type and the first characters, for an error's text."""
        # Redacted before it is cut or quoted: a part of a secret is not found.
        text = self.redact(self.body.decode("utf-8", "replace"))
        content_type = self.headers.get("content-type", "no content type")
        if location := self.redact(self.headers.get("location", "")):
            content_type += f", a redirect to {location[:200]!r}, which is not followed"
        shown = f"{text[:200]!r}{'...' * (len(text) > 200)}" if text else "an empty body"
        return f"HTTP status {self.status}, {content_type}, {shown}"


def validate_on_invalid_response(value: object) -> OnInvalidResponse:
    """Return the value if it is ``"raise"`` or ``"warn"``.

    Raises :class:`InvalidValueError` for all else.
    """
    if isinstance(value, str):
        if value == "raise":
            return "raise"
        if value == "warn":
            return "warn"
    raise InvalidValueError(
        describe_invalid_value("on_invalid_response", value, '"raise" or "warn"')
    )


def parse_response(
    operation: RestJsonOperation,
    response: HTTPResponse,
    parse: ResponseParser[ResponseT],
    on_invalid: OnInvalidResponse = "raise",
    redact: Callable[[str], str] = str,
) -> ResponseT:
    """Return the response to a call, as ``parse`` makes it of the body.

    ``redact`` removes the secrets from what is logged. Raises :class:`ClientError` or its modelled
    subclass when the service refused, :class:`ResponseParserError` for a body that is not of the
    protocol, or too large for a page, :class:`ResponseValidationError` for members that are not as
    the model says.
    """
    # Late: the models have imported it by now, while a connection was being made.
    import pydantic

    response = response._replace(redact=redact)
    body = response.body
    if not 200 <= response.status < 300 or "x-amzn-errortype" in response.headers:
        raise parse_error(operation, response)
    if (excess := _excess(body)) is not None:
        raise ResponseParserError(
            f"{operation.name}: the response has more than {excess}, far more than a page has: "
            f"{response.summarize()}"
        )
    problems: list[ErrorDetails] = []
    try:
        result = parse(body, response.metadata())
    except pydantic.ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        if not problems[0]["loc"]:
            is_json = problems[0]["type"] != "json_invalid"
            what = "not a JSON object" if is_json else "not JSON"
            raise ResponseParserError(
                f"{operation.name}: the response is {what}: {response.summarize()}",
                incomplete=not is_json
                and (bool(body) or response.ends_with_connection)
                and _is_cut_off(body),
            ) from None
        locations = [problem["loc"] for problem in problems]
        try:
            result = parse(body, response.metadata(), unchecked=locations)
        except (LookupError, TypeError, pydantic.ValidationError):
            # The name of a key is not always what pydantic calls it: a lone surrogate is not.
            raise _validation_error(operation, response, problems) from None
    # The names are looked for in the bytes first, since a page has none of them.
    if (b'"__type"' in body or b'ode"' in body) and any(
        isinstance(code := result.get(name), str) and code
        for name in _CODE_MEMBERS
        if name not in operation.members
    ):
        raise parse_error(operation, response)
    if operation.page_members is None:
        essential: Sequence[str] = operation.members
        is_page = any(name in result for name in essential)
    else:
        essential = items, token = operation.page_members
        is_page = items in result or token in result
    if is_page and not problems:
        return result
    is_fatal = any(_is_fatal(operation, problem) for problem in problems)
    if is_fatal and len(problems) > MAX_PROBLEMS:
        # The option does not help with these: they are named first.
        problems.sort(key=lambda problem: not _is_fatal(operation, problem))
    if problems and (is_fatal or on_invalid == "raise"):
        advice = "" if is_fatal else f"{_WARN} gives these members as they were sent"
        raise _validation_error(operation, response, problems, advice) from None
    if on_invalid == "raise":
        # Only its status is that of a success: as a page, it would end the listing unnoticed.
        raise ResponseParserError(
            f"{operation.name}: the response has none of the members that it should have "
            f"({', '.join(essential)}): {response.summarize()}\n  {_WARN} takes it for "
            f"{'a response' if operation.page_members is None else 'an empty last page'}"
        )
    text = (
        f"{operation.name}: the response does not match the service model (request id "
        f"{response.request_id or 'unknown'}): {_describe_mismatches(problems, essential, is_page)}"
    )
    _log.warning("%s", redact(text).encode("unicode_escape").decode())
    return result


_WARN = 'on_invalid_response="warn"'
_CODE_MEMBERS = ("code", "Code", "__type")


def _validation_error(
    operation: RestJsonOperation,
    response: HTTPResponse,
    problems: Sequence[ErrorDetails],
    advice: str = "",
) -> ResponseValidationError:
    return ResponseValidationError(
        operation.name,
        response.request_id,
        [(member_path(problem["loc"]), problem["msg"]) for problem in problems[:MAX_PROBLEMS]],
        problem_count=len(problems),
        advice=advice,
    )


def _is_fatal(operation: RestJsonOperation, problem: ErrorDetails) -> bool:
    """Return whether the problem ends the listing: a list of another type, or the token."""
    page_members = operation.page_members
    is_token = page_members is not None and problem["loc"] == page_members[1:]
    return is_token or problem["type"] == "list_type"


def _describe_mismatches(
    problems: Sequence[ErrorDetails], essential: Sequence[str], is_page: bool
) -> str:
    """Return what does not match, each path once for all items of a list."""
    notes = []
    if problems:
        paths = list(
            dict.fromkeys(
                tuple(-1 if isinstance(part, int) else part for part in problem["loc"])
                for problem in problems
            )
        )
        more = len(paths) - MAX_PROBLEMS
        named = ", ".join(map(member_path, paths[:MAX_PROBLEMS]))
        notes.append(f"as they were sent: {named}{f' and {more} more' if more > 0 else ''}")
    if not is_page:
        notes.append(f"it has none of {', '.join(essential)}")
    return "; ".join(notes)


def _excess(body: bytes) -> str | None:
    """Return what a body has more of than any page, None if it has not."""
    if body.count(b"{") <= MAX_OBJECTS and body.count(b",") <= MAX_COMMAS:
        return None
    # The first count is fast, but it also counts what stands in strings.
    structure = _STRING.sub(b"", body)
    if structure.count(b"{") > MAX_OBJECTS:
        return f"{MAX_OBJECTS:,} JSON objects"
    return f"{MAX_COMMAS:,} JSON values" if structure.count(b",") > MAX_COMMAS else None


def _is_cut_off(body: bytes) -> bool:
    """Return whether a body is the beginning of an object or a list, or nothing."""
    from pydantic_core import from_json

    structure = _STRING.sub(b"", body)
    if not structure.strip():
        return not body.strip()
    if sum(map(structure.count, (b"{", b"["))) <= sum(map(structure.count, (b"}", b"]"))):
        return False
    try:
        from_json(body, allow_partial=True)
    except ValueError:
        return False
    return True


# Also one without an end, so that none is gone through twice.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)


def parse_error(operation: RestJsonOperation, response: HTTPResponse) -> ClientError:
    """Return the error of a response, of its modelled class where it has one.

    The code is in the header ``x-amzn-ErrorType`` or in the body's ``code`` or ``__type``; without
    one, as from a proxy, it is the HTTP status, as in boto3, and the message shows what came.
    """
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        body = None
    is_object = isinstance(body, dict)
    members: dict[str, Any] = body if is_object else {}
    found = (
        response.headers.get("x-amzn-errortype"),
        *(members.get(name) for name in _CODE_MEMBERS),
    )
    code = next((value for value in found if isinstance(value, str) and value), "")
    code = code.split(":", 1)[0].rsplit("#", 1)[-1] or str(response.status)
    text = members.get("message", members.get("Message"))
    message = text if isinstance(text, str) else "" if is_object else response.summarize()
    parsed: dict[str, Any] = {
        "Error": {"Message": message, "Code": code},
        "ResponseMetadata": response.metadata(),
    }
    modelled = operation.errors.get(code)
    if modelled is None:
        return ClientError(parsed, operation.name)
    if isinstance(members.get("message"), str):
        parsed["message"] = members["message"]
    return modelled(parsed, operation.name)


def member_path(location: Location) -> str:
    """Return ``resources[3].startTime`` for pydantic's ``("resources", 3, "startTime")``."""
    # One index stands for all of them: -1. A long name is left out, since a cut through a secret
    # would show its beginning.
    return "".join(
        ("[]" if part < 0 else f"[{part}]")
        if isinstance(part, int)
        else f".{part if len(part) <= _MAX_NAME_LENGTH else '...'}"
        for part in location
    ).removeprefix(".")
