"""The command line and the AWS CLI, at the same local service: the same output, to the byte."""

import base64
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from imagebuilder_pager.local import (
    EXAMPLE_EXECUTION_ID,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from tests.fakes.command_line import EXAMPLE_ID as ID
from tests.fakes.command_line import AwsCli, CommandResult, run_command

UNKNOWN_ID = "lce-00000000-0000-0000-0000-000000000000"
ARN = "arn:aws:imagebuilder:us-west-2:123456789012:image/web-base/1.0.4/2"
RESOURCES = 53

Run = Callable[..., CommandResult]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with LocalServer(LocalImageBuilder(generate_account(resources=RESOURCES))) as server:
        yield server.url


@pytest.fixture(scope="module")
def aws(url: str) -> Iterator[Run]:
    with AwsCli(url) as run:
        yield run


@pytest.fixture
def ours(url: str, capfd: pytest.CaptureFixture[str]) -> Run:
    return functools.partial(run_command, url, capfd)


def token(next_token: str | None, skip: int) -> str:
    text = json.dumps({"nextToken": next_token, "boto_truncate_amount": skip})
    return base64.b64encode(text.encode()).decode()


SAME_OUTPUT: dict[str, tuple[str, ...]] = {
    "everything": ID,
    "max items": (*ID, "--max-items", "7"),
    "max items, over pages": (*ID, "--max-items", "30"),
    "max items, all of them": (*ID, "--max-items", str(RESOURCES)),
    "max items, none": (*ID, "--max-items", "0"),
    "page size": (*ID, "--page-size", "10"),
    "page size and max items": (*ID, "--page-size", "4", "--max-items", "10"),
    "starting token": (*ID, "--starting-token", token(None, 3), "--max-items", "3"),
    "old starting token": (*ID, "--starting-token", "None___5", "--max-items", "2"),
    "no pagination": (*ID, "--no-paginate"),
    "max results": (*ID, "--max-results", "2"),
    "no such parent": (*ID, "--parent-resource-id", ARN.replace("web-base", "nothing")),
    "parent": (*ID, "--parent-resource-id", ARN),
    "query": (*ID, "--query", "resources[].resourceId"),
    "query, of rows": (*ID, "--query", "resources[].[resourceId, state.status]"),
    "query, of objects": (*ID, "--query", "resources[:3].{id: resourceId, why: state.reason}"),
    "query, of a scalar": (*ID, "--query", "lifecycleExecutionState.status"),
    "query, of a number": (*ID, "--query", "length(resources)"),
    "query, of a time": (*ID, "--query", "resources[0].startTime"),
    "query, of nothing": (*ID, "--query", "nothing"),
    "query, of an empty list": (*ID, "--query", "resources[?state.status == 'NEVER']"),
    "query, of an empty object": (*ID, "--query", "`{}`"),
    "query and max items": (*ID, "--max-items", "2", "--query", "resources[].state"),
    "query, of the token": (*ID, "--max-items", "2", "--query", "NextToken"),
    "query, no pagination": (*ID, "--no-paginate", "--query", "[resources[0].region, nextToken]"),
    "input": ("--cli-input-json", json.dumps({"lifecycleExecutionId": EXAMPLE_EXECUTION_ID})),
    "input, overridden": (
        *(*ID, "--max-items", "2"),
        *("--cli-input-json", json.dumps({"lifecycleExecutionId": UNKNOWN_ID})),
    ),
    "input with a page size": (
        *("--cli-input-json", json.dumps({"maxResults": 2})),
        *(*ID, "--max-items", "5"),
    ),
    "input with a configuration": (
        "--cli-input-json",
        json.dumps(
            {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID, "PaginationConfig": {"MaxItems": 3}}
        ),
    ),
    "certificates that are not needed": (*ID, "--no-verify-ssl", "--max-items", "1"),
    "timeouts": (
        *(*ID, "--max-items", "1", "--cli-connect-timeout", "0"),
        *("--cli-read-timeout", "5", "--region", "eu-west-1"),
    ),
}


@pytest.mark.parametrize("arguments", SAME_OUTPUT.values(), ids=SAME_OUTPUT)
@pytest.mark.parametrize("output", ["json", "text"])
def test_the_output_is_that_of_the_aws_cli_to_the_byte(
    aws: Run, ours: Run, arguments: tuple[str, ...], output: str
) -> None:
    expected = aws(*arguments, "--output", output)
    assert expected.code == 0, expected.err
    ran = ours(*arguments, "--output", output)
    assert ran.out == expected.out
    assert (ran.code, ran.err) == (0, "")


def test_the_local_account_has_pages_times_reasons_and_children_to_compare(aws: Run) -> None:
    everything = json.loads(aws(*ID).out)
    assert len(everything["resources"]) == RESOURCES
    times = {type(resource["startTime"]) for resource in everything["resources"]}
    assert times == {int, float}
    assert any("reason" in resource["state"] for resource in everything["resources"])
    assert len(json.loads(aws(*ID, "--parent-resource-id", ARN).out)["resources"]) > 25


def test_each_resumes_from_the_token_of_the_other(aws: Run, ours: Run) -> None:
    first = json.loads(aws(*ID, "--max-items", "20").out)
    second = json.loads(ours(*ID, "--max-items", "20", "--starting-token", first["NextToken"]).out)
    third = json.loads(aws(*ID, "--starting-token", second["NextToken"]).out)
    found = [one for part in (first, second, third) for one in part["resources"]]
    assert found == json.loads(aws(*ID).out)["resources"]
    assert "NextToken" not in third


def test_next_token_lists_the_next_page(aws: Run, ours: Run) -> None:
    first = json.loads(ours(*ID, "--no-paginate").out)
    arguments = (*ID, "--next-token", first["nextToken"])
    assert ours(*arguments) == aws(*arguments)
    assert len(json.loads(ours(*arguments).out)["resources"]) == 25


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
    for arguments, environment in (
        (ID, {"AWS_DEFAULT_OUTPUT": "text"}),
        (ID, {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "plain"}),
    ):
        assert aws(*arguments, environment=environment) == expected
        assert ours(*arguments, environment=environment) == expected


def test_cli_input_json_is_read_from_a_file(aws: Run, ours: Run, tmp_path: Path) -> None:
    file = tmp_path / "input.json"
    file.write_text(json.dumps({"lifecycleExecutionId": EXAMPLE_EXECUTION_ID, "maxResults": 4}))
    arguments = ("--cli-input-json", f"file://{file}", "--max-items", "6")
    expected = aws(*arguments)
    assert len(json.loads(expected.out)["resources"]) == 6
    assert ours(*arguments) == expected


# Arguments; the AWS CLI's code (version 1); ours, which is the documented one; what both say.
SAME_ERROR: dict[str, tuple[tuple[str, ...], int, int, str]] = {
    "an error of the service": (
        ("--lifecycle-execution-id", UNKNOWN_ID),
        *(255, 254),
        "An error occurred (InvalidRequestException) when calling the "
        "ListLifecycleExecutionResources operation: The lifecycle execution "
        f"'{UNKNOWN_ID}' does not exist.",
    ),
    "a token of another service": (
        (*ID, "--starting-token", "made-up"),
        *(255, 254),
        "An error occurred (InvalidPaginationTokenException) when calling the "
        "ListLifecycleExecutionResources operation: You have provided an invalid pagination "
        "token in your request.",
    ),
    "pagination options without pagination": (
        (*ID, "--no-paginate", "--max-items", "3", "--page-size", "2"),
        *(255, 252),
        "Error during pagination: Cannot specify --no-paginate along with pagination arguments: "
        "--page-size, --max-items",
    ),
    "pagination options with max results": (
        (*ID, "--max-results", "3", "--max-items", "3"),
        *(255, 252),
        "Error during pagination: Cannot specify --no-paginate along with pagination arguments: "
        "--max-items",
    ),
    "bad query": ((*ID, "--query", "["), 255, 252, "Bad value for --query [: "),
    "not JSON": (
        ("--cli-input-json", "{"),
        *(255, 252),
        "Error parsing parameter 'cli-input-json': Invalid JSON: ",
    ),
    "no such file": (
        ("--cli-input-json", "file:///nowhere/input"),
        *(255, 252),
        "Unable to load paramfile file:///nowhere/input: [Errno 2] No such file or directory: "
        "'/nowhere/input'",
    ),
    "empty parameter": (
        (*ID, "--parent-resource-id", ""),
        255,
        252,
        "Parameter validation failed:",
    ),
    "no number": (
        (*ID, "--page-size", "x"),
        2,
        252,
        "argument --page-size: invalid int value: 'x'",
    ),
    "unknown option": ((*ID, "--unknown"), 255, 252, "Unknown options: --unknown"),
    "unknown output": ((*ID, "--output", "x"), 2, 252, "error: argument --output: "),
    "no id": ((), 2, 252, "the following arguments are required: --lifecycle-execution-id"),
    "no such profile": (
        (*ID, "--profile", "nobody"),
        *(255, 253),
        "The config profile (nobody) could not be found",
    ),
    "no server there": (
        (*ID, "--endpoint-url", "http://127.0.0.1:9"),
        *(255, 255),
        'Could not connect to the endpoint URL: "http://127.0.0.1:9/ListLifecycleExecutionResource',
    ),
}


@pytest.mark.parametrize("case", SAME_ERROR.values(), ids=SAME_ERROR)
def test_both_fail_with_the_same_words(
    aws: Run, ours: Run, case: tuple[tuple[str, ...], int, int, str]
) -> None:
    arguments, aws_code, code, message = case
    theirs, mine = aws(*arguments), ours(*arguments)
    assert (theirs.code, theirs.out) == (aws_code, "")
    assert (mine.code, mine.out) == (code, "")
    assert message in theirs.err
    assert message in mine.err


def test_an_error_of_the_service_is_printed_the_same_to_the_byte(aws: Run, ours: Run) -> None:
    arguments = ("--lifecycle-execution-id", UNKNOWN_ID)
    assert ours(*arguments).err == aws(*arguments).err


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Unable to locate credentials"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "Partial credentials found"),
    ],
)
def test_missing_credentials_are_named_in_the_same_words(
    aws: Run, ours: Run, environment: Mapping[str, str], message: str
) -> None:
    theirs, mine = (run(*ID, environment=environment) for run in (aws, ours))
    assert (theirs.code, mine.code) == (255, 253)
    assert message in theirs.err
    assert message in mine.err


