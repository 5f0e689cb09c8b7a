"""The command ``python -m imagebuilder_pager.local``: its URL, its data, its end, its errors."""

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest

from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID, FAULTS, Account, generate_account
from imagebuilder_pager.local.__main__ import main
from tests.fakes.accounts import LOCAL_CREDENTIALS, resource_ids

ROOT = Path(__file__).parents[2]


def ids_listed_by_boto3(url: str) -> list[str]:
    """Return the ids that boto3 lists at the URL."""
    client = boto3.session.Session().client(
        "imagebuilder", region_name="us-west-2", endpoint_url=url, **LOCAL_CREDENTIALS
    )
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    pages = paginator.paginate(lifecycleExecutionId=EXAMPLE_EXECUTION_ID)
    return [resource["resourceId"] for page in pages for resource in page["resources"]]


@contextlib.contextmanager
def start(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start the command and read its URL; kill it at the end if it still runs."""
    command = [sys.executable, "-m", "imagebuilder_pager.local", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().rstrip("\n")
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_a_signal(account: Account, number: signal.Signals) -> None:
    data = ("--data", str(ROOT / "fixtures" / "account.json"))
    with start("--port", "0", *data, "--latency", "1") as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert ids_listed_by_boto3(url) == resource_ids(account)
        address = httpx.URL(url)
        with socket.create_connection((address.host, address.port or 80)):
            process.send_signal(number)
            assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 0


def test_the_command_serves_a_generated_account() -> None:
    with start("--resources", "30") as (_, url):
        assert ids_listed_by_boto3(url) == resource_ids(generate_account(resources=30))


def test_the_command_injects_faults() -> None:
    message = "No, not you, ask é."
    denied = f"error,code=AccessDeniedException,message={message}@ListImages:2"
    places = ("--fault", "throttle,retry-after=2@1", "--fault", "reset-before@2", "--fault", denied)
    chance = ("--fault", "html", "--fault-rate", "1", "--fault-seed", "7")
    with (
        start(*places, *chance) as (_, url),
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        throttled = client.post("/ListImages")
        assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "2")
        with pytest.raises(httpx.ReadError):
            client.post("/ListWorkflows")
        assert client.post("/ListWorkflows").headers["Content-Type"] == "text/html"
        refused = client.post("/ListImages")
        assert (refused.status_code, refused.json()) == (403, {"message": message})
        assert refused.headers["x-amzn-ErrorType"] == "AccessDeniedException"


def test_the_command_lists_the_faults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for name, summary in FAULTS.items():
        assert f"  {name} " in shown
        assert summary in shown


@pytest.mark.parametrize("argument", ["--help", "--unknown"])
def test_the_signals_are_as_before_when_the_command_has_ended(argument: str) -> None:
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    with pytest.raises(SystemExit):
        main([argument])
    assert signal.set_wakeup_fd(-1) == -1
    assert [signal.getsignal(number) for number in numbers] == before


MISSPELT = "misspelt.json: ListImages[0].imageVersions: unknown member; did you mean imageVersionL"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--\x1b[31mé"], "error: unrecognized arguments: --\\u001b[31mé\n"),
        (["--port", "x"], "argument --port: invalid number value: 'x'"),
        (["--port", "65536"], "argument --port: 65536 is not a port, from 0 to 65535"),
        (["--host", "0.0.0.0"], "'0.0.0.0' is not a loopback address"),
        (["--resources", "-1"], "argument --resources: -1 is below 0"),
        (["--latency", "-1"], "argument --latency: -1 is not from 0 to 3600000 milliseconds"),
        (["--data", "nowhere.json"], "No such file or directory: 'nowhere.json'"),
        (["--data", "README.md"], "README.md: not valid JSON"),
        (["--data", "misspelt.json"], f"error: {MISSPELT}"),
        (["--data", "x", "--resources", "1"], "not allowed with argument --data"),
        (["--fault", "x@1"], "argument --fault: there is no fault 'x'; there are throttle, "),
        (["--fault", "x"], "argument --fault: there is no fault 'x'; there are throttle, "),
        (["--fault", "stall@x"], "'stall@x' is not FAULT@TARGET, with TARGET one of N, page-N, "),
        (["--fault", "stall"], "--fault stall needs a target, as in stall@3, or a --fault-rate"),
        (["--fault-rate", "0.5"], "--fault-rate needs a --fault NAME without a target"),
        (["--fault-rate", "2"], "argument --fault-rate: 2 is not from 0 to 1"),
        (["--fault-rate", "nan"], "argument --fault-rate: nan is not from 0 to 1"),
    ],
)
def test_invalid_arguments_are_an_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("README.md").write_text("# Read me")
    Path("misspelt.json").write_text(
        '{"executions": [], "pages": {"ListImages": [{"imageVersions": []}]}}'
    )
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    captured = capsys.readouterr()
    assert (ended.value.code, captured.out) == (2, "")
    assert message in captured.err
