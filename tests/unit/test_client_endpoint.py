"""The region and the endpoint of a client."""

import contextlib
import re
import socket
import ssl
from typing import Any

import boto3
import pytest

from imagebuilder_pager import H11Client, ImageBuilder, exceptions
from imagebuilder_pager._aws.config.endpoints import normalize_endpoint_url
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.clients import EXECUTION, ClientWith, list_page
from tests.fakes.services import RecordingService
from tests.fakes.transports import LOCALHOST_CERTIFICATE, Serve


@pytest.fixture
def recorder() -> RecordingService:
    return RecordingService()


# Region


def test_the_region_is_the_argument_or_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    with ImageBuilder(**LOCAL_CREDENTIALS) as client:
        assert client.region_name == "eu-west-3"
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    with ImageBuilder(**LOCAL_CREDENTIALS) as client:
        assert client.region_name == "eu-west-2"
        assert client.endpoint_url == "https://imagebuilder.eu-west-2.amazonaws.com"
    with ImageBuilder("eu-west-1", **LOCAL_CREDENTIALS) as client:
        assert client.region_name == "eu-west-1"
    with ImageBuilder(region_name="eu-central-1", **LOCAL_CREDENTIALS) as client:
        assert client.region_name == "eu-central-1"


def test_an_empty_region_variable_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    with ImageBuilder(**LOCAL_CREDENTIALS) as client:
        assert client.region_name == "eu-west-3"


@pytest.mark.parametrize("region", [None, ""])
def test_the_error_without_a_region_names_where_it_was_looked_for(region: str | None) -> None:
    with pytest.raises(exceptions.NoRegionError) as caught:
        ImageBuilder(region, **LOCAL_CREDENTIALS)
    assert type(caught.value) is exceptions.NoRegionError
    assert str(caught.value) == (
        "no region: looked at the argument region_name, at the environment variables AWS_REGION "
        "and AWS_DEFAULT_REGION, and at region in the profile 'default'"
    )


@pytest.mark.parametrize(
    "region",
    ["us west", "us-west-2/", "evil.test/", "us-west-2\n", "-us", "us-", "a" * 64, "ü", "a.b", 5],
)
def test_a_region_that_is_not_a_host_label_is_an_error(region: Any) -> None:
    with pytest.raises(exceptions.InvalidRegionError) as caught:
        ImageBuilder(region, **LOCAL_CREDENTIALS)
    assert str(caught.value) == (
        f"region_name: {str(region)!r} given; allowed: a region's name, such as us-west-2 "
        "(letters, digits and hyphens, at most 63)"
    )


def test_an_invalid_region_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2.evil.test")
    with pytest.raises(
        exceptions.InvalidRegionError, match=r"^AWS_REGION: 'us-west-2\.evil\.test' "
    ):
        ImageBuilder(**LOCAL_CREDENTIALS)


