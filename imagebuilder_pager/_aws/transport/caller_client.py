"""Requests by a client of the caller's: httpx's or httpx2's, sync or async.

The rule: its proxies, certificates, mocks, hooks and connections apply. Its default headers,
cookies, query parameters and auth do not: they would not be signed, and mean nothing to AWS.
Neither package is imported here: the caller has imported it.
"""

from __future__ import annotations

import contextlib
import ssl
import sys
from types import ModuleType
from typing import Any

from ..._async_runtime import current_runtime
from ...exceptions import HTTPClientError, InvalidConfigError, PagerError
from ..auth.botocore_sigv4 import botocore_sigv4_header
from ..config.proxies import resolve_proxy
from .body import ResponseReader
from .errors import CLOSED_MESSAGE, check_deadline, map_transport_error
from .types import HTTPRequest, Origin, ReceivedResponse, Timeouts

_MODULES = ("httpx", "httpx2")
#: Slightly more bytes than httpcore may have buffered of a dropped body.
_MAX_BUFFERED_BYTES = 128 * 1024


def find_client_module(client: object, class_name: str) -> ModuleType | None:
    """Return the module of a client, httpx or httpx2; None for any other object.

    ``class_name`` is ``Client`` or ``AsyncClient``.
    """
    for name in _MODULES:
        module = sys.modules.get(name)
        client_class = getattr(module, class_name, None)
        if client_class is not None and isinstance(client, client_class):
            return module
    return None


class _BaseCallerClient:
    """The common part of the sync and the async transport."""

    signing_algorithm = staticmethod(botocore_sigv4_header)

    def __init__(self, client: Any, module: ModuleType) -> None:
        self._client = client
        self._module = module
        self._proxy_secrets: dict[Origin, set[str]] = {}

    @property
    def timeouts(self) -> Timeouts:
        """The timeouts of the client."""
        return Timeouts(**self._client.timeout.as_dict())

    def _build_request(self, request: HTTPRequest) -> Any:
        if self._client.is_closed:
            raise HTTPClientError(f"http_client: {CLOSED_MESSAGE}")
        if request.origin not in self._proxy_secrets:
            self._proxy_secrets[request.origin] = self._find_proxy_secrets(request.origin)
        request.secrets.update(self._proxy_secrets[request.origin])
        return self._module.Request(
            request.method,
            request.url,
            headers=dict(request.headers),
            content=request.content,
            extensions={"timeout": request.capped_timeouts()._asdict()},
        )

    def _find_proxy_secrets(self, origin: Origin) -> set[str]:
        """Return those of the environment: a proxy given to the client is known to it alone."""
        with contextlib.suppress(InvalidConfigError):
            if self._client.trust_env and (proxy := resolve_proxy(str(origin))):
                return proxy.secrets
        return set()

    def _read_refused(self, error: Exception, request: HTTPRequest) -> ResponseReader:
        """Return the reader of a response that the caller's hook rejected.

        Raises our error for any other error.
        """
        if isinstance(error, self._module.HTTPStatusError):
            return _begin_reading(error.response, request)
        raise self._map(error, request) from error

    def _map(self, error: Exception, request: HTTPRequest) -> PagerError:
        """Return our error; raise an error of the caller's own code, such as a hook, unchanged."""
        if isinstance(error, RuntimeError):
            if self._client.is_closed:
                return HTTPClientError(f"http_client: {CLOSED_MESSAGE}")
            if not isinstance(error, self._module.StreamError):
                raise error
        if isinstance(error.__context__, self._module.InvalidURL):
            # The package's words have parts of the URL, which may be a password.
            problem = "a redirect to an invalid URL"
            error.args, error.__context__ = (problem,), None
            return HTTPClientError(f"{request.origin}: {problem}, which is not followed")
        return map_transport_error(error, request.origin)

    def _errors(self) -> tuple[type[Exception], ...]:
        errors = self._module.HTTPError, self._module.InvalidURL, TimeoutError, RuntimeError
        # httpcore hands on what anyio raises for a TLS record that cannot be decrypted.
        return (*errors, ssl.SSLError)


def _begin_reading(response: Any, request: HTTPRequest) -> ResponseReader:
    """Return the reader of a response, with the body if a hook has already read it."""
    is_read: bool = response.is_stream_consumed
    reader = ResponseReader(
        response.status_code,
        response.headers.raw,
        request.max_response_bytes,
        is_decoded=is_read,
    )
    if is_read:
        with contextlib.suppress(RuntimeError):  # the hook has not kept the body
            reader.feed(response.content)
    return reader


class CallerClient(_BaseCallerClient):
    """A transport over the caller's ``httpx.Client`` or ``httpx2.Client``; never closes it."""

    def send(self, request: HTTPRequest) -> ReceivedResponse:
        """Send a request; see :meth:`.types.Transport.send`.

        The deadline does not bound a head that arrives in many small pieces: httpx's timeout is for
        each read.
        """
        try:
            # No redirects: a signature is valid for one host.
            response = self._client.send(
                self._build_request(request), auth=None, follow_redirects=False, stream=True
            )
            try:
                reader = _begin_reading(response, request)
                if not response.is_stream_consumed:
                    for chunk in response.iter_raw():
                        # httpx's timeout is for each read, and a server may keep sending.
                        check_deadline(request)
                        reader.feed(chunk)
            finally:
                response.close()
        except self._errors() as error:
            reader = self._read_refused(error, request)
        return reader.finish()

    def close(self) -> None:
        """Do nothing: the client is the caller's to close."""


class AsyncCallerClient(_BaseCallerClient):
    """A transport over the caller's ``httpx.AsyncClient`` or ``httpx2.AsyncClient``."""

    async def send(self, request: HTTPRequest) -> ReceivedResponse:
        """Send a request; see :meth:`.types.AsyncTransport.send`."""
        try:
            async with current_runtime().timeout(request.deadline.cap(None)):
                response = await self._client.send(
                    self._build_request(request), auth=None, follow_redirects=False, stream=True
                )
                try:
                    reader = _begin_reading(response, request)
                    if not response.is_stream_consumed:
                        await _read_body(response, reader, request)
                finally:
                    await response.aclose()
        except self._errors() as error:
            reader = self._read_refused(error, request)
        return reader.finish()

    async def aclose(self) -> None:
        """Do nothing: the client is the caller's to close."""


async def _read_body(response: Any, reader: ResponseReader, request: HTTPRequest) -> None:
    chunks = response.aiter_raw()
    async for chunk in chunks:
        try:
            check_deadline(request)
            reader.feed(chunk)
        except PagerError:
            # The next read of the connection fails and so ends the generators below: the event loop
            # has none to finish. Buffered bytes are read first. The stream of a mock need not fail.
            await response.aclose()
            is_connection = "network_stream" in response.extensions
            buffered = 0 if is_connection else _MAX_BUFFERED_BYTES + 1
            with contextlib.suppress(Exception):
                while buffered <= _MAX_BUFFERED_BYTES:
                    buffered += len(await anext(chunks))
            await chunks.aclose()
            raise
