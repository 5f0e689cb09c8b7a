"""The meaning of a response: a model or an error. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from ...exceptions import ClientError, ResponseParserError, ResponseValidationError


class ParsedOutput(Protocol):
    """A parsed body, which knows the members that it has."""

    def __contains__(self, key: object) -> bool: ...
    def get(self, key: str, default: Any = None, /) -> Any: ...


ResponseT = TypeVar("ResponseT", bound=ParsedOutput)
#: The most JSON objects in a body. Each may be two bytes on the wire, and is a model of some 800
#: bytes in memory. A page of 25 items has some thousands at the very most.
MAX_OBJECTS = 100_000

#: Reads the bytes of a body, with boto3's ResponseMetadata beside them.
ResponseParser = Callable[[bytes, Mapping[str, Any]], ResponseT]


class RestJsonOperation(NamedTuple):
    """The facts about an operation that the protocol needs.

    ``name`` is AWS's name, ``path`` the request's path, ``members`` those of a successful response,
    ``errors`` the modelled errors by their codes. ``method`` is the HTTP method, ``query_members``
    are the parameters that go into the query, by their names, with their names in the query.
    ``prepare`` makes ready to parse a response, and may be called while one is waited for.
    """

    name: str
    path: str
    members: tuple[str, ...]
    errors: Mapping[str, type[ClientError]]
    method: str = "POST"
    query_members: Mapping[str, str] = {}
    prepare: Callable[[], object] | None = None


class HTTPResponse(NamedTuple):
    """An HTTP response that has been read: header names in lower case, the body decompressed.

    ``retries`` are the attempts before the one that it belongs to.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    retries: int = 0

    @property
    def request_id(self) -> str | None:
        """The id of the request, for AWS's support."""
        return self.headers.get("x-amzn-requestid")

    @property
    def ends_with_connection(self) -> bool:
        """Whether the connection's end is the body's, so that any part may be missing."""
        return not self.headers.keys() & {"content-length", "transfer-encoding"}

    def metadata(self) -> dict[str, Any]:
        """``ResponseMetadata`` as boto3 has it."""
        request_id = self.request_id
        return ({} if request_id is None else {"RequestId": request_id}) | {
            "HTTPStatusCode": self.status,
            "HTTPHeaders": dict(self.headers),
            "RetryAttempts": self.retries,
        }

    def summarize(self) -> str:
        """Return the status, the content type and the first characters, for an error's text."""
        start = self.body[:200].decode("utf-8", "replace")
        content_type = self.headers.get("content-type", "no content type")
        if location := self.headers.get("location"):
            content_type += f", a redirect to {location[:200]!r}, which is not followed"
        more = "..." if len(self.body) > len(start.encode()) else ""
        shown = f"{start!r}{more}" if self.body else "an empty body"
        return f"HTTP status {self.status}, {content_type}, {shown}"


def parse_response(
    operation: RestJsonOperation, response: HTTPResponse, parse: ResponseParser[ResponseT]
) -> ResponseT:
    """Return the response to a call, as ``parse`` makes it of the body.

    Raises :class:`ClientError` or its modelled subclass when the service refused,
    :class:`ResponseParserError` for a body that is not of the protocol, or too large for a page,
    :class:`ResponseValidationError` for members that are not as the model says.
    """
    import pydantic  # which the models have imported by now; before, a connection may come about

    if not 200 <= response.status < 300 or "x-amzn-errortype" in response.headers:
        raise parse_error(operation, response)
    if _has_too_many_objects(response.body):
        raise ResponseParserError(
            f"{operation.name}: the response has more than {MAX_OBJECTS:,} JSON objects, far more "
            f"than a page has: {response.summarize()}"
        )
    try:
        result = parse(response.body, response.metadata())
    except pydantic.ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        if not problems[0]["loc"]:
            what = "not JSON" if problems[0]["type"] == "json_invalid" else "not a JSON object"
            raise ResponseParserError(
                f"{operation.name}: the response is {what}: {response.summarize()}",
                incomplete="EOF while parsing" in problems[0]["msg"]
                and (bool(response.body) or response.ends_with_connection),
            ) from None
        raise ResponseValidationError(
            operation.name,
            response.request_id,
            [(member_path(problem["loc"]), problem["msg"]) for problem in problems],
        ) from None
    if not any(name in result for name in operation.members):
        # A success by its status alone: read as a page, it would end the listing in silence.
        found = (result.get(name) for name in _ERROR_MEMBERS)
        if any(isinstance(value, str) and value for value in found):
            raise parse_error(operation, response)
        raise ResponseParserError(
            f"{operation.name}: the response has none of the members that it should have: "
            f"{response.summarize()}"
        )
    return result


_ERROR_MEMBERS = ("__type", "code", "Code", "message", "Message")


def _has_too_many_objects(body: bytes) -> bool:
    # The first count is fast, but it also counts what stands in strings.
    return body.count(b"{") > MAX_OBJECTS and _STRING.sub(b"", body).count(b"{") > MAX_OBJECTS


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


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
        *(members.get(name) for name in ("code", "Code", "__type")),
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


def member_path(location: tuple[int | str, ...]) -> str:
    """``resources[3].startTime`` for pydantic's ``("resources", 3, "startTime")``."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".") or "(the whole body)"
