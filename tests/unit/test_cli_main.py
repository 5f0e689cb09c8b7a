"""The command itself: the modules that it loads, how it is installed, and where its errors end."""

import gc
import re
import sys
from typing import Any

import pytest

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.local import LocalServer
from tests.fakes.command_line import (
    EXAMPLE_ID,
    LIST,
    page_server,
    required_options,
    run_afresh,
)

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
