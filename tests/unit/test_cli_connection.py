"""The connection of the command: its settings, and the endpoint that it is made to."""

from typing import Any

import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from imagebuilder_pager._aws.transport.types import Origin, Timeouts
from imagebuilder_pager.cli.args import parse
from imagebuilder_pager.cli.connection import make_http_client, resolve_arguments
from imagebuilder_pager.local import LocalServer
from tests.fakes.command_line import EXAMPLE_ID, LIST, run_command

PRECONNECT = "imagebuilder_pager._aws.transport.h11_transport.H11Client.preconnect"


def client_of(*arguments: str) -> ImageBuilder:
    """Return the client that the command makes of its arguments, closed."""
    options = parse([LIST, *EXAMPLE_ID, "--region", "us-west-2", *arguments])
    with (
        make_http_client(options, SharedConfig(options.profile)) as http_client,
        ImageBuilder(**resolve_arguments(options), http_client=http_client) as client,
    ):
        return client


def test_the_options_are_the_arguments_of_the_client(local_server: LocalServer) -> None:
    options = parse(
        [
            LIST,
            *EXAMPLE_ID,
            "--region",
            "us-west-2",
            "--endpoint-url",
            local_server.url,
            "--cli-read-timeout",
            "0",
            "--cli-connect-timeout",
            "7",
            "--profile",
            "p",
        ]
    )
    with make_http_client(options, SharedConfig()) as http_client:
        assert http_client.timeouts == Timeouts(7, 2_000_000, 2_000_000, None)
    assert resolve_arguments(options) == {
        "region_name": "us-west-2",
        "endpoint_url": local_server.url,
        "profile_name": "p",
        "on_invalid_response": "raise",
    }


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
    origins: list[Origin] = []
    monkeypatch.setattr(PRECONNECT, lambda _, origin, timeout: origins.append(origin))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert client_of().endpoint_url == url
    assert origins == [Origin.from_url(url)]


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
        client_of(*arguments)


def test_the_host_may_be_in_capitals(
    local_server: LocalServer, capfd: pytest.CaptureFixture[str]
) -> None:
    lower, upper = (
        run_command(local_server.url.replace("127.0.0.1", host), capfd, *EXAMPLE_ID)
        for host in ("127.0.0.1", "LOCALHOST")
    )
    assert lower == upper
    assert lower.out.count('"resourceId"') > 50
