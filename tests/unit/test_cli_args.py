"""The arguments: which are accepted, which exclude each other, and how a shell completes them."""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager.cli.args import parse
from imagebuilder_pager.cli.completion import make_full_parser
from imagebuilder_pager.cli.exit_codes import UsageError
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.cli.options import COMMANDS
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


def test_options_have_defaults_and_an_empty_argument_means_nothing() -> None:
    options = parse([*EXAMPLE.split(), ""])
    assert (options.region, options.output, options.profile) == (None, None, None)
    assert (options.no_paginate, options.color, options.debug) == (False, "auto", False)
    ignored = parse([*EXAMPLE.split(), *IGNORED.split()])
    assert build_request(ignored, "json") == build_request(options, "json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--region", "r", "demo"], "demo must be the first argument; its own options follow it"),
        (["--debug", "local", "--port", "1"], "local must be the first argument; "),
        (
            ["--region=r", "lifecycle-report", "--since", "30d"],
            "lifecycle-report must be the first ",
        ),
        (["--since", "30d", "lifecycle-report"], "lifecycle-report must be the first "),
        (["--debug", "local", "list-images"], "argument COMMAND: 'local' given; allowed: list-im"),
    ],
)
def test_an_option_before_a_command_that_is_not_of_the_service_is_an_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 252
    assert f"imagebuilder-pager: error: {message}" in capsys.readouterr().err


def test_a_value_may_be_the_name_of_another_command() -> None:
    assert parse(["--profile", "local", LIST, *EXAMPLE_ID]).profile == "local"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (f"{EXAMPLE} --max-it 3", "Unknown options: --max-it, 3; did you mean --max-items?"),
        ("list-images --max-it=3", "Unknown options: --max-it=3; did you mean --max-items?"),
        ("list-images --no-bynam", "Unknown options: --no-bynam; did you mean --no-by-name?"),
        ("--regoin r list-images", "Unknown options: --regoin; did you mean --region?"),
        ("list-images --qqqq x", "Unknown options: --qqqq, x"),
        ("lifecycle-report --polcy x", "Unknown options: --polcy, x; did you mean --policy?"),
        (
            "list-imags --owner local",
            "list-workflows, lifecycle-report, local, demo, help; did you mean list-images?",
        ),
        ("demo --debug", "imagebuilder-pager demo: error: unrecognized arguments: --debug"),
        ("lifecycle-reprot --since 30d", "help; did you mean lifecycle-report?"),
        (
            "list-images --output jsno",
            "'jsno' given; allowed: json, text, table, yaml-stream, jsonl; did you mean json?",
        ),
        (
            "list-images --output summary",
            "'summary' given; allowed: json, text, table, yaml-stream, jsonl",
        ),
        ("lifecycle-report --output htlm", "summary, table, tree; did you mean html?"),
    ],
)
def test_a_misspelt_command_option_or_choice_is_an_error_with_the_similar_one(
    arguments: str, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.split()) == 252
    assert capsys.readouterr().err.rstrip().endswith(error)


@pytest.mark.parametrize(
    ("arguments", "output", "message"),
    [
        (("--checkpoint", "f"), "json", "--checkpoint: only with --output jsonl, not with json"),
        (("--checkpoint", "f"), "table", "--checkpoint: only with --output jsonl"),
        (("--checkpoint", "f", "--starting-token", "t"), "jsonl", "together with --starting-to"),
        (("--checkpoint", "f", "--no-paginate"), "jsonl", "together with --no-paginate"),
        (("--checkpoint", "f", "--max-results", "2"), "jsonl", "together with --no-paginate"),
        (("--query", "a"), "summary", "--query: not with --output summary"),
        (("--cli-input-json", "[1]"), "json", "Not a JSON object"),
        (("--cli-input-json", "[" * 10**5), "json", "Invalid JSON"),
    ],
)
def test_options_that_exclude_each_other_are_an_error(
    arguments: tuple[str, ...], output: str, message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        build_request(parse([LIST, *EXAMPLE_ID, *arguments]), output)


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
    make_full_parser()
    assert made == 3 + 6 + len(COMMANDS)


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
