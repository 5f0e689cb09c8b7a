"""Image Builder as a service: what all its operations share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._aws.config.endpoints import ServiceMetadata
from ._aws.protocol.user_agent import user_agent
from ._version import __version__
from .exceptions import ResponseValidationError

if TYPE_CHECKING:
    from ._aws.config.shared_config import SharedConfig
    from ._aws.protocol.responses import OnMismatch, ResponseParser
    from ._rows import Operation
    from .models.shapes import Response

SERVICE = ServiceMetadata("imagebuilder", fips_partitions=frozenset({"aws-us-gov"}))

#: Members of a request that its response repeats, in whatever case.
_ECHOED_MEMBERS = ("lifecycleExecutionId", "workflowExecutionId")


def request_headers(config: SharedConfig, user_agent_extra: str | None = None) -> dict[str, str]:
    """Return the headers of all requests of a client, but for those of its calls and attempts."""
    return {
        "accept-encoding": "identity",
        "user-agent": user_agent("imagebuilder-pager", __version__, config, user_agent_extra),
    }


def response_parser(
    operation: Operation, params: Mapping[str, Any], **parse_options: Any
) -> ResponseParser[Any]:
    """Return a parser that checks that a response answers this request.

    A caller's own HTTP client may hand over the response to another one. The parser raises
    :class:`ResponseValidationError` for it.
    """

    def parse(body: bytes, metadata: Mapping[str, Any], /, *, on_mismatch: OnMismatch) -> Response:
        response: Response = operation.response.from_json(
            body, metadata, on_mismatch=on_mismatch, **parse_options
        )
        for name in _ECHOED_MEMBERS:
            if not (sent := params.get(name)):
                continue
            received = response.get(name)
            if received and isinstance(received, str) and received.lower() != sent.lower():
                raise ResponseValidationError(
                    operation.name,
                    metadata.get("RequestId"),
                    [(name, "Response should be the one to this request")],
                )
        return response

    return parse
