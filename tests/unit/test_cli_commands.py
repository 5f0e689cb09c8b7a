"""A command for each operation: what it loads, its help, its outputs, and its errors."""

import argparse
import ast
import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager._rows import title_of
from imagebuilder_pager.cli.args import OUTPUTS, make_parser, outputs_of, parse
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.cli.options import COMMANDS, option_name
from tests.fakes.command_line import LIST, local_environment, page_server, run_command
from tests.fakes.operation_services import REQUIRED, OperationService, required_params

Captured = pytest.CaptureFixture[str]
POLICY = ("--lifecycle-policy-arn", REQUIRED["lifecyclePolicyArn"])


def command_of(method_name: str) -> str:
    return method_name.replace("_", "-")


def required_options(command: str) -> list[str]:
    params = required_params(OPERATIONS[COMMANDS[command].method_name])
    return [argument for name in params for argument in (option_name(name), params[name])]


def test_every_operation_is_a_command() -> None:
    assert {command.method_name for command in COMMANDS.values()} == OPERATIONS.keys()


def test_the_help_lists_the_commands_by_family(capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
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
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    start, end = lines.index("Lifecycle:"), lines.index("options:")
    assert max(map(len, lines[start:end])) <= max(int(width), 60)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("help",), "usage: imagebuilder-pager COMMAND [options]"),
        (("--region", "r", "help"), "usage: imagebuilder-pager COMMAND [options]"),
        (("list-images", "help"), "usage: imagebuilder-pager list-images [options]"),
        (("list-image-packages", "--output", "text", "help"), "--image-build-version-arn ARN"),
        (("lifecycle-report", "help"), "--since"),
        (("demo", "help"), " demo [-h]"),
    ],
)
def test_help_is_a_word_as_in_the_aws_cli(
    arguments: tuple[str, ...], shown: str, capsys: Captured
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert not end.value.code
    assert shown in capsys.readouterr().out


def test_the_help_says_which_options_have_no_effect(capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        main(["list-images", "help"])
    title = "Without effect, for command lines of the AWS CLI:"
    ignored = capsys.readouterr().out.partition(title)[2]
    assert re.findall(r"^  (--[\w-]+)", ignored, re.MULTILINE) == [
        *("--no-cli-pager", "--v2-debug", "--cli-binary-format"),
    ]


def test_every_command_has_a_help_that_argparse_can_format() -> None:
    for name, command in COMMANDS.items():
        with pytest.raises(SystemExit), contextlib.redirect_stdout(io.StringIO()) as written:
            parse([name, "--help"])
        assert all(option_name(member) in written.getvalue() for member in command.params)


def test_the_members_of_requests_hide_no_option() -> None:
    options = vars(parse([LIST, *required_options(LIST)]))
    shared = set(options) - set(COMMANDS[LIST].params)
    for command in COMMANDS.values():
        assert not shared & command.params.keys()


def test_only_the_parser_of_the_command_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0
    make = argparse.ArgumentParser.__init__

    def count(self: argparse.ArgumentParser, *args: Any, **details: Any) -> None:
        nonlocal made
        made += 1
        make(self, *args, **details)

    monkeypatch.setattr(argparse.ArgumentParser, "__init__", count)
    parse(["list-images", "--owner", "Self"])
    # Beside it, the main one, and that of help.
    assert made == 3
    make_parser()
    assert made == 3 + 5 + len(COMMANDS)


RUN_AND_PRINT_MODELS = """
import os, sys
from imagebuilder_pager.cli.main import main
os.environ |= {environment!r}
code = main({arguments!r})
models = [name for name in sys.modules if name.startswith("imagebuilder_pager.models.")]
print([code, sorted(name.rpartition(".")[2] for name in models)])
"""
SHARED = {"exceptions", "fields", "params", "request", "scalars", "shapes", "common"}
ONE_OF_EACH_FAMILY = {operation.family: name for name, operation in OPERATIONS.items()}


@pytest.mark.parametrize("output", ["jsonl", "table"])
@pytest.mark.parametrize("method_name", ONE_OF_EACH_FAMILY.values(), ids=ONE_OF_EACH_FAMILY)
def test_a_command_loads_the_models_of_no_other_family(method_name: str, output: str) -> None:
    operation = OPERATIONS[method_name]
    service = OperationService(operation, {}, [{}], 5)
    arguments = [command_of(method_name), "--output", output]
    with page_server(service.respond) as server:
        code = RUN_AND_PRINT_MODELS.format(
            environment=local_environment(server.url),
            arguments=[*arguments, *required_options(arguments[0])],
        )
        ran = subprocess.run(
            [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
        )
    status, models = ast.literal_eval(ran.stdout.splitlines()[-1])
    assert status == 0, ran.stderr
    # An execution has the state that its resources have.
    shared = SHARED | ({"lifecycle"} if operation.family == "lifecycle_executions" else set())
    assert operation.family in models
    assert set(models) - shared == {operation.family} - shared


# The arguments, the exit code, and what the error says.
ERRORS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "a bad name in a structure": (
        ("list-image-scan-finding-aggregations", "--filter", "nam=a,values=b"),
        252,
        "--filter.nam: unknown parameter; allowed: name, values",
    ),
    "two values of a name": (
        ("list-images", "--filters", "name=a,b,values=c"),
        252,
        "--filters[0].name: a list given; allowed: ",
    ),
    "JSON of another type": (
        ("list-images", "--filters", '[{"name": "a", "values": "b"}]'),
        252,
        "--filters[0].values: 'b' given; allowed: a list, 1 item or more",
    ),
    "no filter": (("list-images", "--filters"), 252, "--filters: a list of 0 items given"),
    "shorthand without a name": (
        ("list-images", "--filters", "platform"),
        252,
        "Expected a name with = at the mark:\nplatform\n^",
    ),
    "shorthand with a name twice": (
        ("list-images", "--filters", "values=a,values=b"),
        252,
        "Expected values once; its values are separated by commas at the mark:",
    ),
    "an open quote": (
        ("list-images", "--filters", "name='a"),
        252,
        "Expected a closing quote at the mark:\nname='a\n     ^",
    ),
    "JSON": (
        ("list-images", "--filters", '[{"name": }]'),
        252,
        "Error parsing parameter '--filters': Invalid JSON: ",
    ),
    "no such file": (
        ("list-images", "--filters", "file:///nowhere/filters"),
        252,
        "Error parsing parameter '--filters': Unable to load paramfile file:///nowhere/filters: ",
    ),
    "a file without an end": (
        ("list-images", "--cli-input-json", "file:///dev/zero"),
        252,
        "Error parsing parameter '--cli-input-json': Unable to load paramfile file:///dev/zero",
    ),
    "a page size": (("list-images", "--page-size", "0"), 252, "--page-size: 0 (int) given"),
    "no number in a file": (
        ("list-images", "--max-results", "file:///dev/null"),
        252,
        "--max-results: '' given; allowed: a whole number",
    ),
    "no required option": (
        ("list-image-packages", "--page-size", "3"),
        252,
        "the following arguments are required: --image-build-version-arn",
    ),
    "pagination of one response": (
        ("get-lifecycle-policy", *POLICY, "--max-items", "3"),
        252,
        "Unknown options: --max-items, 3",
    ),
    "a checkpoint of one response": (
        ("get-lifecycle-policy", *POLICY, "--checkpoint", "file"),
        252,
        "Unknown options: --checkpoint, file",
    ),
    "no page size": (
        ("list-image-scan-finding-aggregations", "--page-size", "3"),
        252,
        "Unknown options: --page-size, 3",
    ),
    "an output of another command": (
        ("list-images", "--output", "tree"),
        252,
        "argument --output: invalid choice: 'tree' (choose from ",
    ),
    "an output of another command, before": (
        ("--output", "summary", "list-images"),
        252,
        "--output summary: not an output of list-images; allowed: json, text, table, ",
    ),
    "no such command": (("list-image",), 252, "invalid choice: 'list-image' (choose from "),
}


@pytest.mark.parametrize(("arguments", "code", "message"), ERRORS.values(), ids=ERRORS)
def test_what_is_wrong_is_named_with_its_option_and_nothing_is_sent(
    arguments: tuple[str, ...], code: int, message: str, capfd: Captured
) -> None:
    requests: list[Any] = []
    with page_server(requests.append) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in local_environment(server.url).items():
            patch.setenv(name, value)
        assert main(arguments) == code
    written = capfd.readouterr()
    assert written.out == ""
    assert message in written.err
    assert requests == []


def test_an_output_of_another_command_in_the_environment_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_OUTPUT", "tree")
    assert main(["list-images"]) == 253
    assert "tree, from AWS_DEFAULT_OUTPUT: not an output of list-images" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_each_output_shows_what_the_service_has_or_is_not_one_of_the_command(
    command: str, output: str, capfd: Captured
) -> None:
    operation = OPERATIONS[COMMANDS[command].method_name]
    service = OperationService(operation, *some_response(command), page_size=2)
    arguments = [*required_options(command), "--output", output]
    with page_server(service.respond) as server:
        ran = run_command(server.url, capfd, *arguments, command=command)
    if output not in outputs_of(command):
        assert ran.code == 252
        return
    assert (ran.code, ran.err) == (0, "")
    if output not in {"summary", "tree"}:
        assert "web-base" in ran.out


def some_response(command: str) -> tuple[dict[str, Any], list[Any]]:
    """Return a template of a response and its items, with web-base somewhere in it."""
    if command == "get-lifecycle-policy":
        return {"lifecyclePolicy": {"name": "web-base"}}, []
    if command == "get-lifecycle-execution":
        return {"lifecycleExecution": {"state": {"reason": "web-base"}}}, []
    return {}, [NAMED.get(command, {"name": "web-base"})] * 3


NAMED: dict[str, Any] = {
    "list-lifecycle-executions": {"state": {"reason": "web-base"}},
    "list-lifecycle-execution-resources": {"resourceId": "web-base"},
    "list-image-build-versions": {"arn": "web-base"},
    "list-image-pipeline-images": {"arn": "web-base"},
    "list-image-packages": {"packageName": "web-base"},
    "list-image-scan-findings": {"description": "web-base"},
    "list-image-scan-finding-aggregations": {"accountAggregation": {"accountId": "web-base"}},
    "list-workflow-executions": {"message": "web-base"},
}


def test_a_checkpoint_finishes_a_listing_of_any_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [{"name": f"image-{number}"} for number in range(5)]
    service = OperationService(OPERATIONS["list_images"], {}, items, page_size=2)
    checkpoint, output = tmp_path / "checkpoint", tmp_path / "output"
    command = ("list-images", "--output", "jsonl", "--checkpoint", str(checkpoint))
    filters = ("--filters", "name=platform,values=Linux")

    def run(*options: str) -> int:
        with output.open("a") as file, contextlib.redirect_stdout(file):
            return main([*command, *options])

    with page_server(service.respond) as server:
        for name, value in local_environment(server.url).items():
            monkeypatch.setenv(name, value)
        assert [run(*filters, "--max-items", "3") for _ in range(3)] == [0, 0, 0]
        assert run() == 252  # it is another listing
    assert [json.loads(line) for line in output.read_text().splitlines()] == items
    assert json.loads(checkpoint.read_text())["listing"] == {
        "operation": "ListImages",
        "filters": [{"name": "platform", "values": ["Linux"]}],
    }


def test_one_response_is_one_item(capfd: Captured) -> None:
    page = {"lifecyclePolicy": {"name": "web", "dateCreated": 1.5}}
    with page_server(lambda _: page) as server:
        ran = run_command(
            server.url, capfd, *POLICY, "--output", "jsonl", command="get-lifecycle-policy"
        )
    assert json.loads(ran.out) == page
    assert ran.out.count("\n") == 1