# Endpoint


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8080",
        "localhost",
        "ftp://127.0.0.1",
        "https://",
        "https:///path",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://127.0.0.1:port",
        "http://[::1",
        "http://a b",
        "http://a\n",
        "http://a/\x7f",
        "http://a..b",
        "http://..",
        f"http://{'a' * 64}",
        "http://xn--/",
        "http://\N{SNOWMAN}",
        "http://999.1.1.1",
        5,
        b"http://127.0.0.1",
        ["http://127.0.0.1"],
    ],
)
def test_an_endpoint_that_is_not_a_url_is_an_error(url: Any) -> None:
    with pytest.raises(exceptions.InvalidEndpointError) as caught:
        ImageBuilder("us-west-2", endpoint_url=url, **LOCAL_CREDENTIALS)
    assert str(caught.value) == (
        f"endpoint_url: {str(url)!r} given; allowed: http:// or https://, a host and, where "
        "needed, a port and a path"
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:ses/ame@a.test", "https://...@a.test"),
        ("https:/user:sesame@a.test", "...@a.test"),
        ("user:sesame@a.test", "...@a.test"),
    ],
)
def test_an_endpoint_that_is_not_a_url_shows_no_password(url: str, shown: str) -> None:
    with pytest.raises(exceptions.InvalidEndpointError) as caught:
        ImageBuilder("us-west-2", endpoint_url=url, **LOCAL_CREDENTIALS)
    assert str(caught.value).startswith(f"endpoint_url: {shown!r} given; allowed: ")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:sesame@a.test", "https://...@a.test"),
        ("https://user@a.test/path", "https://...@a.test/path"),
        ("https://@a.test", "https://...@a.test"),
        ("https://a.test?x=1", "https://a.test?x=1"),
        ("https://a.test/?", "https://a.test/?"),
        ("https://a.test/#part", "https://a.test/#part"),
        ("https://a.test#", "https://a.test#"),
    ],
)
def test_an_endpoint_with_a_user_a_query_or_a_fragment_is_an_error(url: str, shown: str) -> None:
    with pytest.raises(exceptions.InvalidEndpointError) as caught:
        ImageBuilder("us-west-2", endpoint_url=url, **LOCAL_CREDENTIALS)
    assert str(caught.value) == (
        f"endpoint_url: {shown!r} given; a user name, a password, a query or a fragment cannot be "
        "part of it"
    )


def test_a_password_in_an_invalid_endpoint_is_not_shown() -> None:
    with pytest.raises(exceptions.InvalidEndpointError) as caught:
        ImageBuilder("us-west-2", endpoint_url="ftp://user:sesame@a.test", **LOCAL_CREDENTIALS)
    assert "sesame" not in str(caught.value)


def test_an_endpoint_keeps_its_port_and_path(
    client_with: ClientWith, recorder: RecordingService
) -> None:
    list_page(client_with(recorder, endpoint_url="http://127.0.0.1:8080/base/"))
    assert str(recorder.request.url) == "http://127.0.0.1:8080/base/ListLifecycleExecutionResources"
    assert recorder.request.headers["host"] == "127.0.0.1:8080"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://a.test.", "https://a.test"),
        ("https://a.test.:8443/base/", "https://a.test:8443/base"),
    ],
)
def test_a_final_dot_of_the_host_is_dropped(given: str, kept: str) -> None:
    assert normalize_endpoint_url(given) == kept


@pytest.mark.usefixtures("_no_settings")
@pytest.mark.parametrize("http_client", [None, H11Client], ids=["httpx", "h11"])
def test_a_host_with_a_final_dot_is_reached_as_by_boto3(
    http_client: type[H11Client] | None,
    serve: Serve,
    localhost_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The certificate is for the host without the dot, and so is the header."""
    execution = EXECUTION["lifecycleExecutionId"]
    body = b'{"lifecycleExecutionId": "%s", "resources": []}' % execution.encode()
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    server = serve([response], [response], context=localhost_context)
    url = server.url.replace("127.0.0.1", "127.0.0.1.")
    verify = str(LOCALHOST_CERTIFICATE)
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        "socket.getaddrinfo",
        lambda _, *rest, **named: resolve("127.0.0.1", *rest, **named),
    )
    theirs: Any = boto3.client(
        "imagebuilder", "us-west-2", endpoint_url=url, verify=verify, **LOCAL_CREDENTIALS
    )
    theirs.list_lifecycle_execution_resources(**EXECUTION)
    theirs.close()
    with (
        http_client(verify=verify) if http_client else contextlib.nullcontext() as lean,
        ImageBuilder(
            "us-west-2",
            endpoint_url=url,
            http_client=lean,
            verify=None if lean else verify,
            max_attempts=1,
            **LOCAL_CREDENTIALS,
        ) as client,
    ):
        list_page(client)
    hosts = [re.search(rb"(?i)\r\nhost: (\S+)", request) for request in server.requests]
    assert [found and found[1].decode() for found in hosts] == [f"127.0.0.1:{server.port}"] * 2
