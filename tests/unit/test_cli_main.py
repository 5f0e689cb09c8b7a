"""A run of the command: what it loads, how its errors end, its signals and its progress."""

import gc
import io
import os
import re
import signal
import sys
import threading
from typing import Any

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.cli.exit_codes import CommandError, UsageError, describe_error
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.cli.signals import SignalReceived, Signals
from imagebuilder_pager.cli.terminal import Progress
from imagebuilder_pager.exceptions import Problem
from imagebuilder_pager.local import LocalServer
from tests.fakes.command_line import EXAMPLE_ID, LIST, page_server, required_options, run_afresh

HEAVY = {"argcomplete", "httpx", "pydantic", "botocore", "jmespath", "rich", "json", "logging"}
UNUSED = {"anyio", "botocore", "httpcore", "httpx", "rich", "ssl", "urllib3"}

Captured = pytest.CaptureFixture[str]


def packages_of(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_help_and_wrong_arguments_are_answered_without_heavy_imports() -> None:
    right = (("--version",), ("--help",), (LIST, "--help"))
    wrong = ((), (LIST,), (LIST, *EXAMPLE_ID, "--max-items", "x"), (LIST, *EXAMPLE_ID, "--unknown"))
    for code, modules in run_afresh(*right):
        assert code == 0
        assert not packages_of(modules) & {*HEAVY, "difflib"}
    for code, modules in run_afresh(*wrong):
        assert code == 252
        assert not packages_of(modules) & HEAVY


def test_a_listing_loads_neither_httpx_nor_botocore(local_server: LocalServer) -> None:
    command = (LIST, *EXAMPLE_ID, "--max-items", "30", "--output")
    outputs = ("json", "jsonl", "text", "yaml-stream")
    for code, modules in run_afresh(*((*command, one) for one in outputs), url=local_server.url):
        assert code == 0
        packages = packages_of(modules)
        assert {"h11", "pydantic", "json", "logging"} <= packages
        assert not UNUSED & packages


def test_a_command_loads_the_models_of_no_other_family() -> None:
    listed = {one.family: one for one in OPERATIONS.values() if one.result_key is not None}
    cases = [(family, output) for family in listed for output in ("jsonl", "table")]
    commands = [
        (name, *required_options(name), "--output", output)
        for family, output in cases
        for name in [listed[family].method_name.replace("_", "-")]
    ]
    page: Any = {operation.result_key: [{}] for operation in listed.values()}
    with page_server(lambda _: page) as server:
        preload = "import rich.table, imagebuilder_pager.cli.listing"
        runs = run_afresh(*commands, url=server.url, preload=preload)
    for (family, _), (code, modules) in zip(cases, runs, strict=True):
        assert code == 0
        models = set(re.findall(r"imagebuilder_pager\.models\.(\w+)", " ".join(modules)))
        shared = {"exceptions", "fields", "params", "request", "scalars", "shapes", "common"}
        if family == "lifecycle_executions":
            shared.add("lifecycle")  # an execution has the state that its resources have
        assert models - shared == {family} - shared
        assert family in models


def test_garbage_is_collected_again_after_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(sys, "argv", ["imagebuilder-pager", LIST])
    try:
        assert main() == 252
        assert gc.isenabled()
    finally:
        gc.enable()
    assert "--lifecycle-execution-id" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("lifecycle-report", "--region", "us-west-2"),
            "--output summary needs rich, not installed here: pip install rich, or use --output "
            "json, html, jsonl or csv",
        ),
        (
            (LIST, *EXAMPLE_ID, "--output", "tree"),
            "--output tree needs rich, not installed here: pip install rich, or use --output "
            "json, jsonl, text or yaml-stream",
        ),
        (
            (LIST, *EXAMPLE_ID, "--query", "resources"),
            "--query needs jmespath, not installed here: pip install jmespath, or leave it out",
        ),
    ],
)
def test_a_missing_package_is_an_error_that_says_how_to_install_it(
    arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "jmespath", None)
    assert main(arguments) == 253
    assert capsys.readouterr().err == f"\n{message}\n"


