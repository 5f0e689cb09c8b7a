"""One call of a rest-json service: encode, sign, send, decode.

Encoding and decoding are pure; :meth:`RestJson.send` is the only I/O.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import httpx
import pydantic

from ..errors import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseParserError,
    ResponseValidationError,
    SSLError,
)

__all__ = ["Call", "RestJson", "decode", "user_agent"]


class Decoded(Protocol):
    """What a model makes of an answer: something that knows the members it has."""

    def keys(self) -> list[str]: ...


ResponseT = TypeVar("ResponseT", bound=Decoded)
#: Reads the bytes of a body, with boto3's ResponseMetadata beside them.
Reader = Callable[[bytes, Mapping[str, Any]], ResponseT]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What the protocol has to know of an operation.

    ``name`` is AWS's name, ``path`` the request's path, ``members`` those of a successful answer,
    ``errors`` the modelled errors by their codes.
    """

    name: str
    path: str
    members: frozenset[str]
    errors: Mapping[str, type[ClientError]]


class RestJson:
    """Calls of one service at one endpoint; ``timeout`` is what each request gets."""

    def __init__(
        self, endpoint_url: str, auth: httpx.Auth, agent: str, timeout: httpx.Timeout
    ) -> None:
        self.endpoint_url = endpoint_url
        self._auth = auth
        self._headers = {
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": agent,
        }
        self._extensions = {"timeout": timeout.as_dict()}

    def request(self, call: Call, params: Mapping[str, Any]) -> httpx.Request:
        """The request that makes the call, unsigned; its bytes are those that boto3 sends.

        It is no ``client.build_request``: headers, cookies and query parameters that a client adds
        to all its requests would not be signed, and mean nothing to AWS.
        """
        return httpx.Request(
            "POST",
            self.endpoint_url + call.path,
            content=json.dumps(params).encode(),
            headers=self._headers,
            extensions=self._extensions,
        )

    # Redirects are not followed: a signature is for one host.

    def send(self, request: httpx.Request, client: httpx.Client) -> httpx.Response:
        """Signs and sends. Raises a subclass of :class:`HTTPClientError` when no answer comes."""
        try:
            return client.send(request, auth=self._auth, follow_redirects=False)
        except httpx.HTTPError as error:
            raise network_error(error, self.endpoint_url) from error

    async def send_async(self, request: httpx.Request, client: httpx.AsyncClient) -> httpx.Response:
        """The async twin of :meth:`send`."""
        try:
            return await client.send(request, auth=self._auth, follow_redirects=False)
        except httpx.HTTPError as error:
            raise network_error(error, self.endpoint_url) from error


def decode(call: Call, response: httpx.Response, read: Reader[ResponseT]) -> ResponseT:
    """The answer to a call, as ``read`` makes it of the body.

    Raises :class:`ClientError` or its modelled subclass when the service refused,
    :class:`ResponseParserError` for what is no answer of the protocol,
    :class:`ResponseValidationError` for members that are not as the model says.
    """
    metadata = response_metadata(response)
    if not response.is_success or "x-amzn-errortype" in response.headers:
        raise client_error(call, response, metadata)
    try:
        answer = read(response.content, metadata)
    except pydantic.ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        if not problems[0]["loc"]:
            what = "not JSON" if problems[0]["type"] == "json_invalid" else "no JSON object"
            raise ResponseParserError(
                f"{call.name} was answered with what is {what}: {describe(response)}"
            ) from None
        raise ResponseValidationError(
            call.name,
            metadata.get("RequestId"),
            [(member_path(problem["loc"]), problem["msg"]) for problem in problems],
        ) from None
    members = set(answer.keys())
    if not members & call.members and members & _ERROR_MEMBERS:
        # A success by its status alone: read as a page, it would end the listing in silence.
        raise client_error(call, response, metadata)
    return answer


_ERROR_MEMBERS = frozenset({"__type", "code", "Code", "message", "Message"})


