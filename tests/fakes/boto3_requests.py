"""The requests of a boto3 client, with responses to them before anything is sent."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import botocore.awsrequest
import botocore.config
import botocore.exceptions
import pytest

from .boto3_endpoints import make_session

#: Returns the status, the headers and the body of the response to the next request.
Answer = Callable[[], tuple[int, dict[str, str], dict[str, Any]]]


class RawBody(io.BytesIO):
    """The body of a response, as urllib3 gives it to botocore."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def aws_response(
    url: str, status: int, headers: Mapping[str, str], body: bytes
) -> botocore.awsrequest.AWSResponse:
    """Return a response as botocore's HTTP session does."""
    names: Any = botocore.awsrequest.HeadersDict(headers)
    raw: Any = RawBody(body)
    return botocore.awsrequest.AWSResponse(url, status, names, raw)


class Boto3Call(NamedTuple):
    """The headers of each attempt at a call, names in lower case, and the final error."""

    attempts: list[dict[str, str]]
    error: Exception | None


def boto3_call(answer: Answer, profile: str | None = None, **config: Any) -> Boto3Call:
    """List image pipelines by boto3; it does not sleep."""
    client: Any = make_session(profile).create_client(
        "imagebuilder",
        region_name="us-west-2",
        verify=False,  # nothing is sent, and certificates load slowly
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
        return aws_response(request.url, status, headers, json.dumps(body).encode())

    client.meta.events.register("before-send.imagebuilder.*", respond)
    error = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        try:
            client.list_image_pipelines()
        except botocore.exceptions.ClientError as failure:
            error = failure
    return Boto3Call(attempts, error)
