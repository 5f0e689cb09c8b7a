"""The command line and the AWS CLI, at the same local service: the same output, to the byte.

Other options and values are in the command lines that are made at random.
"""

import functools
import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imagebuilder_pager.local import LocalImageBuilder, LocalServer, generate_account
from tests.fakes.command_line import EXAMPLE_ID as ID
from tests.fakes.command_line import AwsCli, CommandResult, run_command

UNKNOWN_ID = "lce-00000000-0000-0000-0000-000000000000"
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


def test_each_resumes_from_the_token_of_the_other(aws: Run, ours: Run) -> None:
    first = json.loads(aws(*ID, "--max-items", "20").out)
    second = json.loads(ours(*ID, "--max-items", "20", "--starting-token", first["NextToken"]).out)
    third = json.loads(aws(*ID, "--starting-token", second["NextToken"]).out)
    found = [one for part in (first, second, third) for one in part["resources"]]
    assert found == json.loads(aws(*ID).out)["resources"]
    assert "NextToken" not in third


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
        (
            f"{EXAMPLE} --page-size x",
            (2, 252),
            "argument --page-size: invalid int value: 'x'",
        ),
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