def test_yaml_stream_has_an_entry_for_each_page(aws: Run, ours: Run) -> None:
    arguments = (*ID, "--output", "yaml-stream")
    ran = ours(*arguments, "--page-size", "20")
    pages = yaml.safe_load(ran.out)
    assert [len(page["resources"]) for page in pages] == [20, 20, 13]
    expected = json.loads(aws(*ID).out)
    assert [one for page in pages for one in page["resources"]] == expected["resources"]
    assert (ran.code, ran.err) == (0, "")

    query = "resources[:1].[resourceId, state.reason]"
    expected = [json.loads(aws(*ID, "--no-paginate", "--query", query).out)]
    assert yaml.safe_load(ours(*arguments, "--no-paginate", "--query", query).out) == expected


def test_jsonl_has_a_line_for_each_item(aws: Run, ours: Run) -> None:
    def lines(ran: CommandResult) -> list[Any]:
        assert ran.code == 0, ran.err
        return [json.loads(line) for line in ran.out.splitlines()]

    expected = json.loads(aws(*ID).out)["resources"]
    jsonl = (*ID, "--output", "jsonl")
    assert lines(ours(*jsonl)) == expected
    assert lines(ours(*jsonl, "--page-size", "7")) == expected
    assert lines(ours(*jsonl, "--no-paginate")) == expected[:25]
    picked = lines(ours(*jsonl, "--query", "resources[].resourceId"))
    assert picked == [one["resourceId"] for one in expected]

    part = ours(*jsonl, "--max-items", "30")
    assert lines(part) == expected[:30]
    name, _, rest = part.err.partition(": ")
    assert name == "NextToken"
    assert lines(ours(*jsonl, "--starting-token", rest.strip())) == expected[30:]
    # Without pagination, the service's own token.
    name, _, rest = ours(*jsonl, "--no-paginate").err.partition(": ")
    assert lines(ours(*jsonl, "--next-token", rest.strip())) == expected[25:50]
