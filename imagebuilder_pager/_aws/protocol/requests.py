"""Parameters as a request: HTTP method, path with query, and body. No I/O.

The rule: the parameters of a GET request are texts and go into its query, all others go as a JSON
object into the body.
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
