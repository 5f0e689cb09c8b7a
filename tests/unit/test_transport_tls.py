"""Every way to send: what TLS verifies, and how its connections are kept and broken off."""

from __future__ import annotations

import os
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager import H11Client, exceptions
from imagebuilder_pager._aws.config.shared_config import Resolved
from imagebuilder_pager._aws.config.tls import (
    LazySSLContext,
    ca_bundle_from_environment,
    resolve_verify,
)
from imagebuilder_pager._aws.retries import classify
from imagebuilder_pager._aws.transport.operations import PlainStream
from imagebuilder_pager._aws.transport.tls_stream import TLSStream
from tests.fakes.networks import FakeStream
from tests.fakes.servers import OK
from tests.fakes.transports import (
    LOCALHOST_CERTIFICATE,
    RENEWED_CERTIFICATE,
    TRUSTING,
    SendTo,
    Serve,
    error_of,
)


@pytest.mark.parametrize(
    "certificates",
    [
        TRUSTING,
        LazySSLContext(False),
        resolve_verify("test", ssl.create_default_context(cafile=LOCALHOST_CERTIFICATE), None),
        resolve_verify("test", LOCALHOST_CERTIFICATE, None),
    ],
    ids=["a bundle", "no verification", "an SSLContext", "a path"],
)
def test_a_request_over_tls(
    serve: Serve, send_to: SendTo, localhost_context: ssl.SSLContext, certificates: LazySSLContext
) -> None:
    server = serve([OK, OK], context=localhost_context)
    for _ in range(2):
        assert send_to(server.url, certificates=certificates).body == b"{}"
    assert server.protocols == ["http/1.1"]
    assert server.counts == [2], "the session tickets that come after the handshake are not more"


def test_a_session_ticket_while_idle_is_not_a_surplus(
    serve: Serve, send_to: SendTo, localhost_context: ssl.SSLContext
) -> None:
    """The server sends TLS's own messages behind a response."""
    localhost_context.num_tickets = 5
    server = serve([OK, OK, OK], context=localhost_context)
    for _ in range(3):
        assert send_to(server.url, certificates=TRUSTING).body == b"{}"
    assert server.counts == [3]


def test_endless_messages_of_tls_while_idle_are_not_all_read() -> None:
    reads = 0

    class Endless(FakeStream):
        def read_nowait(self, max_bytes: int) -> bytes:
            nonlocal reads
            reads += 1
            assert reads < 5, "the peer always has more"
            return b"\x16\x03\x03\x00"  # a part of a message

    context = ssl.create_default_context()
    stream = TLSStream(PlainStream(Endless(b"")), context, "host.test", time.monotonic)
    assert stream.read_nowait(1) == b"", "it is not used again"


@pytest.mark.parametrize("more", [OK, b"x"], ids=["a response", "a byte"])
def test_what_comes_behind_a_response_over_tls_is_a_surplus(
    serve: Serve, send_to: SendTo, localhost_context: ssl.SSLContext, more: bytes
) -> None:
    server = serve([OK + more, OK], [OK], context=localhost_context)
    for _ in range(2):
        assert send_to(server.url, certificates=TRUSTING).body == b"{}"
    assert server.counts == [1, 1]


def test_a_certificate_that_is_not_trusted(
    serve: Serve, send_to: SendTo, localhost_context: ssl.SSLContext
) -> None:
    server = serve([], context=localhost_context)
    error = error_of(send_to, server.url)
    assert type(error) is exceptions.SSLError
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert classify(error) is None, "it is not tried again"


def test_a_certificate_for_another_host(
    serve: Serve, send_to: SendTo, localhost_context: ssl.SSLContext
) -> None:
    server = serve([], context=localhost_context)
    error = error_of(send_to, server.url.replace("127.0.0.1", "localhost"), certificates=TRUSTING)
    assert type(error) is exceptions.SSLError
    assert "Hostname mismatch" in str(error)
    assert classify(error) is None


def test_an_expired_certificate(serve: Serve, send_to: SendTo) -> None:
    certificate = Path(__file__).with_name("expired.pem")  # for 127.0.0.1, of a day in 2024
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = serve([], context=context)
    trusted = LazySSLContext(Resolved(str(certificate), "a test"))
    error = error_of(send_to, server.url, certificates=trusted)
    assert type(error) is exceptions.SSLError
    assert "certificate has expired" in str(error)
    assert classify(error) is None


