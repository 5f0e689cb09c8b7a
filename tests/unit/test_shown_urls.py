"""Malformed URLs with a password in them, in every setting: no error shows the password."""

from collections.abc import Callable

import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager._aws.clock import SYSTEM_CLOCK
from imagebuilder_pager._aws.config.proxies import Proxy, resolve_proxy
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from imagebuilder_pager._aws.config.tls import LazySSLContext
from imagebuilder_pager._aws.credentials.container import ContainerProvider
from imagebuilder_pager._aws.credentials.imds import InstanceMetadataProvider
from imagebuilder_pager._aws.credentials.sts import sts_endpoint
from imagebuilder_pager._aws.identity import CredentialsContext
from imagebuilder_pager.cli.main import main
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.command_line import EXAMPLE_ID, LIST
from tests.fakes.credential_endpoints import texts_of

pytestmark = pytest.mark.usefixtures("_no_settings")

MALFORMED = [
    "http://svc:Hunter2/x@127.0.0.1:9",
    "http://svc:Hunter2#x@127.0.0.1:9",
    "http://svc:Hunter2?x@127.0.0.1:9",
    "http:/svc:Hunter2@127.0.0.1:9",
    "http:///svc:Hunter2@127.0.0.1:9",
    "http://svc:Hunter2 x@127.0.0.1:9",
    "http://svc:Hunter2\n@127.0.0.1:9",
    "http://svc:Hunter2[@127.0.0.1:9",
    "http://svc:Hunter2@127.0.0.1:port",
    "ftp://svc:Hunter2@127.0.0.1:9",
    # A part of the password would be the port, or the host.
    "http://svc:27?Hunter2@127.0.0.1:9",
    "http://svc:27#Hunter2@127.0.0.1:9",
    "http://svc:Hunter2@27/x@127.0.0.1:9",
    "svc:Hunter2/x@127.0.0.1:9",
]
#: A host, and a path with an @: an endpoint may be one, as in boto3, and a proxy may not.
HOST_AND_PATH = [
    "http://svc:27/Hunter2@127.0.0.1:9",
    "http://svc:/Hunter2@127.0.0.1:9",
    "http://Hunter2/x@127.0.0.1:9",
]


def context() -> CredentialsContext:
    return CredentialsContext(SharedConfig(), "us-west-2", LazySSLContext(), SYSTEM_CLOCK)


def client(endpoint_url: str | None) -> None:
    ImageBuilder("us-west-2", endpoint_url=endpoint_url, **LOCAL_CREDENTIALS)


#: The calls that read a setting; "" for the argument ``endpoint_url``.
READERS: dict[str, Callable[[], object]] = {
    "HTTP_PROXY": lambda: resolve_proxy("http://host.test"),
    "ALL_PROXY": lambda: resolve_proxy("https://host.test"),
    "AWS_ENDPOINT_URL": lambda: client(None),
    "AWS_ENDPOINT_URL_STS": lambda: sts_endpoint("us-west-2", SharedConfig()),
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": lambda: InstanceMetadataProvider(context()).load(),
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": lambda: ContainerProvider(context()).load(),
}


def assert_hidden(text: str) -> None:
    for part in ("svc", "unter", ":27", "@27"):
        assert part not in text


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        *((variable, url) for variable in READERS for url in MALFORMED),
        *((variable, url) for variable in ("HTTP_PROXY", "ALL_PROXY") for url in HOST_AND_PATH),
        *(("AWS_CONTAINER_CREDENTIALS_FULL_URI", url) for url in HOST_AND_PATH),
    ],
    ids=ascii,
)
def test_a_variable_is_named_and_its_password_not_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, url: str
) -> None:
    monkeypatch.setenv(variable, url)
    with pytest.raises(exceptions.PagerError) as caught:
        READERS[variable]()
    shown = str(caught.value)
    if variable.startswith("AWS_CONTAINER"):
        assert shown.startswith("the container endpoint's URL ")
    else:
        assert isinstance(caught.value, exceptions.InvalidEndpointError) == ("AWS" in variable)
        assert shown.startswith(f"{variable}: ")
        assert "...@127.0.0.1:" in shown
    assert_hidden(texts_of(caught.value))


@pytest.mark.parametrize("url", MALFORMED, ids=ascii)
def test_an_argument_does_not_show_its_password(
    url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also not in the traceback that ``--debug`` prints."""
    with pytest.raises(exceptions.InvalidEndpointError) as caught:
        client(url)
    assert "...@127.0.0.1:" in str(caught.value)
    assert_hidden(texts_of(caught.value))
    arguments = [LIST, *EXAMPLE_ID, "--region", "us-west-2", "--endpoint-url", url]
    assert main([*arguments, "--debug"]) == 252
    written = capfd.readouterr().err
    assert "\n--endpoint-url: '" in written
    assert_hidden(written)


@pytest.mark.parametrize(
    "url", ["http://CORP\\svc:Hunter2@127.0.0.1:9", "svc:Hunter2@127.0.0.1:9", "http://a:9/x"]
)
def test_a_proxy_that_curl_would_take_is_one(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", url)
    proxy = resolve_proxy("http://host.test")
    assert isinstance(proxy, Proxy)
    assert (proxy.host, proxy.port) == ("a" if "//a" in url else "127.0.0.1", 9)
    assert_hidden(repr(proxy))
