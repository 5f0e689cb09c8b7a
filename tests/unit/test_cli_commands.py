"""The commands: options, values, help, outputs and errors, completion, and the connection."""

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager import __version__, exceptions
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from imagebuilder_pager._aws.transport.types import Origin, Timeouts
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager._rows import Operation, title_of
from imagebuilder_pager.cli.args import parse
from imagebuilder_pager.cli.connection import open_client
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.cli.options import COMMANDS
from imagebuilder_pager.cli.request import build_request
from imagebuilder_pager.local import LocalServer
from tests.fakes.command_line import (
    EXAMPLE_ID,
    LIST,
    local_environment,
    page_server,
    required_options,
    run_command,
)
from tests.fakes.operation_services import REQUIRED, OperationService

Captured = pytest.CaptureFixture[str]
EXAMPLE = f"{LIST} {' '.join(EXAMPLE_ID)}"
IGNORED = "--no-cli-pager --v2-debug --cli-binary-format raw-in-base64-out"
POLICY = f"--lifecycle-policy-arn {REQUIRED['lifecyclePolicyArn']}"


def set_environment(monkeypatch: pytest.MonkeyPatch, server: LocalServer) -> None:
    for name, value in local_environment(server.url).items():
        monkeypatch.setenv(name, value)


def test_every_operation_is_a_command() -> None:
    assert {command.method_name for command in COMMANDS.values()} == OPERATIONS.keys()


def printed_by(arguments: list[str], capsys: Captured) -> str:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert not end.value.code
    return capsys.readouterr().out


def test_the_help_lists_the_commands_by_family(capsys: Captured) -> None:
    lines = printed_by(["--help"], capsys).splitlines()
    families: dict[str, list[str]] = {"On this machine": ["local", "demo"]}
    for command, operation in COMMANDS.items():
        families.setdefault(title_of(operation.family), []).append(command)
    for title, names in families.items():
        start = lines.index(f"{title}:")
        block = lines[start + 1 : lines.index("", start)]
        found = [line.split()[0] for line in block if not line.startswith("   ")]
        assert found == names


@pytest.mark.parametrize("width", ["40", "80", "200"])
def test_the_help_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    lines = printed_by(["--help"], capsys).splitlines()
    start, end = lines.index("Lifecycle:"), lines.index("options:")
    assert max(map(len, lines[start:end])) <= max(int(width), 60)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("help", "usage: imagebuilder-pager COMMAND [options]"),
        ("--region r help", "usage: imagebuilder-pager COMMAND [options]"),
        ("list-images help", "usage: imagebuilder-pager list-images [options]"),
        ("list-image-packages --output text help", "--image-build-version-arn ARN"),
        ("help list-images", "usage: imagebuilder-pager list-images [options]"),
        ("lifecycle-report help", "--since"),
        ("help lifecycle-report", "--since"),
        ("demo help", " demo [-h]"),
        ("local help", "--resources"),
        ("local --help", "--resources"),
        ("--version", f"imagebuilder-pager/{__version__} Python/3."),
    ],
)
def test_help_and_the_version_are_printed_as_by_the_aws_cli(
    arguments: str, shown: str, capsys: Captured
) -> None:
    assert shown in printed_by(arguments.split(), capsys)


def test_the_help_has_groups_of_options_and_says_which_have_no_effect(capsys: Captured) -> None:
    text = printed_by([LIST, "--help"], capsys)
    titles = re.findall(r"^(\w+):$", text, re.MULTILINE)
    assert titles == ["options", "Request", "Pagination", "Output", "Connection"]
    ignored = text.partition("Without effect, for command lines of the AWS CLI:")[2]
    options = ["--no-cli-pager", "--v2-debug", "--cli-binary-format"]
    assert re.findall(r"^  (--[\w-]+)", ignored, re.MULTILINE) == options


def test_no_parameter_has_the_name_of_a_common_option() -> None:
    options = vars(parse([LIST, *required_options(LIST)]))
    shared = set(options) - set(COMMANDS[LIST].params)
    for command in COMMANDS.values():
        assert not shared & command.params.keys()


