"""The command itself: what it loads, how it is installed, and where its errors end."""

import ast
import gc
import importlib.metadata
import re
import subprocess
import sys

import pytest

from imagebuilder_pager import __version__
from imagebuilder_pager.cli.exit_codes import ConfigurationError
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.cli.rich_formats.console import require_rich
from imagebuilder_pager.local import LocalServer
from tests.fakes.command_line import EXAMPLE_ID, LIST, local_environment

HEAVY = {"httpx", "pydantic", "botocore", "jmespath", "rich", "json", "logging"}

Captured = pytest.CaptureFixture[str]


def run_and_list_imports(*arguments: str) -> tuple[int, set[str], str]:
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
        ((LIST, *EXAMPLE_ID, "--max-items", "x"), 252),
        ((LIST, *EXAMPLE_ID, "--unknown"), 252),
    ],
)
def test_help_and_wrong_arguments_are_answered_without_heavy_imports(
    arguments: tuple[str, ...], code: int
) -> None:
    status, modules, _ = run_and_list_imports(*arguments)
    assert status == code
    assert not modules & HEAVY


def test_a_listing_needs_the_heavy_imports_but_rich() -> None:
    arguments = (LIST, *EXAMPLE_ID, "--region", "us-west-2", "--endpoint-url", "http://127.0.0.1:9")
    status, modules, output = run_and_list_imports(*arguments)
    assert status in {253, 255}, output
    assert {"json", "logging", "pydantic"} <= modules
    assert "rich" not in modules


LIST_AND_PRINT_IMPORTS = """
import os, sys
from imagebuilder_pager.cli.main import main
os.environ |= {environment!r}
code = main({arguments!r})
print([code, sorted({{module.split(".")[0] for module in sys.modules}})])
"""


@pytest.mark.parametrize("output", ["json", "jsonl", "text", "yaml-stream"])
def test_a_listing_loads_neither_httpx_nor_botocore(local_server: LocalServer, output: str) -> None:
    arguments = [LIST, *EXAMPLE_ID, "--max-items", "30", "--output", output]
    code = LIST_AND_PRINT_IMPORTS.format(
        arguments=arguments, environment=local_environment(local_server.url)
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    status, modules = ast.literal_eval(ran.stdout.splitlines()[-1])
    assert status == 0, ran.stderr
    assert {"h11", "pydantic"} <= set(modules)
    assert not {"anyio", "botocore", "httpcore", "httpx", "rich", "ssl", "urllib3"} & set(modules)


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


def test_rich_without_click_is_not_imported_by_httpx() -> None:
    """httpx imports rich for its own command line, but only where there is click, too."""
    assert not [name for name in requirements("rich") if name.lower() == "click"]
    code = (
        "import sys\nsys.modules['click'] = None\nimport httpx\n"
        "print({'rich', 'pygments'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True)
    assert ran.stdout == b"set()\n"


def requirements(name: str) -> list[str]:
    found = importlib.metadata.requires(name) or []
    return [re.split(r"[^\w-]", one)[0] for one in found if "extra ==" not in one]


def test_the_command_is_installed_under_its_name() -> None:
    entry_points = importlib.metadata.distribution("imagebuilder-pager").entry_points
    (script,) = entry_points.select(group="console_scripts")
    assert (script.name, script.value) == ("imagebuilder-pager", "imagebuilder_pager.cli.main:main")
    assert script.load() is main
    extras = importlib.metadata.requires("imagebuilder-pager") or []
    assert [one for one in extras if "extra == 'cli'" in one.replace('"', "'")] != []
    assert "rich" not in requirements("imagebuilder-pager")


def test_version_names_the_program_and_python(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"imagebuilder-pager/{__version__} Python/3.")


@pytest.mark.parametrize("word", ["help", "--help"])
def test_local_is_a_command_with_its_own_options(word: str) -> None:
    status, _, output = run_and_list_imports("local", word)
    assert status == 0
    assert "--resources" in output


@pytest.mark.parametrize("command", [LIST, "lifecycle-report"])
def test_help_may_stand_before_the_command(capsys: Captured, command: str) -> None:
    printed = []
    for argv in (["help", command], [command, "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(argv)
        assert not ended.value.code
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert f"imagebuilder-pager {command}" in printed[0]


def test_a_missing_rich_is_an_error_that_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="imagebuilder-pager\\[cli\\]"):
        require_rich("table")
    assert main(["lifecycle-report", "--region", "us-west-2"]) == 253
    assert "The outputs json, html, jsonl and csv do without." in capsys.readouterr().err
    assert main([LIST, *EXAMPLE_ID, "--output", "tree"]) == 253
    assert "pip install 'imagebuilder-pager[cli]'" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["yaml", "off"])
def test_an_unknown_output_format_in_the_environment_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, value: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_OUTPUT", value)
    assert main([LIST, *EXAMPLE_ID]) == 253
    assert f"Unknown output type: {value}, from AWS_DEFAULT_OUTPUT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("AWS_RETRY_MODE", "fast", "standard, adaptive, legacy"),
        ("AWS_MAX_ATTEMPTS", "many", "a whole number, 1 or more"),
    ],
)
def test_a_retry_setting_that_is_not_valid_is_a_configuration_error(
    variable: str, value: str, allowed: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv(variable, value)
    assert main([LIST, *EXAMPLE_ID, "--region", "us-west-2"]) == 253
    assert f"{variable}: {value!r} given; allowed: {allowed}" in capsys.readouterr().err


def test_a_closed_standard_output_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main([LIST, *EXAMPLE_ID, "--region", "us-west-2"]) == 255
    assert "standard output is closed" in capsys.readouterr().err
