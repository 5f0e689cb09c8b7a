"""The connection of the command: its settings, and the endpoint that it is made to."""

from typing import Any

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from imagebuilder_pager._aws.transport.types import Origin, Timeouts
from imagebuilder_pager.cli.args import parse
from imagebuilder_pager.cli.connection import open_client
from imagebuilder_pager.local import LocalServer
from tests.fakes.command_line import EXAMPLE_ID, LIST, run_command

H11_CLIENT = "imagebuilder_pager._aws.transport.h11_transport.H11Client"


def connect(*arguments: str) -> str:
    """Open the client of the arguments, close it, and return its endpoint."""
    options = parse([LIST, *EXAMPLE_ID, "--region", "us-west-2", *arguments])
    with open_client(options, SharedConfig(options.profile)) as client:
        return client.endpoint_url


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Origin, Timeouts]]:
    """The connections that would be made, each with the timeouts of its client."""
    found: list[tuple[Origin, Timeouts]] = []

    def record(client: Any, origin: Origin, _timeout: float | None) -> None:
        found.append((origin, client.timeouts))

    monkeypatch.setattr(f"{H11_CLIENT}.preconnect", record)
    return found


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        (("--region", "eu-west-1"), "https://imagebuilder.eu-west-1.amazonaws.com"),
        (("--endpoint-url", "https://host.test/"), "https://host.test"),
    ],
)
def test_the_connection_is_made_to_the_endpoint_of_the_client(
    arguments: tuple[str, ...], url: str, connections: list[tuple[Origin, Timeouts]]
) -> None:
    assert connect(*arguments) == url
    assert connections == [(Origin.from_url(url), Timeouts(60, 60, 60, None))]


def test_a_timeout_of_zero_is_none(connections: list[tuple[Origin, Timeouts]]) -> None:
    connect("--cli-read-timeout", "0", "--cli-connect-timeout", "7")
    assert connections[0][1] == Timeouts(7, 2_000_000, 2_000_000, None)


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ("--region=no region", exceptions.InvalidRegionError),
        ("--endpoint-url=ftp://host", exceptions.InvalidEndpointError),
        ("--profile=nobody", exceptions.ProfileNotFound),
        ("--cli-connect-timeout=-1", exceptions.ParamValidationError),
    ],
)
def test_settings_that_are_not_valid_make_no_connection(
    option: str, error: type[Exception], connections: list[tuple[Origin, Timeouts]]
) -> None:
    with pytest.raises(error):
        connect("--ca-bundle", "/none.pem", option)
    assert connections == []


def test_the_host_may_be_in_capitals(
    local_server: LocalServer, capfd: pytest.CaptureFixture[str]
) -> None:
    url = local_server.url.replace("127.0.0.1", "LOCALHOST")
    ran = run_command(url, capfd, *EXAMPLE_ID)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count('"resourceId"') > 50
