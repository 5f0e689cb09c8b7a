"""The script that compares with boto3 on AWS itself, here on the local service."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from imagebuilder_pager.local import (
    EXAMPLE_EXECUTION_ID,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from tests.fakes.command_line import local_environment

SCRIPT = Path(__file__).parents[2] / "examples" / "try_on_aws.py"
SERVICE = LocalImageBuilder(generate_account(resources=60))


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(SERVICE) as server:
        yield server


def run(
    server: LocalServer, *options: str, reply: str = "", path: str = ""
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **local_environment(server.url), "PYTHONPATH": path}
    del environment["AWS_ENDPOINT_URL"]
    command = [sys.executable, str(SCRIPT), EXAMPLE_EXECUTION_ID, "--endpoint-url", server.url]
    return subprocess.run(
        [*command, *options],
        input=reply,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


@pytest.mark.parametrize("reply", ["", "\n", "no\n"])
def test_nothing_is_sent_without_a_yes(server: LocalServer, reply: str) -> None:
    sent = SERVICE.requests
    ran = run(server, reply=reply)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert f"POST {server.url}/ListLifecycleExecutionResources" in ran.stdout
    assert ran.stdout.endswith("Nothing was sent.\n")
    assert SERVICE.requests == sent


def test_it_says_that_the_two_are_the_same(server: LocalServer) -> None:
    ran = run(server, reply="y\n")
    assert (ran.returncode, ran.stderr) == (0, "")
    *_, own, reference, last = ran.stdout.splitlines()
    assert own.split(":")[1].strip() == reference.split(":")[1].strip() == "60 items"
    assert last == "They are the same."


def test_a_listing_that_is_cut_off_is_compared_too(server: LocalServer) -> None:
    ran = run(server, "--yes", "--max-items", "33", "--page-size", "10")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count("33 items, and more follow") == 2


def test_without_boto3_it_lists_by_itself(server: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "boto3.py").write_text("raise ImportError")
    ran = run(server, "--yes", path=str(tmp_path))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "boto3 is not installed" in ran.stdout


def test_a_difference_is_reported() -> None:
    """The service changes its response with each request; boto3's is the later."""
    count = 0

    def respond(_: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        page = {"resources": [{"resourceId": f"ami-{count}"}, {"region": "r"}][:count]}
        return httpx.Response(200, json=page)

    with LocalServer(respond) as changing:
        ran = run(changing, "--yes")
    assert ran.returncode == 1
    assert "result.resources: 1 items here, 2 in boto3" in ran.stdout
    assert "result.resources[0].resourceId: 'ami-1' here, 'ami-2' in boto3" in ran.stdout
    assert "They differ" in ran.stdout


def test_an_error_of_the_service_is_shown(server: LocalServer) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(403, json={"__type": "ForbiddenException", "message": "no\x1b[2J"})

    with LocalServer(respond) as forbidding:
        ran = run(forbidding, "--yes")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "ForbiddenException" in ran.stdout
    assert "\x1b" not in ran.stdout
