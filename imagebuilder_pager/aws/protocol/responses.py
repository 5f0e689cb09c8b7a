"""What a service has answered: the bytes within their bounds, then a model or an error. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from ...exceptions import ClientError, ResponseParserError, ResponseValidationError

__all__ = ["HTTPResponse", "RestJsonOperation", "parse_response"]


class ParsedOutput(Protocol):
    """What a model makes of an answer: something that knows the members it has."""

    def __contains__(self, key: object) -> bool: ...
    def get(self, key: str, default: Any = None, /) -> Any: ...


ResponseT = TypeVar("ResponseT", bound=ParsedOutput)
#: The most JSON objects in a body. Each may be two bytes on the wire, and is a model of some 800
#: bytes in memory. A page of 25 items has some thousands at the very most.
MAX_OBJECTS = 100_000

#: Reads the bytes of a body, with boto3's ResponseMetadata beside them.
ResponseParser = Callable[[bytes, Mapping[str, Any]], ResponseT]


class RestJsonOperation(NamedTuple):
    """What the protocol has to know of an operation.

    ``name`` is AWS's name, ``path`` the request's path, ``members`` those of a successful answer,
    ``errors`` the modelled errors by their codes. ``method`` is the HTTP method, ``query_members``
    are the parameters that go into the query, by their names, with their names in the query.
    """

    name: str
    path: str
    members: tuple[str, ...]
    errors: Mapping[str, type[ClientError]]
    method: str = "POST"
    query_members: Mapping[str, str] = {}


class HTTPResponse(NamedTuple):
    """An HTTP response that has been read: header names in lower case, the body decompressed.

    ``retries`` are the attempts made before the one that it answers.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    retries: int = 0

    @property
    def request_id(self) -> str | None:
        """What AWS calls the request, for its support."""
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
        shown = f"{_redact(start)!r}{more}" if self.body else "an empty body"
        return f"HTTP status {self.status}, {content_type}, {shown}"


def parse_response(
    call: RestJsonOperation, answer: HTTPResponse, parse: ResponseParser[ResponseT]
) -> ResponseT:
    """Return the response to a call, as ``parse`` makes it of the body.

    Raises :class:`ClientError` or its modelled subclass when the service refused,
    :class:`ResponseParserError` for what is no answer of the protocol, or too large for a page,
    :class:`ResponseValidationError` for members that are not as the model says.
    """
    import pydantic  # which the models have imported by now; before, a connection may come about

    if not 200 <= answer.status < 300 or "x-amzn-errortype" in answer.headers:
        raise parse_error(call, answer)
    if _has_too_many_objects(answer.body):
        raise ResponseParserError(
            f"{call.name} was answered with more than {MAX_OBJECTS:,} JSON objects, far more than "
            f"a page has: {answer.summarize()}"
        )
    try:
        result = parse(answer.body, answer.metadata())
    except pydantic.ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        if not problems[0]["loc"]:
            what = "not JSON" if problems[0]["type"] == "json_invalid" else "no JSON object"
            raise ResponseParserError(
                f"{call.name} was answered with what is {what}: {answer.summarize()}",
                cut_off="EOF while parsing" in problems[0]["msg"]
                and (bool(answer.body) or answer.ends_with_connection),
            ) from None
        raise ResponseValidationError(
            call.name,
            answer.request_id,
            [(member_path(problem["loc"]), problem["msg"]) for problem in problems],
        ) from None
    if not any(name in result for name in call.members):
        # A success by its status alone: read as a page, it would end the listing in silence.
        found = (result.get(name) for name in _ERROR_MEMBERS)
        if any(isinstance(value, str) and value for value in found):
            raise parse_error(call, answer)
        raise ResponseParserError(
            f"{call.name} was answered with JSON that has no member of its response: "
            f"{answer.summarize()}"
        )
    return result


_ERROR_MEMBERS = ("__type", "code", "Code", "message", "Message")


def _has_too_many_objects(body: bytes) -> bool:
    # The first count is fast, but it also counts what stands in strings.
    return body.count(b"{") > MAX_OBJECTS and _STRING.sub(b"", body).count(b"{") > MAX_OBJECTS


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def parse_error(call: RestJsonOperation, answer: HTTPResponse) -> ClientError:
    """Return the error of a response, of its modelled class where it has one.

    The code is in the header ``x-amzn-ErrorType`` or in the body's ``code`` or ``__type``; without
    one, as from a proxy, it is the HTTP status, as in boto3, and the message shows what came.
    """
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        body = None
    is_object = isinstance(body, dict)
    members: dict[str, Any] = body if is_object else {}
    found = (
        answer.headers.get("x-amzn-errortype"),
        *(members.get(name) for name in ("code", "Code", "__type")),
    )
    code = next((value for value in found if isinstance(value, str) and value), "")
    code = code.split(":", 1)[0].rsplit("#", 1)[-1] or str(answer.status)
    text = members.get("message", members.get("Message"))
    message = text if isinstance(text, str) else "" if is_object else answer.summarize()
    response: dict[str, Any] = {
        "Error": {"Message": _redact(message), "Code": code},
        "ResponseMetadata": answer.metadata(),
    }
    modelled = call.errors.get(code)
    if modelled is None:
        return ClientError(response, call.name)
    if isinstance(members.get("message"), str):
        response["message"] = _redact(members["message"])
    return modelled(response, call.name)


def _redact(text: str) -> str:
    """Return the text without credentials that a service may repeat in an error."""
    return re.sub(r"(?i)(x-amz-security-token\W{1,3}|signature=)[^\s'\",;&]+", r"\1(removed)", text)


def member_path(location: tuple[int | str, ...]) -> str:
    """``resources[3].startTime`` for pydantic's ``("resources", 3, "startTime")``."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".") or "(the whole body)"
