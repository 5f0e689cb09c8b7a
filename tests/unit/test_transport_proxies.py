"""Every way to send: proxies of the environment, for http and https, and refusals."""

from __future__ import annotations

import base64
import importlib.util
import ssl

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.auth.redaction import redact
from imagebuilder_pager._aws.config.proxies import resolve_proxy
from imagebuilder_pager._aws.transport.types import Deadline
from tests.fakes.accounts import PATH
from tests.fakes.networks import FakeNetwork, FakeStream
from tests.fakes.proxies import RunningProxy
from tests.fakes.servers import OK
from tests.fakes.transports import KINDS, TIMEOUTS, TRUSTING, SendTo, Serve, error_of

PASSWORD = "p@ss:w/rd%"
USERINFO = "us%65r:p%40ss%3Aw%2Frd%25"
AUTHORIZATION = b"Basic " + base64.b64encode(f"user:{PASSWORD}".encode())


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("proxy_scheme", ["http", "https"])
@pytest.mark.parametrize("userinfo", ["", f"{USERINFO}@"], ids=["no user", "a user"])
def test_requests_go_through_a_proxy(  # noqa: PLR0917
    serve: Serve,
    send_to: SendTo,
    localhost_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    proxy_scheme: str,
    userinfo: str,
) -> None:
    """An http URL in absolute form, an https URL through a tunnel."""
    contexts = {"http": None, "https": localhost_context}
    server = serve([OK, OK], context=contexts[scheme])
    with RunningProxy(context=contexts[proxy_scheme]) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"{proxy_scheme}://{userinfo}{proxy.address}")
        for _ in range(2):
            assert send_to(f"{server.url}/base", certificates=TRUSTING).body == b"{}"
    assert server.counts == [2], "the connection is kept"
    (head,) = proxy.requests
    first, *lines = head.decode().split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert fields["host"] == server.address
    assert fields.get("proxy-authorization") == (AUTHORIZATION.decode() if userinfo else None)
    if scheme == "http":
        assert first == f"POST {server.url}/base{PATH} HTTP/1.1"
    else:
        assert first == f"CONNECT {server.address} HTTP/1.1"
        assert "authorization" not in fields, "the signature is not the proxy's to see"
        assert server.protocols == ["http/1.1"]