JSONL = f"{EXAMPLE} --output jsonl --checkpoint f"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        # Commands and options.
        ("list-image", "argument COMMAND: 'list-image' given; allowed: "),
        (
            "list-imags --owner local",
            "list-workflows, lifecycle-report, local, demo, help; did you mean list-images?\n",
        ),
        ("lifecycle-reprot --since 30d", "help; did you mean lifecycle-report?\n"),
        (f"{EXAMPLE} --max-it 3", "Unknown options: --max-it, 3; did you mean --max-items?\n"),
        ("list-images --max-it=3", "Unknown options: --max-it=3; did you mean --max-items?\n"),
        ("list-images --no-bynam", "Unknown options: --no-bynam; did you mean --no-by-name?\n"),
        ("--regoin r list-images", "Unknown options: --regoin; did you mean --region?\n"),
        ("list-images --qqqq x", "Unknown options: --qqqq, x\n"),
        ("lifecycle-report --polcy x", "Unknown options: --polcy, x; did you mean --policy?\n"),
        ("demo --debug", "imagebuilder-pager demo: error: unrecognized arguments: --debug\n"),
        (f"get-lifecycle-policy {POLICY} --max-items 3", "Unknown options: --max-items, 3"),
        (f"get-lifecycle-policy {POLICY} --checkpoint f", "Unknown options: --checkpoint, f"),
        ("list-image-scan-finding-aggregations --page-size 3", "Unknown options: --page-size, 3"),
        (
            "list-image-packages --page-size 3",
            "the following arguments are required: --image-build-version-arn",
        ),
        # An option before a command that is not of the service.
        (
            "--region r demo",
            "imagebuilder-pager: error: demo must be the first argument; its own options follow it",
        ),
        ("--debug local --port 1", "error: local must be the first argument; "),
        ("--region=r lifecycle-report --since 30d", "error: lifecycle-report must be the first "),
        ("--since 30d lifecycle-report", "error: lifecycle-report must be the first "),
        ("--debug local list-images", "error: argument COMMAND: 'local' given; allowed: list-im"),
        # Outputs.
        (
            "list-images --output jsno",
            "argument --output: 'jsno' given; allowed: json, text, table, yaml-stream, jsonl; did "
            "you mean json?\n",
        ),
        (
            "list-images --output summary",
            "'summary' given; allowed: json, text, table, yaml-stream, jsonl\n",
        ),
        (
            "--output summary list-images",
            "--output summary: not an output of list-images; allowed: json, text, table, ",
        ),
        ("lifecycle-report --output htlm", "summary, table, tree; did you mean html?\n"),
        # Options that exclude each other.
        (f"{EXAMPLE} --checkpoint f", "--checkpoint: only with --output jsonl, not with json"),
        (f"{EXAMPLE} --output table --checkpoint f", "--checkpoint: only with --output jsonl"),
        (f"{JSONL} --starting-token t", "together with --starting-to"),
        (f"{JSONL} --no-paginate", "together with --no-paginate"),
        (f"{JSONL} --max-results 2", "together with --no-paginate"),
        (f"{EXAMPLE} --output summary --query a", "--query: not with --output summary"),
        # Values.
        ("list-images --cli-input-json [1]", "Not a JSON object"),
        pytest.param(f"list-images --cli-input-json {'[' * 10**5}", "Invalid JSON", id="deep"),
        (
            "list-image-scan-finding-aggregations --filter nam=a,values=b",
            "--filter.nam: unknown parameter; allowed: name, values",
        ),
        ("list-images --filters name=a,b,values=c", "--filters[0].name: a list given; allowed: "),
        (
            """list-images --filters '[{"name": "a", "values": "b"}]'""",
            "--filters[0].values: 'b' given; allowed: a list, 1 item or more",
        ),
        ("list-images --filters", "--filters: a list of 0 items given"),
        ("list-images --filters platform", "Expected a name with = at the mark:\nplatform\n^"),
        (
            "list-images --filters values=a,values=b",
            "Expected values once; its values are separated by commas at the mark:",
        ),
        (
            """list-images --filters "name='a" """,
            "Expected a closing quote at the mark:\nname='a\n     ^",
        ),
        (
            """list-images --filters '[{"name": }]'""",
            "Error parsing parameter '--filters': Invalid JSON: ",
        ),
        (
            "list-images --filters file:///nowhere/filters",
            "Error parsing parameter '--filters': Unable to load paramfile "
            "file:///nowhere/filters: ",
        ),
        (
            "list-images --cli-input-json file:///dev/zero",
            "Error parsing parameter '--cli-input-json': Unable to load paramfile file:///dev/zero",
        ),
        ("list-images --page-size 0", "--page-size: 0 (int) given"),
        (
            "list-images --max-results file:///dev/null",
            "--max-results: '' given; allowed: a whole number",
        ),
    ],
)
def test_a_mistake_is_named_with_its_option_and_nothing_is_sent(
    line: str, message: str, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    requests: list[Any] = []
    with page_server(requests.append) as server:
        set_environment(monkeypatch, server)
        assert main(shlex.split(line)) == 252
    written = capfd.readouterr()
    assert written.out == ""
    assert message in written.err
    assert requests == []


def test_a_checkpoint_finishes_a_listing_of_any_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [{"name": f"image-{number}"} if number else None for number in range(5)]
    service = OperationService(OPERATIONS["list_images"], {}, items, page_size=2)
    checkpoint, output = tmp_path / "checkpoint", tmp_path / "output"
    command = ("list-images", "--output", "jsonl", "--checkpoint", str(checkpoint))
    filters = ("--filters", "name=platform,values=Linux")

    def run(*options: str) -> int:
        with output.open("a") as file, contextlib.redirect_stdout(file):
            return main([*command, *options])

    with page_server(service.respond) as server:
        set_environment(monkeypatch, server)
        assert [run(*filters, "--max-items", "3") for _ in range(3)] == [0, 0, 0]
        assert run() == 252  # it is another listing
    assert [json.loads(line) for line in output.read_text().splitlines()] == items
    saved = json.loads(checkpoint.read_text())
    assert saved["finished"] is True
    assert saved["listing"] == {
        "operation": "ListImages",
        "filters": [{"name": "platform", "values": ["Linux"]}],
    }


def test_one_response_is_one_item(capfd: Captured) -> None:
    page = {"lifecyclePolicy": {"name": "web", "dateCreated": 1.5}}
    options = (*POLICY.split(), "--output", "jsonl")
    with page_server(lambda _: page) as server:
        ran = run_command(server.url, capfd, *options, command="get-lifecycle-policy")
    assert json.loads(ran.out) == page
    assert ran.out.count("\n") == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            f"--region r --output text {EXAMPLE} --no-paginate",
            f"{EXAMPLE} --output text --no-paginate --region r",
        ),
        (f"{IGNORED} {EXAMPLE}", f"{EXAMPLE} {IGNORED}"),
        ("list-images --no-by-name --by-name", "list-images --by-name"),
        ("list-images --by-name --no-by-name", "list-images --no-by-name"),
        (f"{EXAMPLE} --", EXAMPLE),
    ],
)
def test_two_lines_have_the_same_options(one: str, other: str) -> None:
    assert vars(parse(one.split())) == vars(parse(other.split()))


