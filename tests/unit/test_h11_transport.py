"""H11Client: which endpoints it is for, its requests, responses and reused connections."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagebuilder_pager.aws.auth.signer import RequestSigner
from imagebuilder_pager.aws.config.endpoints import is_simple_url
from imagebuilder_pager.aws.config.tls import LazySSLContext
from imagebuilder_pager.aws.transport.h11_transport import H11Client, is_direct
from imagebuilder_pager.aws.transport.types import HTTPRequest
from imagebuilder_pager.local import (
    EXAMPLE_EXECUTION_ID,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from imagebuilder_pager.service import HEADERS
from tests.fakes.accounts import PATH
from tests.fakes.h11_requests import (
    CREDENTIALS,
    TIMEOUTS,
    SendTo,
    Serve,
    send,
)
from tests.fakes.servers import OK, RecordedResponse

# Which endpoints

SIMPLE_URLS = [
    "https://imagebuilder.us-west-2.amazonaws.com",
    "https://imagebuilder.cn-north-1.amazonaws.com.cn/",
    "http://localhost",
    "http://127.0.0.1:4566",
    "https://host:65535",
]
OTHER_URLS: list[Any] = [
    "https://proxy.example/base",
    "https://user@host",
    "https://user:password@host",
    "https://[::1]:4566",
    "https://Host",
    "https://xn--strae-oqa.example",
    "https://a.xn--p1ai",
    "https://stra\N{LATIN SMALL LETTER SHARP S}e.example",
    "https://host:0",
    "https://host:65536",
    "https://host:",
    "https://host?",
    "https://host#",
    "https://host\n",
    "https://-host",
    "https://a..b",
    "https://a.",
    "http://999.1.1.1",
    "http://1.2.3",
    "http://0x7f.1",
    "http://127.0.0.01",
    f"http://{'a' * 64}",
    f"http://{'.'.join(['a' * 60] * 5)}",
    "ftp://host",
    "https://",
    "",
    None,
    b"https://host",
]


@pytest.mark.parametrize("url", SIMPLE_URLS)
def test_a_simple_url_is_for_h11(url: str) -> None:
    assert is_simple_url(url)
    assert is_direct(url)


@pytest.mark.parametrize("url", OTHER_URLS, ids=repr)
def test_another_url_is_for_httpx(url: Any) -> None:
    assert not is_simple_url(url)


@given(st.from_regex(r"https?://[a-z0-9.:-]{1,40}/?", fullmatch=True))
@example("http://0.0.0.0")
@example("http://255.255.255.255:1")
def test_a_simple_url_is_parsed_as_by_httpx(url: str) -> None:
    if not is_simple_url(url):
        return
    theirs = httpx.URL(url)
    scheme, _, rest = url.rstrip("/").partition("://")
    host, _, port = rest.partition(":")
    assert (theirs.scheme, theirs.host) == (scheme, host)
    usual = {"http": 80, "https": 443}[scheme]
    assert (theirs.port or usual) == int(port or usual)
    assert host.encode("idna") == host.encode()
    with contextlib.closing(H11Client(url, LazySSLContext())) as client:
        assert sent_host(client) == httpx.Request("GET", url).headers["host"]


def sent_host(client: H11Client) -> str:
    """Return the header ``Host`` of a request that is not sent."""
    seen: list[Mapping[str, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "imagebuilder_pager.aws.transport.h11_transport._Connection.handle_request",
            lambda _self, _request, headers, _receiver: seen.append(headers),
        )
        send(client)
    return seen[0]["host"]


def test_a_url_with_a_proxy_is_for_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", "inner.test")
    assert not is_direct("https://host.test")
    assert is_direct("https://inner.test")
    assert is_direct("http://host.test")


# Answers


def test_a_request_has_its_headers_and_body(serve: Serve, send_to: SendTo) -> None:
    server = serve([OK])
    send_to(server.url)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert first == f"POST {PATH} HTTP/1.1"
    assert body == b'{"a": 1}'
    assert headers["content-length"] == "8"
    assert headers["host"] == server.url.removeprefix("http://")
    assert headers["user-agent"].startswith("imagebuilder-pager/")
    assert headers["accept-encoding"] == "identity"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=local/")


def test_a_connection_is_reused(serve: Serve, send_to: SendTo) -> None:
    server = serve([OK, OK, OK])
    assert [send_to(server.url).body for _ in range(3)] == [b"{}"] * 3
    assert len(server.requests) == 3


def test_bytes_after_a_response_are_not_the_next_response(serve: Serve, send_to: SendTo) -> None:
    server = serve([OK + OK.replace(b"{}", b"[]"), OK], [OK])
    assert [send_to(server.url).body for _ in range(2)] == [b"{}", b"{}"]
    assert server.counts == [1, 1]


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n???",
        OK,
    ],
    ids=["connection: close", "no length", "HTTP/1.0", "another response", "closed in silence"],
)
def test_a_connection_that_has_ended_is_not_reused(
    serve: Serve, send_to: SendTo, response: bytes
) -> None:
    server = serve([response], [OK])
    assert send_to(server.url).body == b"{}"
    assert server.closed[0].wait(5)
    assert send_to(server.url).body == b"{}"
    assert len(server.requests) == 2


def test_a_chunked_response_after_informational_ones(serve: Serve, send_to: SendTo) -> None:
    server = serve(
        [
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            OK,
        ]
    )
    received = send_to(server.url)
    assert (received.status, received.body) == (200, b"{}")
    assert "link" not in received.headers
    assert send_to(server.url).body == b"{}"


@pytest.mark.parametrize("e_acute", [b"\xe9", b"\xc3\xa9"], ids=["Latin-1", "UTF-8"])
def test_repeated_and_latin_1_headers_are_as_in_httpx(
    serve: Serve, send_to: SendTo, e_acute: bytes
) -> None:
    server = serve(
        [
            b"HTTP/1.1 418 Teapot\r\nX-A: 1\r\nx-b: " + e_acute + b"\r\nX-A:  2 \r\n"
            b"Content-Length: 0\r\nContent-Encoding: gzip\r\n\r\n"
        ]
    )
    received = send_to(server.url)
    assert received.status == 418
    assert received.encoding == "gzip"
    assert received.headers == {
        "x-a": "1, 2",
        "x-b": "\xe9",
        "content-length": "0",
        "content-encoding": "gzip",
    }


def test_a_connection_that_was_idle_for_long_is_not_reused(serve: Serve) -> None:
    now = [0.0]
    server = serve([OK, OK, OK], [OK])
    client = H11Client(server.url, LazySSLContext(), monotonic=lambda: now[0])
    with contextlib.closing(client):
        for now[0] in (0.0, 5.0, 10.1):
            assert send(client).body == b"{}"
    assert server.closed[0].wait(5)
    assert server.counts == [2, 1]


def test_many_threads_share_a_client(account_server: LocalServer) -> None:
    with contextlib.closing(H11Client(account_server.url, LazySSLContext())) as client:
        sender = client.sender(RequestSigner(CREDENTIALS, "imagebuilder", "us-west-2"), HEADERS)

        def page(_: int) -> int:
            received = RecordedResponse()
            params = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}
            sender(HTTPRequest(PATH, json.dumps(params).encode(), TIMEOUTS), received)
            return len(json.loads(received.body)["resources"])

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(page, range(80))) == [25] * 80
        assert len(client._connections.close()) <= 8


@pytest.fixture
def account_server() -> Iterator[LocalServer]:
    with LocalServer(LocalImageBuilder(generate_account(resources=30))) as server:
        yield server