def response_metadata(response: httpx.Response, retry_attempts: int = 0) -> dict[str, Any]:
    """``ResponseMetadata`` as boto3 has it: header names in lower case, an id where one came."""
    headers = dict(response.headers)
    metadata: dict[str, Any] = {}
    if (request_id := headers.get("x-amzn-requestid")) is not None:
        metadata["RequestId"] = request_id
    return metadata | {
        "HTTPStatusCode": response.status_code,
        "HTTPHeaders": headers,
        "RetryAttempts": retry_attempts,
    }


def client_error(call: Call, response: httpx.Response, metadata: dict[str, Any]) -> ClientError:
    """The error that the service answered with, of its modelled class where it has one.

    The code is in the header ``x-amzn-ErrorType`` or in the body's ``code`` or ``__type``; without
    one, as from a proxy, it is the HTTP status, as in boto3, and the message shows what came.
    """
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    is_object = isinstance(body, dict)
    members: dict[str, Any] = body if is_object else {}
    found = (
        response.headers.get("x-amzn-errortype"),
        *(members.get(name) for name in ("code", "Code", "__type")),
    )
    code = next((value for value in found if isinstance(value, str) and value), "")
    code = code.split(":", 1)[0].rsplit("#", 1)[-1] or str(response.status_code)
    text = members.get("message", members.get("Message"))
    message = text if isinstance(text, str) else "" if is_object else describe(response)
    answer: dict[str, Any] = {
        "Error": {"Message": message, "Code": code},
        "ResponseMetadata": metadata,
    }
    modelled = call.errors.get(code)
    if modelled is None:
        return ClientError(answer, call.name)
    if isinstance(members.get("message"), str):
        answer["message"] = members["message"]
    return modelled(answer, call.name)


def describe(response: httpx.Response) -> str:
    """The status, the content type and the first characters of an answer, for an error's text."""
    body = response.content
    start = body[:200].decode("utf-8", "replace")
    content_type = response.headers.get("content-type", "no content type")
    if location := response.headers.get("location"):
        content_type += f", a redirect to {location[:200]!r}, which is not followed"
    shown = f"{start!r}{'...' if len(body) > len(start) else ''}" if body else "an empty body"
    return f"HTTP status {response.status_code}, {content_type}, {shown}"


def member_path(location: tuple[int | str, ...]) -> str:
    """``resources[3].startTime`` for pydantic's ``("resources", 3, "startTime")``."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".") or "(the whole body)"


def network_error(error: httpx.HTTPError, endpoint_url: str) -> HTTPClientError:
    """Botocore's error for one of httpx's."""
    kind, what = next(
        (kind, what) for base, kind, what in _NETWORK_ERRORS if isinstance(error, base)
    )
    if kind is EndpointConnectionError and "SSL" in str(error).upper():
        kind, what = SSLError, "no TLS connection to"
    return kind(f"{what} {endpoint_url}: {str(error) or type(error).__name__}")


_NETWORK_ERRORS: tuple[tuple[type[httpx.HTTPError], type[HTTPClientError], str], ...] = (
    (httpx.ConnectTimeout, ConnectTimeoutError, "connecting took too long to"),
    (httpx.PoolTimeout, ConnectTimeoutError, "no connection became free in time to"),
    (httpx.TimeoutException, ReadTimeoutError, "no answer in time from"),
    (httpx.ProxyError, ProxyConnectionError, "the proxy failed on the way to"),
    (httpx.ConnectError, EndpointConnectionError, "could not connect to"),
    (httpx.NetworkError, ConnectionClosedError, "the connection broke off to"),
    (httpx.RemoteProtocolError, ConnectionClosedError, "the connection ended early from"),
    (httpx.HTTPError, HTTPClientError, "the request failed to"),
)


def user_agent(product: str, version: str) -> str:
    """The User-Agent header in AWS's format (ua/2.1), led by this product."""
    system = platform.uname()
    python = ".".join(map(str, sys.version_info[:3]))
    return (
        f"{product}/{version} ua/2.1 os/{_ua(system.system.lower())}#{_ua(system.release)} "
        f"md/arch#{_ua(system.machine)} lang/python#{python} "
        f"md/pyimpl#{_ua(platform.python_implementation())}"
    )


def _ua(value: str) -> str:
    allowed = "!$%&'*+-.^_`|~"
    return "".join(c if c.isascii() and (c.isalnum() or c in allowed) else "-" for c in value)