def test_a_host_in_no_proxy_is_sent_to_directly(
    serve: Serve, send_to: SendTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([OK])
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert send_to(server.url).body == b"{}"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_cannot_be_reached(
    serve: Serve, send_to: SendTo, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    with RunningProxy() as proxy:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://{USERINFO}@{proxy.address}")
        url = f"{scheme}://host.test"
        if scheme == "http":  # it was reached before
            url = serve([OK]).url
            assert send_to(url, certificates=TRUSTING).status == 200
    error = error_of(send_to, url, certificates=TRUSTING)
    assert type(error) is exceptions.ProxyConnectionError
    assert_no_password(error)


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "407"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "403"),
        (b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n", "502"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", ""),
        (b"HTTP/1.1 2", ""),
    ],
    ids=["407", "403", "502", "no proxy", "half a line"],
)
def test_a_proxy_that_makes_no_tunnel(
    send_to: SendTo, monkeypatch: pytest.MonkeyPatch, refusal: bytes, text: str
) -> None:
    with RunningProxy(refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{USERINFO}@{proxy.address}")
        error = error_of(send_to, "https://host.test", certificates=TRUSTING)
    assert type(error) is exceptions.ProxyConnectionError
    assert text in str(error)
    assert_no_password(error)


def test_a_reset_behind_a_tunnel_is_not_an_error_of_the_proxy(
    send_to: SendTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Resetting(FakeStream):
        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            if data := super().read(max_bytes, timeout):
                return data
            raise ConnectionResetError("reset")

    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    network = FakeNetwork(lambda: Resetting(b"HTTP/1.1 200 OK\r\n\r\n"))
    error = error_of(send_to, "https://host.test", network=network)
    assert type(error) is exceptions.EndpointConnectionError


def test_a_reason_that_is_cut_shows_no_part_of_the_password(
    send_to: SendTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = b"x" * 60 + AUTHORIZATION
    secrets: set[str] = set()
    with RunningProxy(b"HTTP/1.1 407 " + reason + b"\r\nContent-Length: 0\r\n\r\n") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{USERINFO}@{proxy.address}")
        error = error_of(send_to, "https://host.test", certificates=TRUSTING, secrets=secrets)
    assert type(error) is exceptions.ProxyConnectionError
    assert AUTHORIZATION[6:14].decode() not in redact(str(error), secrets)


def test_a_proxy_with_a_dripping_answer_has_only_the_time_for_connecting(
    send_to: SendTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its bytes arrives within every other timeout."""
    now = [0.0]

    class Dripping(FakeStream):
        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            now[0] += 1.0
            if timeout is not None and timeout < 1.0:
                raise TimeoutError("timed out")
            return super().read(max_bytes, timeout)

    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    answer = b"HTTP/1.1 200 Connection established\r\n\r\n"
    network = FakeNetwork(lambda: Dripping(answer, 1, ends=False))
    deadline = Deadline(None, lambda: now[0])
    error = error_of(
        send_to, "https://host.test", network=network, deadline=deadline, timeouts=TIMEOUTS
    )
    assert type(error) is exceptions.ConnectTimeoutError
    assert now[0] <= 5.0, "the connect timeout"


def test_a_refusal_of_a_forwarding_proxy_is_a_response(
    send_to: SendTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with RunningProxy(refusal) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
        assert send_to("http://host.test").status == 407


def assert_no_password(error: BaseException) -> None:
    """Check that an error and its causes have no form of the password."""
    current: BaseException | None = error
    while current is not None:
        for text in (str(current), repr(current)):
            for secret in (PASSWORD, "p%40ss", AUTHORIZATION.decode(), AUTHORIZATION.decode()[6:]):
                assert secret not in text
            assert "ss:w" not in text  # a parser may read this part as the host or the port
        current = current.__cause__ or current.__context__


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"socks5://{USERINFO}@127.0.0.1:9", "a SOCKS proxy"),
        (f"socks5h://{USERINFO}@127.0.0.1:9", "a SOCKS proxy"),
        (f"http://{USERINFO}@host:port", "'http://"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_by_the_name_of_its_variable(
    send_to: SendTo, monkeypatch: pytest.MonkeyPatch, url: str, problem: str
) -> None:
    if not send_to.kind.is_h11:
        assert importlib.util.find_spec("socksio") is None, "the tests run without it"
    monkeypatch.setenv("HTTP_PROXY", url)
    with pytest.raises(exceptions.InvalidConfigError, match=f"^HTTP_PROXY: {problem}") as caught:
        send_to("http://host.test")
    assert_no_password(caught.value)


MALFORMED = [
    "http://",
    "http://:3128",
    "ftp://host:3128",
    "http://host:port",
    "http://host:99999",
    "http://[::1",
    "http://a b",
    "http://host\x7f",
    "http://host/\n",
    "http://[zz]:1",
    f"http://{USERINFO}@host:port",
    f"socks4://{USERINFO}@host",
    f"http://user:{PASSWORD}/@host",
    f"http://user:{PASSWORD}#@host",
    f"http://{USERINFO}@h\u2100st",
    f"http://{'a' * 64}.test",
    "http://a..b",
    "http://ho%73t:3128",
    "http://host:0",
]


@pytest.mark.parametrize("url", MALFORMED, ids=ascii)
def test_a_malformed_proxy_url_is_an_error_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", url)
    with pytest.raises(exceptions.InvalidConfigError, match=r"^HTTP_PROXY: ") as caught:
        resolve_proxy("http://host.test")
    assert_no_password(caught.value)


def test_the_proxy_of_a_scheme_comes_before_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://one.test:1")
    monkeypatch.setenv("ALL_PROXY", "two.test:2")
    monkeypatch.setenv("NO_PROXY", "inner.test")
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    urls = ["http://a.test", "https://a.test", "https://inner.test", "https://x.inner.test"]
    proxies = [resolve_proxy(url) for url in urls]
    assert [proxy and (proxy.host, proxy.port, proxy.source) for proxy in proxies] == [
        ("one.test", 1, "HTTP_PROXY"),
        ("two.test", 2, "ALL_PROXY"),
        None,
        None,
    ]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.is_h11], ids=str)
def test_a_client_that_does_not_trust_the_environment_uses_no_proxy(
    serve: Serve, send_to: SendTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([OK])
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert send_to(server.url, trust_env=False).body == b"{}"
