"""The meaning of a response: a model or an error. No I/O.

The rule: a response is an error where it is not a JSON object, or has an error's code, or a list
that is not a list, or a token that is not a string. Any other that does not match its model, or
has none of the members of a page, is an error that names the option ``on_invalid_response``, or
with ``"warn"`` a model with the values that were sent, and a line in the log. Work is linear in
the size of a body; mismatches are counted, and ten of them named.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from ..._validation import InvalidValueError, describe_invalid_value, without_userinfo
from ...exceptions import (
    MAX_PROBLEMS,
    ClientError,
    ResponseParserError,
    ResponseValidationError,
)

#: The treatment of a response that does not match its model.
OnInvalidResponse: TypeAlias = Literal["raise", "warn"]
#: Where a member is: wire names, keys of a map and indexes of lists.
Location: TypeAlias = tuple[int | str, ...]
#: Takes a value that does not match: its location, a text, and whether it should be a list.
OnMismatch: TypeAlias = Callable[[Location, str, bool], object]
#: The most opening brackets and commas in a body. It has at most this many values plus one. An
#: empty object is two bytes on the wire and some 800 in memory. A page of 100 items has some tens
#: of thousands at the very most, with those in its strings.
MAX_VALUES = 500_000
#: The longest name that is shown of a member: a longer one is a key of a map.
_MAX_NAME_LENGTH = 200


class ResponseParser(Protocol):
    """A function that reads the bytes of a body, with boto3's ResponseMetadata beside them.

    A value that does not match goes to ``on_mismatch``, and may be of any type. Raises pydantic's
    ``ValidationError`` for a body that is not a JSON object.
    """

    def __call__(
        self, body: bytes, metadata: Mapping[str, Any], /, *, on_mismatch: OnMismatch
    ) -> Mapping[str, Any]: ...


class RestJsonSpec(NamedTuple):
    """The facts about an operation that the protocol needs.

    ``name`` is AWS's name, ``path`` the request's path, ``members`` those of a successful response,
    ``errors`` the modelled errors by their codes. ``method`` is the HTTP method.
    ``prepare`` loads the parser, and may be called while a response is waited for.
    ``page_members`` are the items and the token, of which a page has one at least; None for an
    operation with one response, which has one of all its members.
    """

    name: str
    path: str
    members: tuple[str, ...]
    errors: Mapping[str, type[ClientError]]
    method: str
    prepare: Callable[[], object]
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
            content_type += f", a redirect to {without_userinfo(location)!r}, which is not followed"
        shown = f"{text[:200]!r}{'...' * (len(text) > 200)}" if text else "an empty body"
        return f"HTTP status {self.status}, {content_type}, {shown}"


def validate_on_invalid_response(value: object) -> OnInvalidResponse:
    """Return the value if it is ``"raise"`` or ``"warn"``.

    Raises :class:`InvalidValueError` for all else.
    """
    modes: tuple[OnInvalidResponse, ...] = ("raise", "warn")
    for mode in modes:
        if value == mode:
            return mode
    raise InvalidValueError(
        describe_invalid_value("on_invalid_response", value, '"raise" or "warn"')
    )


def parse_response(
    spec: RestJsonSpec,
    response: HTTPResponse,
    parse: ResponseParser,
    warn: Callable[[str, int], object] | None = None,
) -> Any:
    """Return the response to a call, as ``parse`` makes it of the body.

    ``warn``: is given a text about the members that do not match the model, and their number; None
    where that is an error.

    Raises :class:`ClientError` or its modelled subclass when the service refused,
    :class:`ResponseParserError` for a body that is not of the protocol, or too large for a page,
    :class:`ResponseValidationError` for members that are not as the model says.
    """
    # Imported here: the models, loaded while connecting, have imported it already.
    import pydantic

    body = response.body
    if not 200 <= response.status < 300 or "x-amzn-errortype" in response.headers:
        raise parse_error(spec, response)
    if _has_too_many_values(body):
        raise ResponseParserError(
            f"{spec.name}: the response has more than {MAX_VALUES:,} opening brackets and "
            f"commas, far more than a page has: {response.summarize()}"
        )
    problems = _Problems(spec)
    failure = None
    try:
        result = parse(body, response.metadata(), on_mismatch=problems.add)
    except pydantic.ValidationError as error:
        failure = error.errors(include_url=False, include_input=False)[0]["type"]
    if failure is not None:  # raised here, since the error of a parser keeps the body
        is_json = failure != "json_invalid"
        raise ResponseParserError(
            f"{spec.name}: the response is {'not a JSON object' if is_json else 'not JSON'}: "
            f"{response.summarize()}",
            incomplete=not is_json
            and (bool(body) or response.ends_with_connection)
            and _is_cut_off(body),
        )
    if any(
        isinstance(code := result.get(name), str) and code
        for name in _CODE_MEMBERS
        if name not in spec.members
    ):
        raise parse_error(spec, response)
    essential: Sequence[str] = spec.page_members or spec.members
    is_page = any(name in result for name in essential)
    if is_page and not problems.count:
        return result
    if problems.count and (problems.fatal or warn is None):
        raise ResponseValidationError(
            spec.name,
            response.request_id,
            problems.fatal + problems.others,
            problem_count=problems.count,
            advice="" if problems.fatal else f"{_WARN} gives these members as they were sent",
        )
    if warn is None:
        # Only its status is that of a success: as a page, it would end the listing unnoticed.
        raise ResponseParserError(
            f"{spec.name}: the response has none of the members that it should have "
            f"({', '.join(essential)}): {response.summarize()}\n  {_WARN} takes it for "
            f"{'a response' if spec.page_members is None else 'an empty last page'}"
        )
    notes = [f"as they were sent: {problems.describe_paths()}"] if problems.count else []
    if not is_page:
        notes.append(f"it has none of {', '.join(essential)}")
    text = response.redact("; ".join(notes)).encode("unicode_escape").decode()
    warn(text, problems.count)
    return result


_WARN = 'on_invalid_response="warn"'
_CODE_MEMBERS = ("code", "Code", "__type")


class _Problems:
    """The values that do not match: all are counted, ten of a kind are kept.

    ``fatal`` are those that end the listing in both modes: a list of another type, or the token.
    """

    def __init__(self, spec: RestJsonSpec) -> None:
        self.count = 0
        self.fatal: list[tuple[str, str]] = []
        self.others: list[tuple[str, str]] = []
        self._token = spec.page_members and spec.page_members[1:]
        self._paths: dict[Location, None] = {}

    def add(self, location: Location, text: str, is_list: bool) -> None:
        """Take note of a value."""
        self.count += 1
        kept = self.fatal if is_list or location == self._token else self.others
        if len(kept) < MAX_PROBLEMS:
            kept.append((member_path(location), text))
        if len(self._paths) <= MAX_PROBLEMS:
            path = tuple(-1 if isinstance(part, int) else part for part in location)
            self._paths[path] = None

    def describe_paths(self) -> str:
        """Return the paths, each once for all items of a list."""
        paths = [*map(member_path, self._paths)]
        more = " and more" if len(paths) > MAX_PROBLEMS else ""
        return ", ".join(paths[:MAX_PROBLEMS]) + more


def _is_cut_off(body: bytes) -> bool:
    """Return whether a body that is not JSON is the beginning of a value, or nothing."""
    from pydantic_core import from_json

    if not (text := body.decode("utf-8", "replace").strip()):
        return True
    try:
        from_json(text, allow_partial=True)
    except ValueError:
        return False
    try:
        json.JSONDecoder().raw_decode(text)
    except ValueError:
        return True
    return False  # a whole value, with something after it


def parse_error(spec: RestJsonSpec, response: HTTPResponse) -> ClientError:
    """Return the error of a response, of its modelled class where it has one.

    The code is in the header ``x-amzn-ErrorType`` or in the body's ``code`` or ``__type``; without
    one, as from a proxy, it is the HTTP status, as in boto3, and the message shows the response.
    """
    body: Any = None
    if not _has_too_many_values(response.body):
        with contextlib.suppress(ValueError, RecursionError):
            body = json.loads(response.body)
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
    modelled = spec.errors.get(code)
    if modelled is None:
        return ClientError(parsed, spec.name)
    if isinstance(members.get("message"), str):
        parsed["message"] = members["message"]
    return modelled(parsed, spec.name)


def _has_too_many_values(body: bytes) -> bool:
    return len(body) > MAX_VALUES and sum(map(body.count, (b"{", b"[", b","))) > MAX_VALUES


def member_path(location: Location) -> str:
    """Return ``resources[3].startTime`` for pydantic's ``("resources", 3, "startTime")``."""
    # The index -1 means any index. A long name is left out, since a cut through a secret
    # would show its beginning.
    return "".join(
        ("[]" if part < 0 else f"[{part}]")
        if isinstance(part, int)
        else f".{part if len(part) <= _MAX_NAME_LENGTH else '...'}"
        for part in location
    ).removeprefix(".")
