"""The requests of a boto3 client, answered before anything is sent."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import botocore.awsrequest
import botocore.config
import botocore.exceptions
import pytest

from .boto3_endpoints import make_session

#: Returns the status, the headers and the body of the response to the next request.
Answer = Callable[[], tuple[int, dict[str, str], dict[str, Any]]]


class _RawBody(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        while chunk := self.read(1024):
            yield chunk


class Boto3Call(NamedTuple):
    """The headers of each attempt at a call, names in lower case, and the error in the end."""

    attempts: list[dict[str, str]]
    error: Exception | None


def boto3_call(answer: Answer, profile: str | None = None, **config: Any) -> Boto3Call:
    """List image pipelines by boto3; it does not sleep."""
    client: Any = make_session(profile).create_client(
        "imagebuilder",
        region_name="us-west-2",
        verify=False,  # nothing is sent, and certificates are slow to load
        config=botocore.config.Config(**config),
    )
    attempts: list[dict[str, str]] = []

    def respond(request: Any, **_: Any) -> botocore.awsrequest.AWSResponse:
        attempts.append(
            {
                name.lower(): value.decode() if isinstance(value, bytes) else value
                for name, value in request.headers.items()
            }
        )
        status, headers, body = answer()
        head: Any = headers
        raw: Any = _RawBody(json.dumps(body).encode())
        return botocore.awsrequest.AWSResponse(request.url, status, head, raw)

    client.meta.events.register("before-send.imagebuilder.*", respond)
    error = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        try:
            client.list_image_pipelines()
        except botocore.exceptions.ClientError as failure:
            error = failure
    return Boto3Call(attempts, error)
