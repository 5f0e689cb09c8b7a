"""The command itself: its arguments, what it loads, its errors, its checkpoint."""

import ast
import gc
import importlib.metadata
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager import __version__, exceptions
from imagebuilder_pager.aws.config.shared_config import Profile
from imagebuilder_pager.cli.args import build_request, parse
from imagebuilder_pager.cli.checkpoint import Checkpoint, CheckpointState, truncate_to_checkpoint
from imagebuilder_pager.cli.client import ClientSettings, RawImageBuilder, resolve_settings
from imagebuilder_pager.cli.exit_codes import (
    CommandError,
    ConfigurationError,
    UsageError,
    describe_error,
)
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.cli.progress import Progress
from imagebuilder_pager.cli.rich_formats.console import require_rich
from imagebuilder_pager.cli.signals import SignalReceived, Signals
from imagebuilder_pager.cli.stdout import Stdout
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID, LocalServer

LIST = "list-lifecycle-execution-resources"
ID = ("--lifecycle-execution-id", "lce-12345678-1234-1234-1234-123456789012")
HEAVY = {"httpx", "pydantic", "botocore", "jmespath", "rich", "json", "logging"}

Errors = pytest.CaptureFixture[str]


def loaded_by(*arguments: str) -> tuple[int, set[str], str]:
    code = (
        "import sys\nbefore = set(sys.modules)\nfrom imagebuilder_pager.cli.main import main\n"
        f"try:\n    code = main({list(arguments)!r})\n"
        "except SystemExit as end:\n    code = end.code\n"
        "print([code or 0, sorted({m.split('.')[0] for m in set(sys.modules) - before})])"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    status, modules = ast.literal_eval(ran.stdout.splitlines()[-1])
    return status, set(modules), ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--version",), 0),
        (("--help",), 0),
        ((LIST, "--help"), 0),
        ((), 252),
        ((LIST,), 252),
        ((LIST, *ID, "--max-items", "x"), 252),
        ((LIST, *ID, "--unknown"), 252),
    ],
)
def test_what_needs_nothing_loads_nothing(arguments: tuple[str, ...], code: int) -> None:
    status, modules, _ = loaded_by(*arguments)
    assert status == code
    assert not modules & HEAVY


def test_the_check_of_what_is_loaded_can_fail() -> None:
    arguments = (LIST, *ID, "--region", "us-west-2", "--endpoint-url", "http://127.0.0.1:9")
    status, modules, output = loaded_by(*arguments)
    assert status in {253, 255}, output
    assert {"json", "logging", "pydantic"} <= modules
    assert "rich" not in modules


LISTS_ONE_PAGE = """
import os, sys
from imagebuilder_pager.cli.main import main
os.environ |= {{"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}}
code = main({arguments!r})
print([code, sorted({{module.split(".")[0] for module in sys.modules}})])
"""


@pytest.mark.parametrize("output", ["json", "jsonl", "text", "yaml-stream"])
def test_a_listing_loads_neither_httpx_nor_botocore(local_server: LocalServer, output: str) -> None:
    arguments = [LIST, "--lifecycle-execution-id", EXAMPLE_EXECUTION_ID, "--max-items", "30"]
    arguments += ["--region", "us-west-2", "--endpoint-url", local_server.url, "--output", output]
    code = LISTS_ONE_PAGE.format(arguments=arguments)
    ran = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    status, modules = ast.literal_eval(ran.stdout.splitlines()[-1])
    assert status == 0, ran.stderr
    assert {"h11", "pydantic"} <= set(modules)
    assert not {"anyio", "botocore", "httpcore", "httpx", "rich", "ssl", "urllib3"} & set(modules)


def test_garbage_is_collected_again_after_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: Errors
) -> None:
    monkeypatch.setattr(sys, "argv", ["imagebuilder-pager", LIST])
    try:
        assert main() == 252
        assert gc.isenabled()
    finally:
        gc.enable()
    assert "--lifecycle-execution-id" in capsys.readouterr().err


def target_of(*arguments: str) -> ClientSettings:
    options = parse([LIST, *ID, "--region", "us-west-2", *arguments])
    with resolve_settings(options, Profile(options.profile)) as target:
        return target


def test_whom_the_options_name(local_server: LocalServer) -> None:
    url = local_server.url
    target = target_of("--endpoint-url", url, "--cli-read-timeout", "0", "--no-verify-ssl")
    assert target.direct is not None
    assert target.arguments == {
        "region_name": "us-west-2",
        "endpoint_url": url,
        "profile_name": None,
        "verify": False,
        "connect_timeout": None,
        "read_timeout": 2_000_000,
    }


