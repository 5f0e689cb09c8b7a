"""The connection of the command: its settings, and the endpoint that it is made to."""

from typing import Any

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.aws.config.shared_config import SharedConfig
from imagebuilder_pager.cli.args import parse
from imagebuilder_pager.cli.client import ClientSettings, RawImageBuilder, resolve_settings
from imagebuilder_pager.local import LocalServer
from tests.fakes.command_line import EXAMPLE_ID, LIST, run_command

PRECONNECT = "imagebuilder_pager.aws.transport.h11_transport.H11Client.preconnect"


def settings_of(*arguments: str) -> ClientSettings:
    options = parse([LIST, *EXAMPLE_ID, "--region", "us-west-2", *arguments])
    with resolve_settings(options, SharedConfig(options.profile)) as settings:
        return settings


def test_the_options_are_the_arguments_of_the_client(local_server: LocalServer) -> None:
    url = local_server.url
    settings = settings_of("--endpoint-url", url, "--cli-read-timeout", "0", "--no-verify-ssl")
    assert settings.direct is not None
    assert settings.arguments == {
        "region_name": "us-west-2",
        "endpoint_url": url,
        "profile_name": None,
        "verify": False,
        "connect_timeout": None,
        "read_timeout": 2_000_000,
    }


def test_a_path_in_the_endpoint_and_a_proxy_need_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_of("--endpoint-url", "http://127.0.0.1:9/base").direct is None
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert settings_of("--endpoint-url", "http://127.0.0.1:9").direct is None


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "https://imagebuilder.us-west-2.amazonaws.com"),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "https://imagebuilder-fips.us-west-2.amazonaws.com"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "https://imagebuilder.us-west-2.api.aws"),
        ({"AWS_ENDPOINT_URL_IMAGEBUILDER": "https://host.test/"}, "https://host.test"),
    ],
)
def test_the_connection_is_made_to_the_endpoint_of_the_client(
    environment: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PRECONNECT, lambda *_: None)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = settings_of()
    assert settings.direct is not None
    with RawImageBuilder(**settings.arguments, direct=settings.direct) as client:
        assert client.endpoint_url == settings.direct.endpoint_url == url


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--region", "no region"), exceptions.InvalidRegionError),
        (("--endpoint-url", "ftp://host"), exceptions.InvalidEndpointError),
        (
            ("--ca-bundle", "/none.pem", "--cli-connect-timeout", "-1"),
            exceptions.ParamValidationError,
        ),
    ],
)
def test_settings_that_are_not_valid_make_no_connection(
    arguments: tuple[str, ...], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: Any) -> None:
        pytest.fail("a connection is made")

    monkeypatch.setattr(PRECONNECT, connect)
    with pytest.raises(error):
        settings_of(*arguments)


def test_the_output_is_the_same_over_h11_and_over_httpx(
    local_server: LocalServer, capfd: pytest.CaptureFixture[str]
) -> None:
    over_h11, over_httpx = (
        # A host in capitals needs httpx.
        run_command(local_server.url.replace("127.0.0.1", host), capfd, *EXAMPLE_ID)
        for host in ("127.0.0.1", "LOCALHOST")
    )
    assert over_h11 == over_httpx
    assert over_h11.out.count('"resourceId"') > 50
