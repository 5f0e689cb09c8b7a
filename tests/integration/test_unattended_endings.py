"""What ends in the middle: handshakes, signals, hooks that raise, clients that nobody closes."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import itertools
import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import httpx
import pytest

from imagebuilder_pager import (
    AsyncH11Client,
    AsyncImageBuilder,
    H11Client,
    ImageBuilder,
    exceptions,
)
from imagebuilder_pager.models.exceptions import InvalidRequestException
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.clocks import NoSleepClock
from tests.fakes.connections import (
    EXECUTION,
    SYNC_WAYS,
    WAYS,
    ConnectionServer,
    call_in_turn,
    http_response,
    page_of,
    requests_on,
    serve_pages,
    sync_client,
)
from tests.fakes.transports import LOCALHOST_CERTIFICATE

HANDSHAKE_FAILURE = b"\x15\x03\x03\x00\x02\x02\x28"  # TLS's alert
ENDINGS = {"an alert": HANDSHAKE_FAILURE, "the end": b"", "half a record": b"\x16\x03\x03\x00"}


@pytest.fixture
def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(LOCALHOST_CERTIFICATE)
    return context


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_handshake_that_breaks_off_is_tried_again(
    ending: str, way: str, server_context: ssl.SSLContext
) -> None:
    def serve(connection: socket.socket, number: int) -> None:
        if number == 1:
            connection.recv(65536)
            connection.sendall(ENDINGS[ending])
            return
        with server_context.wrap_socket(connection, server_side=True) as encrypted:
            serve_pages(encrypted, number)

    with ConnectionServer(serve) as server:
        results = call_in_turn(
            way,
            f"https://127.0.0.1:{server.port}",
            verify=str(LOCALHOST_CERTIFICATE),
            max_attempts=2,
            clock=NoSleepClock(),
        )
    assert results == ["connection-2"]


@pytest.mark.parametrize("way", WAYS)
def test_a_certificate_that_is_not_trusted_is_not_tried_again(
    way: str, server_context: ssl.SSLContext
) -> None:
    def serve(connection: socket.socket, number: int) -> None:
        with server_context.wrap_socket(connection, server_side=True) as encrypted:
            serve_pages(encrypted, number)

    with ConnectionServer(serve) as server:
        url = f"https://127.0.0.1:{server.port}"
        (error,) = call_in_turn(way, url, max_attempts=3, clock=NoSleepClock())
        assert server.accepted == 1
    assert isinstance(error, exceptions.SSLError)
    assert "certificate" in str(error)


class AlarmError(Exception):
    """What a program's handler of SIGALRM raises."""


def raise_alarm(_signal: int, _frame: FrameType | None) -> None:
    raise AlarmError


SIGNALS = [
    (signal.SIGALRM, raise_alarm, AlarmError),
    (signal.SIGINT, signal.default_int_handler, KeyboardInterrupt),
]


@contextlib.contextmanager
def handled(number: int, handler: Any) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="needs the main thread"
)
@pytest.mark.parametrize("way", [*SYNC_WAYS, "caller's"])
@pytest.mark.parametrize(("number", "handler", "raised"), SIGNALS, ids=["SIGALRM", "Ctrl-C"])
@pytest.mark.parametrize("sent", [b"", http_response(page_of("late"))[:30]], ids=["no", "half a"])
def test_a_connection_is_not_used_again_after_a_signal_in_its_exchange(
    sent: bytes, number: int, handler: Any, raised: type[BaseException], way: str
) -> None:
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    is_over = threading.Event()
    late = http_response(page_of("late"))

    def serve(connection: socket.socket, connection_number: int) -> None:
        if connection_number > 1:
            serve_pages(connection, connection_number)
            return
        for count, _ in enumerate(requests_on(connection)):
            if count == 0:
                connection.sendall(http_response(page_of("first")))
                continue
            connection.sendall(sent)
            signal.pthread_kill(main_thread, number)
            assert is_over.wait(10)
            connection.sendall(late[len(sent) :])

    with (
        ConnectionServer(serve) as server,
        handled(number, handler),
        sync_client(way, server.url) as client,
    ):
        call = client.list_lifecycle_execution_resources
        assert call(**EXECUTION).resources[0].resource_id == "first"
        with pytest.raises(raised):
            call(**EXECUTION)
        is_over.set()
        assert call(**EXECUTION).resources[0].resource_id == "connection-2"
        assert server.accepted == 2


