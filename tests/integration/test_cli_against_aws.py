"""Every command and the AWS CLI: the same options, requests, outputs and errors."""

import contextlib
import functools
import io
import json
import os
import random
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.model
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager._rows import Operation
from imagebuilder_pager.cli.args import parse
from imagebuilder_pager.cli.exit_codes import UsageError
from imagebuilder_pager.cli.options import COMMANDS, option_name
from imagebuilder_pager.cli.shorthand import parse_shorthand
from imagebuilder_pager.local import LocalImageBuilder, generate_account
from tests.fakes.command_line import EXAMPLE_ID as ID
from tests.fakes.command_line import (
    AwsCli,
    CommandResult,
    OperationServer,
    local_environment,
    required_options,
    run_command,
)
from tests.fakes.operation_services import OperationService
from tests.fakes.shapes import aws_cli_model, values_of

PROFILE = settings(
    deadline=None,
    derandomize=True,
    max_examples=10,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
        HealthCheck.function_scoped_fixture,
    ],
)


@pytest.fixture(scope="module")
def server() -> Iterator[OperationServer]:
    with OperationServer() as server:
        yield server


@pytest.fixture(scope="module")
def aws(server: OperationServer) -> Iterator[AwsCli]:
    with AwsCli(server.url) as aws:
        yield aws


def draw_service(
    data: st.DataObject, operation: Operation, model: botocore.model.ServiceModel, output: str
) -> OperationService:
    """Draw a listing of up to 7 items, in pages of up to 4."""
    shape: Any = model.operation_model(operation.name).output_shape
    # The AWS CLI's text fails on a null among structures.
    cleaned = without_nulls_in_lists if output == "text" else lambda value: value
    template = cleaned(data.draw(values_of(shape)))
    if operation.result_key is None:
        # Without a single member, it would be an error here.
        assume(any(value is not None for value in template.values()))
        return OperationService(operation, template, [], 1)
    item = values_of(shape.members[operation.result_key].member)
    items = cleaned(data.draw(st.lists(item, max_size=7)))
    return OperationService(operation, template, items, data.draw(st.integers(1, 4)))


def without_nulls_in_lists(value: Any) -> Any:
    """Return the value without the nulls in its lists."""
    if isinstance(value, dict):
        return {name: without_nulls_in_lists(member) for name, member in value.items()}
    if isinstance(value, list):
        return [without_nulls_in_lists(item) for item in value if item is not None]
    return value


def draw_options(data: st.DataObject, operation: Operation) -> list[str]:
    if operation.result_key is None:
        return []
    if data.draw(st.integers(0, 4)) == 0:
        return ["--no-paginate"]
    options = []
    if data.draw(st.booleans()):
        options += ["--max-items", str(data.draw(st.integers(1, 8)))]
    if operation.limit_key and data.draw(st.booleans()):
        options += ["--page-size", str(data.draw(st.integers(1, 5)))]
    return options


@pytest.mark.parametrize("command", COMMANDS)
def test_json_and_text_are_those_of_the_aws_cli_to_the_byte(
    command: str, server: OperationServer, aws: AwsCli, capfd: pytest.CaptureFixture[str]
) -> None:
    model = aws_cli_model()
    operation = OPERATIONS[COMMANDS[command].method_name]
    required = required_options(command)

    @PROFILE
    @given(st.data())
    def check(data: st.DataObject) -> None:
        for output in ("json", "text"):
            server.service = draw_service(data, operation, model, output)
            options = [*required, *draw_options(data, operation), "--output", output]
            expected = aws(*options, command=command)
            assert expected.code == 0, expected.err
            assert run_command(server.url, capfd, *options, command=command) == expected

    check()


_OPTIONS_OF_THE_AWS_CLI = """
import json
from awscli.clidriver import create_clidriver

commands = create_clidriver()._get_command_table()["imagebuilder"]._get_command_table()
print(json.dumps({name: {
    option: argument.required for option, argument in command.arg_table.items()
} for name, command in commands.items() if name.startswith(("list", "get"))}))
"""


