"""Parameters as a request: HTTP method, path with query, and body. No I/O.

The rule: the parameters of a GET request are texts and go into its query, all others go as a JSON
object into the body. A caller may add headers that are neither signed nor set by this library; of
its own, only Lambda's trace may be replaced.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

from ..._validation import (
    describe_invalid_value,
    describe_value,
    validate_function,
)
from ...exceptions import ParamValidationError, Problem
from ..auth.signer import is_signed
from .responses import RestJsonSpec

#: The argument ``extra_headers``.
ExtraHeaders: TypeAlias = Mapping[str, str] | Callable[[], Mapping[str, str]]
#: The headers of this library and of the connection, in addition to those that are signed.
_RESERVED_HEADERS = frozenset(
    {
        *("accept-encoding", "amz-sdk-invocation-id", "amz-sdk-request", "authorization"),
        *("connection", "content-encoding", "content-length", "expect", "keep-alive"),
        *("proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding"),
        *("upgrade", "user-agent"),
    }
)
_HEADER_VALUE = "a string of printable ASCII, without a line break or spaces around it"
_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"


class SerializedRequest(NamedTuple):
    """A request of an operation, without its headers.

    ``target`` is the path with its query, percent-encoded. ``content_type`` is None for a request
    without a body.
    """

    method: str
    target: str
    content: bytes
    content_type: str | None


def serialize_request(
    spec: RestJsonSpec, params: Mapping[str, Any], path_prefix: str = ""
) -> SerializedRequest:
    """Return the request of an operation; ``params`` are under their wire names.

    ``path_prefix`` is the path of the endpoint's URL. Bytes and percent-encoding are botocore's.
    Raises :class:`ParamValidationError` for a text that cannot be in a query.
    """
    target = path_prefix + spec.path
    if spec.method != "GET":
        return SerializedRequest(
            spec.method, target, json.dumps(params).encode(), "application/json"
        )
    if params:
        target += "?" + "&".join(f"{name}={_encode(spec, name, params[name])}" for name in params)
    return SerializedRequest("GET", target, b"", None)


def _encode(spec: RestJsonSpec, name: str, text: str) -> str:
    """Return a text of a parameter with all but the unreserved characters percent-encoded."""
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        problem = describe_invalid_value(name, text, "text that can be sent in UTF-8")
        raise ParamValidationError(spec.name, [problem]) from None


def trace_headers() -> dict[str, str]:
    """Return the header by which AWS traces calls from one Lambda function to the next, if any.

    The variables are the runtime's, and another trace's with each invocation. The header is not
    signed.
    """
    trace = os.environ.get("_X_AMZN_TRACE_ID")
    if not trace or "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        return {}
    # botocore leaves the same characters as they are; bytes that are not text it cannot quote.
    return {"x-amzn-trace-id": quote(trace, safe="-=;:+&[]{}\"',", errors="surrogateescape")}


def resolve_extra_headers(
    owner: str, extra_headers: ExtraHeaders | None
) -> Callable[[], Mapping[str, str]]:
    """Return a function that returns the headers of an attempt, names in lower case.

    Raises :class:`InvalidValueError` for another type, and :class:`ParamValidationError` for
    headers that cannot be sent or are signed. The function raises that, too.
    """
    if extra_headers is None:
        return dict
    if isinstance(extra_headers, Mapping):
        checked = _check_headers(owner, extra_headers)
        return lambda: checked  # the repr of a partial would show the values
    validate_function("extra_headers", extra_headers, "a mapping, or a function that returns one")
    return partial(_call_for_headers, owner, extra_headers)


def _call_for_headers(owner: str, function: Callable[[], Mapping[str, str]]) -> dict[str, str]:
    try:
        headers: object = function()
        if isinstance(headers, Mapping):
            headers = dict(headers)  # another thread may change it
    except Exception as error:
        problem = Problem("extra_headers", f"the function raised a {type(error).__name__}")
        raise ParamValidationError(owner, [problem]) from error
    if isinstance(headers, dict):
        return _check_headers(owner, headers)
    given = f"the function returned {describe_value(headers)}"
    raise ParamValidationError(owner, [Problem("extra_headers", given, "a mapping")])


def _check_headers(owner: str, headers: Mapping[Any, Any]) -> dict[str, str]:
    """Return the headers under lower-case names; an error shows no value."""
    checked: dict[str, str] = {}
    problems = []
    for name, value in headers.items():
        given = allowed = ""
        if not isinstance(name, str) or not re.fullmatch(_HEADER_NAME, name):
            given, allowed = f"{describe_value(name)} given as a name", "the name of a header"
        elif is_signed(lower := name.lower()) or lower in _RESERVED_HEADERS:
            given, allowed = "given", "headers that are neither signed nor set by this library"
        elif lower in checked:
            given, allowed = "given twice", "each name once, in any case"
        elif not isinstance(value, str):
            given, allowed = f"a {type(value).__name__} given", _HEADER_VALUE
        elif not (value.isascii() and value.isprintable() and value == value.strip()):
            given, allowed = "other characters in it", _HEADER_VALUE
        else:
            checked[lower] = value
        if given:
            place = f"[{name!r}]" if isinstance(name, str) and len(name) <= 80 else ""
            problems.append(Problem(f"extra_headers{place}", given, allowed))
    if problems:
        raise ParamValidationError(owner, problems)
    return checked