COLLECTED = {
    "httpx": "client = ImageBuilder(**arguments)\nlist_page(client)",
    "h11": "client = ImageBuilder(http_client=H11Client(), **arguments)\nlist_page(client)",
    "async httpx": "client = AsyncImageBuilder(**arguments)\nasyncio.run(list_pages(client))",
    "async h11": "client = AsyncImageBuilder(http_client=AsyncH11Client(), **arguments)\n"
    "asyncio.run(list_pages(client))",
    "preconnected": "http = H11Client(preconnect=True)\n"
    "client = ImageBuilder(http_client=http, **arguments)\ndel http",
}


@pytest.mark.parametrize("way", COLLECTED)
@pytest.mark.parametrize("end", ["collected", "kept until the exit"])
def test_a_client_that_nobody_closes_gives_no_warning(end: str, way: str) -> None:
    program = textwrap.dedent(
        f"""
        import asyncio, gc, sys
        from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder

        arguments = dict(region_name="us-west-2", endpoint_url=sys.argv[1], **{LOCAL_CREDENTIALS})

        def list_page(client):
            client.list_lifecycle_execution_resources(**{EXECUTION})

        async def list_pages(client):
            asyncio.get_running_loop().slow_callback_duration = 60  # asyncio logs slow imports
            calls = [client.list_lifecycle_execution_resources(**{EXECUTION}) for _ in range(3)]
            await asyncio.gather(*calls)

        """
    )
    program += COLLECTED[way]
    if end == "collected":
        program += "\ndel client\ngc.collect()\nprint('collected')"
    with ConnectionServer(serve_pages) as server:
        completed = subprocess.run(
            [sys.executable, "-W", "error", "-X", "dev", "-c", program, server.url],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert completed.stderr == ""
    assert completed.returncode == 0


def httpx_modules() -> list[Any]:
    """Return httpx, and httpx2 where it is installed."""
    modules: list[Any] = [httpx]
    if importlib.util.find_spec("httpx2") is not None:
        modules.append(importlib.import_module("httpx2"))
    return modules


#: The message of an error response that a hook has raised for before it was read.
UNREAD = "HTTP status 400, no content type, an empty body"


def respond(count: int) -> bytes:
    """Return an error to retry, a page, and then modelled errors."""
    error = {"message": "wrong"}
    if count == 0:
        return http_response(error, "503 Service Unavailable")
    if count == 1:
        return http_response(page_of("a"))
    return http_response(error, "400 Bad Request", x_amzn_ErrorType="InvalidRequestException")


@pytest.fixture
def failing_server() -> Iterator[ConnectionServer]:
    counter = itertools.count()  # over all connections: a hook that raises ends its own

    def serve(connection: socket.socket, _: int) -> None:
        for _request in requests_on(connection):
            connection.sendall(respond(next(counter)))

    with ConnectionServer(serve) as server:
        yield server


@pytest.mark.parametrize("module", httpx_modules(), ids=lambda module: module.__name__)
@pytest.mark.parametrize("reads", [False, True], ids=["unread", "read"])
def test_a_hook_that_raises_for_the_status_keeps_retries_and_modelled_errors(
    module: Any, reads: bool, failing_server: ConnectionServer
) -> None:
    def hook(response: Any) -> None:
        if reads:
            response.read()
        response.raise_for_status()

    with module.Client(event_hooks={"response": [hook]}) as http:
        client = ImageBuilder(
            "us-west-2",
            endpoint_url=failing_server.url,
            http_client=http,
            clock=NoSleepClock(),
            **LOCAL_CREDENTIALS,
        )
        page = client.list_lifecycle_execution_resources(**EXECUTION)
        assert page.resources[0].resource_id == "a"
        assert page["ResponseMetadata"]["RetryAttempts"] == 1
        with pytest.raises(InvalidRequestException) as caught:
            client.list_lifecycle_execution_resources(**EXECUTION)
    assert caught.value.response["Error"]["Message"] == ("wrong" if reads else UNREAD)


@pytest.mark.parametrize("module", httpx_modules(), ids=lambda module: module.__name__)
@pytest.mark.parametrize("reads", [False, True], ids=["unread", "read"])
def test_an_async_hook_that_raises_for_the_status_keeps_retries_and_modelled_errors(
    module: Any, reads: bool, failing_server: ConnectionServer
) -> None:
    async def hook(response: Any) -> None:
        if reads:
            await response.aread()
        response.raise_for_status()

    async def main(url: str) -> str:
        async with module.AsyncClient(event_hooks={"response": [hook]}) as http:
            client = AsyncImageBuilder(
                "us-west-2",
                endpoint_url=url,
                http_client=http,
                clock=NoSleepClock(),
                **LOCAL_CREDENTIALS,
            )
            page = await client.list_lifecycle_execution_resources(**EXECUTION)
            assert page["ResponseMetadata"]["RetryAttempts"] == 1
            with pytest.raises(InvalidRequestException) as caught:
                await client.list_lifecycle_execution_resources(**EXECUTION)
            message: str = caught.value.response["Error"]["Message"]
            return message

    assert asyncio.run(main(failing_server.url)) == ("wrong" if reads else UNREAD)


@pytest.mark.parametrize("module", httpx_modules(), ids=lambda module: module.__name__)
def test_a_closed_client_of_the_callers_is_an_error_that_names_the_parameter(module: Any) -> None:
    http = module.Client()
    client = ImageBuilder("us-west-2", http_client=http, **LOCAL_CREDENTIALS)
    http.close()
    with pytest.raises(exceptions.HTTPClientError, match="http_client: the client has been closed"):
        client.list_lifecycle_execution_resources(**EXECUTION)

    async def main() -> None:
        http = module.AsyncClient()
        client = AsyncImageBuilder("us-west-2", http_client=http, **LOCAL_CREDENTIALS)
        await http.aclose()
        with pytest.raises(exceptions.HTTPClientError, match="http_client: the client has been"):
            await client.list_lifecycle_execution_resources(**EXECUTION)

    asyncio.run(main())


def test_a_closed_client_over_h11_is_an_error_of_ours() -> None:
    http = H11Client()
    client = ImageBuilder("us-west-2", http_client=http, **LOCAL_CREDENTIALS)
    http.close()
    with pytest.raises(exceptions.HTTPClientError, match="the client has been closed"):
        client.list_lifecycle_execution_resources(**EXECUTION)

    async def main() -> None:
        http = AsyncH11Client()
        client = AsyncImageBuilder("us-west-2", http_client=http, **LOCAL_CREDENTIALS)
        await http.aclose()
        with pytest.raises(exceptions.HTTPClientError, match="the client has been closed"):
            await client.list_lifecycle_execution_resources(**EXECUTION)

    asyncio.run(main())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", ["socks5://127.0.0.1:9", "ftp://127.0.0.1:9", "http://a:port"])
def test_a_proxy_that_cannot_be_used_is_an_error_that_names_the_variable(
    way: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "socks" in value and "httpx" in way and importlib.util.find_spec("socksio"):
        pytest.skip("socksio is installed")
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTP_PROXY", value)
    (error,) = call_in_turn(way, "http://imagebuilder.test")
    assert isinstance(error, exceptions.InvalidConfigError)
    assert str(error).startswith("HTTP_PROXY: ")