def test_each_command_has_the_options_of_the_aws_cli() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _OPTIONS_OF_THE_AWS_CLI],
        capture_output=True,
        check=True,
        env={**os.environ, **local_environment("http://127.0.0.1:9")},
    )
    found = json.loads(ran.stdout)
    for name, command in COMMANDS.items():
        options = {option for option in found[name] if option != "generate-cli-skeleton"}
        text = help_of(name)
        ours = set(re.findall(r"^  --([\w-]+)", text, re.MULTILINE)) - GLOBAL_OPTIONS
        assert ours - {"checkpoint"} == options
        assert ("checkpoint" in ours) == command.is_paginated
        required = {option for option, is_required in found[name].items() if is_required}
        ours_required = {name for name, param in command.params.items() if param.required}
        assert {option_name(name)[2:] for name in ours_required} == required


GLOBAL_OPTIONS = {
    *("debug", "version", "output", "query", "cli-timestamp-format", "color", "region", "profile"),
    *("endpoint-url", "no-verify-ssl", "ca-bundle", "cli-connect-timeout", "cli-read-timeout"),
    *("on-invalid-response", "no-paginate", "no-cli-pager", "v2-debug", "cli-binary-format"),
}


def help_of(command: str) -> str:
    with pytest.raises(SystemExit), contextlib.redirect_stdout(io.StringIO()) as written:
        parse([command, "--help"])
    return written.getvalue()


_PARSE_SHORTHAND = """
import json, sys
from awscli.shorthand import ShorthandParseError, ShorthandParser

for line in sys.stdin:
    try:
        print(json.dumps(ShorthandParser().parse(json.loads(line))))
    except ShorthandParseError:
        print("null")
"""
PIECES = (
    *("name=", "values=", "a", "b c", ",", ",", ", ", "=", "[", "]", "}", "'", '"', " ", "é", "\n"),
    *("\\,", "\\", "'a, b'", '"x=y"', '\\"', "1.0/2", "/._:-#"),
)


def test_shorthand_is_read_as_the_aws_cli_reads_it() -> None:
    """But for empty names, spaces at an end, and structures in braces."""
    rng = random.Random(5)
    texts = [
        f"{rng.choice(('name=', 'values='))}{''.join(rng.choices(PIECES, k=rng.randint(0, 7)))}"
        for _ in range(5000)
    ]
    # The AWS CLI forgets text between two commas, or escaped before a name.
    forgotten = re.compile(r",\s*,|\\,[^,]*=|^\s|\s$")
    texts = [text for text in texts if not forgotten.search(text)]
    ran = subprocess.run(
        [sys.executable, "-c", _PARSE_SHORTHAND],
        input="\n".join(map(json.dumps, texts)),
        capture_output=True,
        check=True,
        text=True,
    )
    read = 0
    for text, line in zip(texts, ran.stdout.splitlines(), strict=True):
        expected = json.loads(line)
        if expected is None or "" in expected:
            with pytest.raises(UsageError, match="Error parsing parameter '--filters': Expected"):
                parse_shorthand("--filters", {}, text)
        else:
            assert parse_shorthand("--filters", {}, text) == expected, text
            read += 1
    assert read > 1000


UNKNOWN_ID = "lce-00000000-0000-0000-0000-000000000000"

EXAMPLE_SERVICE = LocalImageBuilder(generate_account(resources=53))
Run = Callable[..., CommandResult]


@pytest.fixture
def ours(server: OperationServer, capfd: pytest.CaptureFixture[str]) -> Run:
    """Return the function that runs our command line, with the example service for both."""
    server.service = EXAMPLE_SERVICE
    return functools.partial(run_command, server.url, capfd)