def test_what_is_not_plain_goes_by_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    assert target_of("--endpoint-url", "http://127.0.0.1:9/base").direct is None
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert target_of("--endpoint-url", "http://127.0.0.1:9").direct is None


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "https://imagebuilder.us-west-2.amazonaws.com"),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "https://imagebuilder-fips.us-west-2.amazonaws.com"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "https://imagebuilder.us-west-2.api.aws"),
        ({"AWS_ENDPOINT_URL_IMAGEBUILDER": "https://host.test/"}, "https://host.test"),
    ],
)
def test_the_connection_is_where_the_client_sends(
    environment: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "imagebuilder_pager.aws.transport.h11_transport.H11Client.preconnect", lambda *_: None
    )
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    target = target_of()
    assert target.direct is not None
    with RawImageBuilder(**target.arguments, direct=target.direct) as client:
        assert client.endpoint_url == target.direct.endpoint_url == url


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
def test_a_target_that_cannot_be(
    arguments: tuple[str, ...], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: Any) -> None:
        pytest.fail("a connection is made")

    monkeypatch.setattr(
        "imagebuilder_pager.aws.transport.h11_transport.H11Client.preconnect", connect
    )
    with pytest.raises(error):
        target_of(*arguments)


def test_both_ways_have_the_same_output(
    local_server: LocalServer, monkeypatch: pytest.MonkeyPatch, capfd: Errors
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    outputs = []
    for host in ("127.0.0.1", "LOCALHOST"):  # which is not plain
        url = local_server.url.replace("127.0.0.1", host)
        options = ["--region", "us-west-2", "--endpoint-url", url, "--max-items", "60"]
        assert main([LIST, "--lifecycle-execution-id", EXAMPLE_EXECUTION_ID, *options]) == 0
        outputs.append(capfd.readouterr().out)
    assert outputs[0] == outputs[1]
    assert outputs[0].count('"resourceId"') == 60


def test_rich_costs_httpx_nothing() -> None:
    """httpx imports rich for its own command line, but only where there is click, too."""
    assert not [name for name in requires("rich") if name.lower() == "click"]
    code = (
        "import sys\nsys.modules['click'] = None\nimport httpx\n"
        "print({'rich', 'pygments'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True)
    assert ran.stdout == b"set()\n"


def requires(name: str) -> list[str]:
    found = importlib.metadata.requires(name) or []
    return [re.split(r"[^\w-]", one)[0] for one in found if "extra ==" not in one]


def test_the_command_is_installed_under_its_name() -> None:
    (script,) = importlib.metadata.distribution("imagebuilder-pager").entry_points
    assert (script.name, script.value) == ("imagebuilder-pager", "imagebuilder_pager.cli.main:main")
    assert script.load() is main
    extras = importlib.metadata.requires("imagebuilder-pager") or []
    assert [one for one in extras if "extra == 'cli'" in one.replace('"', "'")] != []
    assert "rich" not in requires("imagebuilder-pager")


def test_the_version(capsys: Errors) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"imagebuilder-pager/{__version__} Python/3.")


def test_options_may_stand_before_the_command() -> None:
    before = parse(["--region", "r", "--output", "text", LIST, *ID, "--no-paginate"])
    after = parse([LIST, *ID, "--output", "text", "--no-paginate", "--region", "r"])
    assert vars(before) == vars(after)
    assert (after.region, after.output, after.no_paginate) == ("r", "text", True)
    assert (after.profile, after.color, after.debug) == (None, "auto", False)


@pytest.mark.parametrize("arguments", [["--region", "r", "demo"], ["--debug", "local"]])
def test_the_other_commands_stand_first(arguments: list[str], capsys: Errors) -> None:
    assert main(arguments) == 252
    assert "is to be the first argument" in capsys.readouterr().err


def test_the_local_service_is_a_command() -> None:
    status, _, output = loaded_by("local", "--help")
    assert status == 0
    assert "--resources" in output


def test_options_are_not_abbreviated() -> None:
    with pytest.raises(UsageError, match="Unknown options: --max-it, 3"):
        parse([LIST, *ID, "--max-it", "3"])


@pytest.mark.parametrize(
    ("arguments", "output", "words"),
    [
        (("--checkpoint", "f"), "json", "--checkpoint: only with --output jsonl, not with json"),
        (("--checkpoint", "f"), "table", "--checkpoint: only with --output jsonl"),
        (("--checkpoint", "f", "--starting-token", "t"), "jsonl", "together with --starting-to"),
        (("--checkpoint", "f", "--query", "a"), "jsonl", "together with --query"),
        (("--checkpoint", "f", "--no-paginate"), "jsonl", "together with --no-paginate"),
        (("--checkpoint", "f", "--max-results", "2"), "jsonl", "together with --no-paginate"),
        (("--query", "a"), "summary", "--query: not with --output summary"),
        (("--cli-input-json", "[1]"), "json", "Not a JSON object"),
        (("--cli-input-json", "[" * 10**5), "json", "Invalid JSON"),
    ],
)
def test_what_does_not_go_together(arguments: tuple[str, ...], output: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        build_request(parse([LIST, *ID, *arguments]), output)


def test_rich_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: Errors) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="imagebuilder-pager\\[cli\\]"):
        require_rich("table")
    assert main([LIST, *ID, "--output", "tree"]) == 253
    assert "pip install 'imagebuilder-pager[cli]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UsageError("a"), 252, "a"),
        (CommandError("a"), 255, "a"),
        (
            exceptions.StartingTokenError("StartingToken: x"),
            252,
            "Bad starting token: --starting-tok",
        ),
        (exceptions.InvalidRegionError("region_name: 'x'"), 252, "--region: 'x'"),
        (exceptions.InvalidRegionError("AWS_REGION: 'x'"), 253, "AWS_REGION: 'x'"),
        (exceptions.InvalidEndpointError("endpoint_url: 'x'"), 252, "--endpoint-url: 'x'"),
        (exceptions.InvalidEndpointError("AWS_ENDPOINT_URL: 'x'"), 253, "AWS_ENDPOINT_URL: 'x'"),
        (exceptions.InvalidConfigError("verify: no"), 252, "--ca-bundle: no"),
        (exceptions.InvalidConfigError("AWS_CA_BUNDLE: no"), 253, "AWS_CA_BUNDLE: no"),
        (exceptions.NoRegionError("none"), 253, "You must specify a region"),
        (
            exceptions.NoCredentialsError("no\n  - the arguments: a\n  - b"),
            253,
            "credentials:\n  - b",
        ),
        (exceptions.CredentialRetrievalError("a"), 253, "Error when retrieving credentials: a"),
        (exceptions.ProfileNotFound("a"), 253, "The config profile (mine) could not be found: a"),
        (exceptions.PaginationError("a circle"), 255, "a circle"),
        (exceptions.ResponseParserError("HTML"), 255, "HTML"),
        (
            exceptions.ReadTimeoutError("late"),
            255,
            'Read timeout on endpoint URL: "http://x/"\nlate',
        ),
        (exceptions.SSLError("bad"), 255, "SSL validation failed for http://x/\nbad"),
        (exceptions.HTTPClientError("a"), 255, "a"),
        (OSError(28, "No space"), 255, "[Errno 28] No space"),
        (KeyError(), 255, "KeyError"),
        (
            exceptions.ParamValidationError("f", ["maxResults: 0 given", "read_timeout: -1 given"]),
            252,
            "Parameter validation failed:\n--max-results: 0 given\n--cli-read-timeout: -1 given",
        ),
        (
            exceptions.ClientError(
                {
                    "Error": {"Code": "Slow", "Message": "down"},
                    "ResponseMetadata": {"RetryAttempts": 2},
                },
                "Op",
            ),
            254,
            "An error occurred (Slow) when calling the Op operation (reached max retries: 2): down",
        ),
    ],
)
def test_codes_and_words(error: Exception, code: int, words: str) -> None:
    found, text = describe_error(error, url="http://x/", profile="mine")
    assert found == code
    assert words in text


