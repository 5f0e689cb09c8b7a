"""Every way to send: certificates, and the TLS connections that are kept."""

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
    localhost_context.num_tickets = 5
    server = serve([OK, OK, OK], context=localhost_context)
    for _ in range(3):
        assert send_to(server.url, certificates=certificates).body == b"{}"
    assert server.protocols == ["http/1.1"]
    assert server.counts == [3], "the session tickets that come after a response are no surplus"


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
def test_bytes_behind_a_response_over_tls_are_a_surplus(
    serve: Serve, send_to: SendTo, localhost_context: ssl.SSLContext, more: bytes
) -> None:
    server = serve([OK + more, OK], [OK], context=localhost_context)
    for _ in range(2):
        assert send_to(server.url, certificates=TRUSTING).body == b"{}"
    assert server.counts == [1, 1]


EXPIRED_CERTIFICATE = LOCALHOST_CERTIFICATE.with_name("expired.pem")  # for 127.0.0.1, of 2024


@pytest.mark.parametrize(
    ("served", "trusted", "host", "text"),
    [
        (LOCALHOST_CERTIFICATE, None, "127.0.0.1", "CERTIFICATE_VERIFY_FAILED"),
        (LOCALHOST_CERTIFICATE, LOCALHOST_CERTIFICATE, "localhost", "Hostname mismatch"),
        (EXPIRED_CERTIFICATE, EXPIRED_CERTIFICATE, "127.0.0.1", "certificate has expired"),
    ],
    ids=["not trusted", "for another host", "expired"],
)
def test_a_certificate_that_is_rejected_is_not_tried_again(
    serve: Serve, send_to: SendTo, *, served: Path, trusted: Path | None, host: str, text: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served)
    url = serve([], context=context).url.replace("127.0.0.1", host)
    certificates = LazySSLContext(trusted is None or Resolved(str(trusted), "a test"))
    error = error_of(send_to, url, certificates=certificates)
    assert type(error) is exceptions.SSLError
    assert text in str(error)
    assert classify(error) is None


def test_a_new_connection_trusts_the_renewed_bundle(
    serve: Serve, send_to: SendTo, localhost_context: ssl.SSLContext, tmp_path: Path
) -> None:
    """The certificate and the bundle are renewed, but the client is the same."""
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


def test_certificates_that_cannot_be_loaded_are_no_failure_of_the_network(
    serve: Serve, send_to: SendTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(b"")
    monkeypatch.setenv("SSL_CERT_FILE", "/does/not/exist")
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
    certificates = resolve_verify("test", None, ca_bundle_from_environment())
    assert certificates.context().cert_store_stats()["x509"] == 1


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