def test_each_resumes_from_the_token_of_the_other(aws: Run, ours: Run) -> None:
    first = json.loads(aws(*ID, "--max-items", "20").out)
    second = json.loads(ours(*ID, "--max-items", "20", "--starting-token", first["NextToken"]).out)
    third = json.loads(aws(*ID, "--starting-token", second["NextToken"]).out)
    found = [one for part in (first, second, third) for one in part["resources"]]
    assert found == json.loads(aws(*ID).out)["resources"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns"])
@pytest.mark.parametrize("output", ["json", "text"])
def test_timestamps_in_iso_8601_are_the_same_in_each_time_zone(
    aws: Run, ours: Run, tmp_path: Path, zone: str, output: str
) -> None:
    """The AWS CLI has the setting alone; here it is an option, too."""
    config = tmp_path / "config"
    config.write_text("[default]\ncli_timestamp_format = iso8601\n")
    arguments = (*ID, "--output", output)
    setting = {"AWS_CONFIG_FILE": str(config), "TZ": zone}
    expected = aws(*arguments, environment=setting)
    assert "2025-03-0" in expected.out
    assert ours(*arguments, environment=setting) == expected
    option = ("--cli-timestamp-format", "iso8601")
    assert ours(*arguments, *option, environment={"TZ": zone}) == expected
    wire = ours(*arguments, "--cli-timestamp-format", "wire", environment=setting)
    assert wire == aws(*arguments)


def test_the_output_format_comes_from_the_environment_or_the_profile(
    aws: Run, ours: Run, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = us-west-2\n[profile plain]\noutput = text\n")
    expected = aws(*ID, "--output", "text")
    for environment in (
        {"AWS_DEFAULT_OUTPUT": "text"},
        {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "plain"},
    ):
        assert aws(*ID, environment=environment) == expected
        assert ours(*ID, environment=environment) == expected


EXAMPLE = " ".join(ID)
NO_PAGINATION = (
    "Error during pagination: Cannot specify --no-paginate along with pagination arguments: "
)


@pytest.mark.parametrize(
    ("arguments", "codes", "message"),
    [
        # The codes are that of the AWS CLI, version 1, and ours, which is the documented one.
        (
            f"{EXAMPLE} --starting-token made-up",
            (255, 254),
            "An error occurred (InvalidPaginationTokenException) when calling the "
            "ListLifecycleExecutionResources operation: You have provided an invalid pagination "
            "token in your request.",
        ),
        (
            f"{EXAMPLE} --no-paginate --max-items 3 --page-size 2",
            (255, 252),
            f"{NO_PAGINATION}--page-size, --max-items",
        ),
        (f"{EXAMPLE} --max-results 3 --max-items 3", (255, 252), f"{NO_PAGINATION}--max-items"),
        (f"{EXAMPLE} --query [", (255, 252), "Bad value for --query [: "),
        (
            "--cli-input-json {",
            (255, 252),
            "Error parsing parameter 'cli-input-json': Invalid JSON: ",
        ),
        (
            "--cli-input-json file:///nowhere/input",
            (255, 252),
            "Unable to load paramfile file:///nowhere/input: [Errno 2] No such file or directory: "
            "'/nowhere/input'",
        ),
        (f"{EXAMPLE} --parent-resource-id ''", (255, 252), "Parameter validation failed:"),
        (f"{EXAMPLE} --page-size x", (2, 252), "argument --page-size: invalid int value: 'x'"),
        (f"{EXAMPLE} --unknown", (255, 252), "Unknown options: --unknown"),
        (f"{EXAMPLE} --output x", (2, 252), "error: argument --output: "),
        ("", (2, 252), "the following arguments are required: --lifecycle-execution-id"),
        (
            f"{EXAMPLE} --profile nobody",
            (255, 253),
            "The config profile (nobody) could not be found",
        ),
        (
            f"{EXAMPLE} --endpoint-url http://127.0.0.1:9",
            (255, 255),
            "Could not connect to the endpoint URL: "
            '"http://127.0.0.1:9/ListLifecycleExecutionResource',
        ),
    ],
)
def test_both_fail_with_the_same_words(
    aws: Run, ours: Run, arguments: str, codes: tuple[int, int], message: str
) -> None:
    for run, code in zip((aws, ours), codes, strict=True):
        failed = run(*shlex.split(arguments))
        assert (failed.code, failed.out) == (code, "")
        assert message in failed.err


def test_an_error_of_the_service_is_printed_the_same_to_the_byte(aws: Run, ours: Run) -> None:
    theirs, mine = (run("--lifecycle-execution-id", UNKNOWN_ID) for run in (aws, ours))
    assert mine == (254, "", theirs.err)
    assert f"The lifecycle execution '{UNKNOWN_ID}' does not exist." in theirs.err


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "Unable to locate credentials"),
        (("AWS_SECRET_ACCESS_KEY",), "Partial credentials found"),
    ],
)
def test_missing_credentials_are_named_in_the_same_words(
    aws: Run, ours: Run, missing: tuple[str, ...], message: str
) -> None:
    for run, code in ((aws, 255), (ours, 253)):
        failed = run(*ID, environment=dict.fromkeys(missing, ""))
        assert failed.code == code
        assert message in failed.err
