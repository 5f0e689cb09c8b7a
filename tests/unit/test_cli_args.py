"""The arguments: which are accepted, which exclude each other, and how a shell completes them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagebuilder_pager.cli.args import parse
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.cli.request import build_request
from tests.fakes.command_line import EXAMPLE_ID, LIST

EXAMPLE = f"{LIST} {' '.join(EXAMPLE_ID)}"
IGNORED = "--no-cli-pager --v2-debug --cli-binary-format raw-in-base64-out"


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


def test_without_argcomplete_a_completion_is_the_error_of_no_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    assert main([]) == 252