@pytest.mark.parametrize(
    ("command", "setting", "message"),
    [
        (LIST, "AWS_DEFAULT_OUTPUT=yaml", "Unknown output type: yaml, from AWS_DEFAULT_OUTPUT"),
        (LIST, "AWS_DEFAULT_OUTPUT=off", "Unknown output type: off, from AWS_DEFAULT_OUTPUT"),
        ("list-images", "AWS_DEFAULT_OUTPUT=tree", "tree, from AWS_DEFAULT_OUTPUT: not an output"),
        (
            LIST,
            "AWS_RETRY_MODE=fast",
            "AWS_RETRY_MODE: 'fast' given; allowed: standard, adaptive, ",
        ),
        (
            LIST,
            "AWS_MAX_ATTEMPTS=many",
            "AWS_MAX_ATTEMPTS: 'many' given; allowed: a whole number, ",
        ),
    ],
)
def test_a_setting_that_is_not_valid_is_a_configuration_error(
    command: str, setting: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv(*setting.split("="))
    assert main([command, *required_options(command), "--region", "us-west-2"]) == 253
    assert message in capsys.readouterr().err


def test_a_closed_standard_output_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main([LIST, *EXAMPLE_ID, "--region", "us-west-2"]) == 255
    assert "standard output is closed" in capsys.readouterr().err


SLOW: Any = {"Error": {"Code": "Slow", "Message": "down"}, "ResponseMetadata": {"RetryAttempts": 2}}
PROBLEMS = [
    Problem("maxResults", "0 given"),
    Problem("read_timeout", "-1 given"),
    Problem("filters[0].values[3]", "5 given", "a string"),
    Problem("somewhere", "maxResults: 0 given"),
]
NAMED = (
    "Parameter validation failed:\n--max-results: 0 given\n--cli-read-timeout: -1 given\n"
    "--filters[0].values[3]: 5 given; allowed: a string\nsomewhere: maxResults: 0 given"
)
NO_CREDENTIALS = exceptions.NoCredentialsError("no\n  - the arguments: a", [Problem("b", "c")])
ENDPOINT = exceptions.InvalidEndpointError
TOKEN = exceptions.StartingTokenError(Problem("StartingToken", "x"))
RETRIED = "An error occurred (Slow) when calling the Op operation (reached max retries: 2): down"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError("a"), 252, "a"),
        (CommandError("a"), 255, "a"),
        (TOKEN, 252, "Bad starting token: --starting-token: x"),
        (exceptions.InvalidRegionError(Problem("region_name", "'x'")), 252, "--region: 'x'"),
        (exceptions.InvalidRegionError(Problem("AWS_REGION", "'x'")), 253, "AWS_REGION: 'x'"),
        (ENDPOINT(Problem("endpoint_url", "'x'")), 252, "--endpoint-url: 'x'"),
        (ENDPOINT(Problem("AWS_ENDPOINT_URL", "'x'")), 253, "AWS_ENDPOINT_URL: 'x'"),
        (exceptions.InvalidConfigError(Problem("verify", "no")), 252, "--ca-bundle: no"),
        (exceptions.InvalidConfigError(Problem("AWS_CA_BUNDLE", "no")), 253, "AWS_CA_BUNDLE: no"),
        (exceptions.InvalidConfigError("verify: no"), 253, "verify: no"),
        (exceptions.NoRegionError("none"), 253, "You must specify a region"),
        (NO_CREDENTIALS, 253, "Unable to locate credentials:\n  - b: c"),
        (exceptions.PartialCredentialsError("a"), 253, "Partial credentials found: a"),
        (exceptions.CredentialRetrievalError("a"), 253, "Error when retrieving credentials: a"),
        (exceptions.ProfileNotFound("a"), 253, "The config profile (mine) could not be found: a"),
        (exceptions.PaginationError("a circle"), 255, "a circle"),
        (exceptions.ResponseParserError("HTML"), 255, "HTML"),
        (exceptions.ReadTimeoutError("a"), 255, 'Read timeout on endpoint URL: "http://x/"\na'),
        (
            exceptions.ConnectTimeoutError("a"),
            255,
            'Connect timeout on endpoint URL: "http://x/"\na',
        ),
        (exceptions.SSLError("bad"), 255, "SSL validation failed for http://x/\nbad"),
        (
            exceptions.HTTPClientError("a"),
            255,
            'The request failed to endpoint URL: "http://x/"\na',
        ),
        (OSError(28, "No space"), 255, "[Errno 28] No space"),
        (KeyError(), 255, "KeyError"),
        (exceptions.ParamValidationError("f", PROBLEMS), 252, NAMED),
        (exceptions.ClientError(SLOW, "Op"), 254, RETRIED),
    ],
)
def test_each_error_has_its_exit_code_and_message(
    error: Exception, code: int, message: str
) -> None:
    found_code, found_message = describe_error(error, url="http://x/", profile="mine")
    assert found_code == code
    assert message in found_message


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_deferred_to_the_end_of_the_block(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    done = []

    def work() -> None:
        with Signals() as signals:
            with signals.deferred():
                done.append(1)
            with signals.deferred():
                os.kill(os.getpid(), number)
                done.append(2)
            done.append(3)

    with pytest.raises(SignalReceived) as stopped:
        work()
    assert done == [1, 2]
    assert stopped.value.code == 128 + number
    assert signal.getsignal(number) is before


def test_a_second_signal_is_not_deferred() -> None:
    done = []

    def work() -> None:
        with Signals() as signals, signals.deferred():
            os.kill(os.getpid(), signal.SIGINT)
            done.append(1)
            os.kill(os.getpid(), signal.SIGINT)
            done.append(2)

    with pytest.raises(SignalReceived):
        work()
    assert done == [1]


def test_a_signal_that_the_shell_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Signals():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_progress_is_drawn_on_a_terminal_and_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress(wanted=True, delay=0, interval=0) as progress:
        progress.count_page(25)
        while not re.search(r"25 items, 1 page, \d+ s", terminal.getvalue()):
            pass
        progress.count_page(5)
        while "30 items, 2 pages" not in terminal.getvalue():
            pass
    assert terminal.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(("stream", "wanted"), [(Terminal(), False), (io.StringIO(), True)])
def test_no_progress_is_drawn_if_unwanted_or_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, wanted: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    threads = threading.active_count()
    with Progress(wanted=wanted, delay=0, interval=0) as progress:
        progress.count_page(25)
        assert threading.active_count() == threads
    assert stream.getvalue() == ""
