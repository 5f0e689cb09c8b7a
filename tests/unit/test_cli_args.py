"""The arguments: what is accepted, what excludes each other, and the parser for completions."""

import argparse
import importlib
import re
from pathlib import Path

import pytest

from imagebuilder_pager.cli.args import parse
from imagebuilder_pager.cli.exit_codes import UsageError
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.cli.request import build_request
from tests.fakes.command_line import EXAMPLE_ID, LIST

DOCUMENT = Path(__file__).parents[2] / "docs" / "command-line.md"


def test_options_may_stand_before_the_command() -> None:
    before = parse(["--region", "r", "--output", "text", LIST, *EXAMPLE_ID, "--no-paginate"])
    after = parse([LIST, *EXAMPLE_ID, "--output", "text", "--no-paginate", "--region", "r"])
    assert vars(before) == vars(after)
    assert (after.region, after.output, after.no_paginate) == ("r", "text", True)
    assert (after.profile, after.color, after.debug) == (None, "auto", False)


@pytest.mark.parametrize("arguments", [["--region", "r", "demo"], ["--debug", "local"]])
def test_demo_and_local_are_accepted_as_the_first_argument_only(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 252
    assert "must be the first argument" in capsys.readouterr().err


def test_options_are_not_abbreviated() -> None:
    with pytest.raises(UsageError, match="Unknown options: --max-it, 3"):
        parse([LIST, *EXAMPLE_ID, "--max-it", "3"])


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


def test_the_parser_that_the_document_names_for_completions_has_the_options() -> None:
    found = re.search(r"shtab --shell=\w+ ([\w.]+)\.(\w+)", DOCUMENT.read_text())
    assert found is not None
    parser = getattr(importlib.import_module(found[1]), found[2])()
    assert isinstance(parser, argparse.ArgumentParser)
    assert {"--output", "--no-paginate"} <= set(parser.format_help().split())


def test_the_help_has_the_groups_of_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([LIST, "--help"])
    titles = re.findall(r"^(\w+):$", capsys.readouterr().out, re.MULTILINE)
    assert titles == ["options", "Request", "Pagination", "Output", "Connection"]


def test_options_override_the_parameters_of_json() -> None:
    given = '{"lifecycleExecutionId": "lce-1", "parentResourceId": "x"}'
    request = build_request(parse([LIST, "--cli-input-json", given]), "tree")
    assert request.parameters == {"lifecycleExecutionId": "lce-1", "parentResourceId": "x"}
    request = build_request(parse([LIST, *EXAMPLE_ID, "--cli-input-json", given]), "tree")
    assert request.parameters["lifecycleExecutionId"] == EXAMPLE_ID[1]
