"""Parameters as a request: HTTP method, path with query, and body. No I/O.

The rule of rest-json: a parameter goes where the service model puts it, into the query or into the
body; a body is a JSON object, and present where the operation has any parameter for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from ..._validation import describe_invalid_value
from ...exceptions import ParamValidationError
from .responses import RestJsonSpec

_UNRESERVED = "-._~"


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
    body = params
    if spec.query_members:
        members = spec.query_members
        query = [name for name in params if name in members]
        body = {name: value for name, value in params.items() if name not in members}
        if query:
            target += "?" + "&".join(
                f"{quote(members[name], safe=_UNRESERVED)}={_encode(spec, name, text)}"
                for name in query
                for text in _query_texts(params[name])
            )
    if spec.method == "GET":
        return SerializedRequest("GET", target, b"", None)
    return SerializedRequest(spec.method, target, json.dumps(body).encode(), "application/json")


def _query_texts(value: Any) -> list[str]:
    """Return the texts of a query member: one, or one for each item of a list."""
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _query_texts(item)]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    # Of an enum that is a string, str() would be its name.
    return [value if isinstance(value, str) else str(value)]


def _encode(spec: RestJsonSpec, name: str, text: str) -> str:
    """Return a text of a parameter with all but the unreserved characters percent-encoded."""
    try:
        return quote(text, safe=_UNRESERVED)
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