@pytest.mark.parametrize("value", ["yaml", "off"])
def test_an_output_of_the_settings_that_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: Errors, value: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_OUTPUT", value)
    assert main([LIST, *ID]) == 253
    assert f"Unknown output type: {value}, from AWS_DEFAULT_OUTPUT" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_what_is_held(number: signal.Signals) -> None:
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


def test_a_second_signal_does_not_wait() -> None:
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


def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagebuilder_pager.cli.progress._DELAY", 0.0)
    monkeypatch.setattr("imagebuilder_pager.cli.progress._INTERVAL", 0.0)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress(wanted=True) as progress:
        progress.count_page(25)
        while "25 resources, 1 page, 0 s" not in terminal.getvalue():
            pass
        progress.count_page(5)
        while "30 resources, 2 pages" not in terminal.getvalue():
            pass
    assert terminal.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(("stream", "wanted"), [(Terminal(), False), (io.StringIO(), True)])
def test_no_progress_where_nobody_looks(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, wanted: bool
) -> None:
    monkeypatch.setattr("imagebuilder_pager.cli.progress._DELAY", 0.0)
    monkeypatch.setattr(sys, "stderr", stream)
    threads = threading.active_count()
    with Progress(wanted=wanted) as progress:
        progress.count_page(25)
        assert threading.active_count() == threads
    assert stream.getvalue() == ""