def test_a_new_connection_trusts_what_the_bundle_has_become(
    serve: Serve, send_to: SendTo, localhost_context: ssl.SSLContext, tmp_path: Path
) -> None:
    """The certificate and the bundle are renewed, and the client is the same."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(LOCALHOST_CERTIFICATE.read_bytes())
    certificates = LazySSLContext(Resolved(str(bundle), "a test"))
    server = serve([OK], [OK], context=localhost_context)
    assert send_to(server.url, certificates=certificates).body == b"{}"
    assert server.closed[0].wait(5)
    localhost_context.load_cert_chain(RENEWED_CERTIFICATE)
    bundle.write_bytes(RENEWED_CERTIFICATE.read_bytes())
    os.utime(bundle, ns=(1, 1))  # two writes can have the same time
    assert send_to(server.url, certificates=certificates).body == b"{}"
    assert server.protocols == ["http/1.1"] * 2


def test_a_server_without_tls(serve: Serve, send_to: SendTo) -> None:
    server = serve([b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"])
    error = error_of(send_to, server.url.replace("http", "https"), certificates=TRUSTING)
    assert type(error) is exceptions.SSLError


#: A fatal alert, handshake_failure, in a record of TLS 1.2.
ALERT = bytes([21, 3, 3, 0, 2, 2, 40])


@pytest.mark.parametrize("ending", [b"", ALERT], ids=["an end", "an alert"])
def test_a_handshake_that_the_server_breaks_off_is_tried_again(
    serve: Serve, send_to: SendTo, ending: bytes
) -> None:
    server = serve([ending])
    error = error_of(send_to, server.url.replace("http", "https"), certificates=TRUSTING)
    assert isinstance(error, exceptions.SSLError | exceptions.EndpointConnectionError)
    assert classify(error) is not None


def test_a_server_that_breaks_off_within_a_response_over_tls(
    serve: Serve, send_to: SendTo, localhost_context: ssl.SSLContext
) -> None:
    cut_off = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"
    server = serve([cut_off], [OK], context=localhost_context)
    error = error_of(send_to, server.url, certificates=TRUSTING)
    assert type(error) is exceptions.ConnectionClosedError
    assert send_to(server.url, certificates=TRUSTING).body == b"{}"


def test_a_large_request_and_response_over_tls(
    serve: Serve, send_to: SendTo, localhost_context: ssl.SSLContext
) -> None:
    body = b"x" * 1_000_000
    server = serve(
        [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body],
        context=localhost_context,
    )
    received = send_to(server.url, certificates=TRUSTING, content=b"{" + b" " * 60_000 + b"}")
    assert received.body == body


def test_a_ca_bundle_that_cannot_be_loaded(
    serve: Serve, send_to: SendTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(b"")
    monkeypatch.setenv("SSL_CERT_FILE", "/does/not/exist.pem")
    with pytest.raises(exceptions.InvalidConfigError, match="SSL_CERT_FILE: no certificates can"):
        send_to(server.url.replace("http", "https"))


# Arguments of H11Client


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, tmp_path: Path
) -> None:
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(LOCALHOST_CERTIFICATE))
    assert count_of(resolve_verify("test", None, ca_bundle_from_environment())) == 1
    if variable != "SSL_CERT_FILE":
        assert count_of(resolve_verify("test", True, None)) > 1


def count_of(certificates: LazySSLContext) -> int:
    """Return the number of certificates that are trusted."""
    return certificates.context().cert_store_stats()["x509"]


@pytest.mark.parametrize("verify", [5, b"path", object])
def test_a_verify_that_cannot_be_used_is_an_error(verify: Any) -> None:
    with pytest.raises(exceptions.ParamValidationError, match="verify: "):
        H11Client(verify=verify)


def test_a_given_context_stays_as_strict_as_it_is() -> None:
    context = ssl.create_default_context(cafile=LOCALHOST_CERTIFICATE)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    given = resolve_verify("test", context, None)
    assert given.context() is context
    assert given.context() is context
    assert context.cert_store_stats()["x509"] == 1
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