def test_an_empty_argument_and_an_ignored_option_mean_nothing() -> None:
    expected = build_request(parse(EXAMPLE.split()), "json")
    assert build_request(parse([*EXAMPLE.split(), *IGNORED.split(), ""]), "json") == expected


def test_a_value_may_be_the_name_of_another_command() -> None:
    assert parse(["--profile", "local", LIST, *EXAMPLE_ID]).profile == "local"


def test_only_the_parser_of_the_command_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def count(_: Any, operation: Operation) -> None:
        made.append(operation.method_name)

    monkeypatch.setattr("imagebuilder_pager.cli.args.add_request_options", count)
    parse(["list-images"])
    assert made == ["list_images"]


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("list-lifecycle-p", {"list-lifecycle-policies"}),
        ("list-images --owner ", {"Self", "Shared", "Amazon", "ThirdParty", "AWSMarketplace"}),
        ("lifecycle-report --st", {"--status", "--stale-after"}),
        ("lifecycle-report --output h", {"html"}),
    ],
)
def test_argcomplete_has_the_commands_their_options_and_their_values(
    line: str, completions: set[str], tmp_path: Path
) -> None:
    pytest.importorskip("argcomplete", reason="argcomplete, of the extra dev, is not installed")
    line = f"imagebuilder-pager {line}"
    found = tmp_path / "completions"
    environment = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(found),
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    code = "from imagebuilder_pager.cli.main import main; main()"
    subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, timeout=60, check=True
    )
    assert set(found.read_text().split("\v")) == completions


def test_completion_without_argcomplete_reports_a_missing_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    assert main([]) == 252


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