LISTING = {"operation": "List", "lifecycleExecutionId": "lce-1"}


def test_a_checkpoint_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    checkpoint = Checkpoint(str(path), LISTING)
    assert checkpoint.load() is None
    for reached in (
        CheckpointState(None, False, 0),
        CheckpointState("t", False, None),
        CheckpointState(None, True, 7),
    ):
        checkpoint.save(reached)
        assert checkpoint.load() == reached
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_checkpoint_behind_a_link_stays_there(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    Checkpoint(str(tmp_path / "link"), LISTING).save(CheckpointState("t", False, None))
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "file").read_text())["token"] == "t"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"version": 2}', '{"version": 1, "listing": 3}', "\xff"]
)
def test_what_is_no_checkpoint_is_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "file"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(CommandError, match="is not a checkpoint"):
        Checkpoint(str(path), LISTING).load()
    assert path.read_text(encoding="latin-1") == content


def test_the_checkpoint_of_another_listing(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    Checkpoint(path, LISTING).save(CheckpointState(None, True, None))
    with pytest.raises(UsageError, match="another listing"):
        Checkpoint(path, {**LISTING, "lifecycleExecutionId": "lce-2"}).load()


Opened = Callable[[str, str], Stdout]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Standard output, as a file with that content, opened in that mode."""
    files = []

    def make(content: str, mode: str) -> Stdout:
        path = tmp_path / "output"
        path.write_text(content)
        files.append(path.open(mode))
        monkeypatch.setattr(sys, "stdout", files[-1])
        return Stdout()

    yield make
    monkeypatch.undo()
    for file in files:
        file.close()


@pytest.mark.parametrize("mode", ["a", "r+"])
@pytest.mark.parametrize(
    "case",
    [
        ("", 0, ""),
        ("one\n", 4, "one\n"),
        ("one\nt", 4, "one\n"),
        ("one\ntwo\n", 4, "one\n"),
        ("two\n", 0, ""),
    ],
)
def test_the_output_is_aligned(
    opened: Opened, tmp_path: Path, mode: str, case: tuple[str, int, str]
) -> None:
    content, size, after = case
    output = opened(content, mode)
    truncate_to_checkpoint(output, CheckpointState("t", False, size))
    output.write("new\n")
    assert (tmp_path / "output").read_text() == after + "new\n"
    assert output.tell() == len(after) + 4


def test_an_output_of_no_known_size_is_left_alone(opened: Opened, tmp_path: Path) -> None:
    truncate_to_checkpoint(opened("one\ntwo\n", "a"), CheckpointState("t", False, None))
    assert (tmp_path / "output").read_text() == "one\ntwo\n"


@pytest.mark.parametrize(
    ("content", "size", "words"),
    [
        ("", 4, "the output has 0 bytes, and had 4"),
        ("one\ntwo\nthree", 4, "something else has been written"),
        ("other file\n", 4, "something else has been written"),
    ],
)
def test_another_output_is_not_touched(
    opened: Opened, tmp_path: Path, content: str, size: int, words: str
) -> None:
    output = opened(content, "a")
    with pytest.raises(UsageError, match=words):
        truncate_to_checkpoint(output, CheckpointState("t", False, size))
    assert (tmp_path / "output").read_text() == content


def test_a_finished_listing_cuts_nothing_off(opened: Opened, tmp_path: Path) -> None:
    truncate_to_checkpoint(opened("one\nof others\n", "a"), CheckpointState(None, True, 4))
    assert (tmp_path / "output").read_text() == "one\nof others\n"


def test_a_write_in_parts(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = opened("", "a")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    output.write("é, and more\n")
    assert (tmp_path / "output").read_text() == "é, and more\n"


def test_standard_output_is_closed(monkeypatch: pytest.MonkeyPatch, capsys: Errors) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main([LIST, *ID, "--region", "us-west-2"]) == 255
    assert "standard output is closed" in capsys.readouterr().err
