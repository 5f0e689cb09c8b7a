"""What make creates: its environment, again if it is broken, and with a builder the container."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A Python whose environments have a pip that only logs its arguments.
PYTHON = """#!/bin/sh
if [ "$1 $2" != "-m venv" ]; then exec '{python}' "$@"; fi
'{python}' -m venv --without-pip "$3" || exit 1
packages=$(echo "$3"/lib/python*/site-packages)
mkdir "$packages/pip" && : >"$packages/pip/__init__.py"
echo 'import sys; print(*sys.argv[1:], file=open("pip.log", "a"))' >"$packages/pip/__main__.py"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout in a path with spaces, with a Python that creates environments."""
    folder = tmp_path / "a check out"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "requirements-aiobotocore.txt"):
        shutil.copy(ROOT / name, folder)
    python = folder / "python"
    python.write_text(PYTHON.format(python=sys.executable))
    python.chmod(0o755)
    return folder


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        ["make", "PYTHON=./python", *(arguments or (".venv/.dev",))],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def pip_calls(checkout: Path) -> list[str]:
    log = checkout / "pip.log"
    calls = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return calls


def test_an_environment_is_created_once(checkout: Path) -> None:
    first = make(checkout)
    assert (first.returncode, first.stderr) == (0, "")
    assert "cannot be used" not in first.stdout
    assert [call.rpartition(" ")[2] for call in pip_calls(checkout)] == [".[cli]", ".[dev]"]
    second = make(checkout)
    assert (second.returncode, pip_calls(checkout)) == (0, [])
    assert (checkout / ".venv" / "pyvenv.cfg").exists()


BREAKS = {
    "its Python is gone": "for link in bin/python*; do ln -sfn /nowhere/python $link; done",
    "its packages are another Python's": "mv lib/python3.* lib/python3.10",
    "it has no pip": "rm -r lib/python*/site-packages/pip",
    "its Python is too old": 'rm bin/python; ln -s "$(command -v false)" bin/python',
    "only its configuration is left": "rm -r bin",
    "it is a dangling link": "cd ..; rm -r .venv; ln -s /nowhere/venv .venv",
}


@pytest.mark.parametrize("command", BREAKS.values(), ids=BREAKS)
def test_a_broken_environment_is_created_again(checkout: Path, command: str) -> None:
    make(checkout)
    pip_calls(checkout)
    subprocess.run(["sh", "-ec", command], cwd=checkout / ".venv", check=True)
    repaired = make(checkout)
    assert (repaired.returncode, repaired.stderr) == (0, "")
    assert ".venv cannot be used" in repaired.stdout
    assert len(pip_calls(checkout)) == 2
    import_pip = [".venv/bin/python", "-I", "-c", "import pip"]
    assert subprocess.run(import_pip, cwd=checkout, check=False).returncode == 0
    assert (make(checkout).returncode, pip_calls(checkout)) == (0, [])


def test_aiobotocore_has_a_separate_environment_and_botocore(checkout: Path) -> None:
    made = make(checkout, ".venv-aiobotocore/.installed")
    assert (made.returncode, made.stderr) == (0, "")
    (call,) = pip_calls(checkout)
    assert " -e . -r requirements-aiobotocore.txt " in call
    constraints = checkout / ".venv-aiobotocore" / "constraints.txt"
    own = pinned(checkout / "requirements-aiobotocore.txt")
    assert not own & pinned(constraints)
    assert pinned(checkout / "constraints.txt") - pinned(constraints) == {"boto3", "botocore"}
    assert {"aiobotocore", "boto3", "botocore"} <= own
    again = make(checkout, "VENV=other", "other-aiobotocore/.installed")
    assert (again.returncode, len(pip_calls(checkout))) == (0, 1)


def pinned(file: Path) -> set[str]:
    return {line.partition("==")[0] for line in file.read_text().splitlines() if "==" in line}


def test_a_folder_that_is_not_an_environment_is_not_changed(checkout: Path) -> None:
    (checkout / "mine").mkdir()
    (checkout / "mine" / "file").write_text("precious")
    refused = make(checkout, "VENV=mine", "mine/.dev")
    assert refused.returncode != 0
    assert "mine is not an environment of Python's" in refused.stdout
    assert (checkout / "mine" / "file").read_text() == "precious"


def test_a_python_that_is_too_old_is_named(checkout: Path) -> None:
    (checkout / "python").write_text(
        f"""#!/bin/sh
exec '{sys.executable}' -c 'import sys; sys.version_info = (3, 9); exec(sys.argv[1])' "$2"
"""
    )
    refused = make(checkout)
    assert refused.returncode != 0
    assert "Python 3.11 or newer is needed" in refused.stderr
    assert not (checkout / ".venv").exists()


def test_help_needs_no_environment(checkout: Path) -> None:
    shown = make(checkout, "help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "make test" in shown.stdout
    assert not (checkout / ".venv").exists()


#: A docker that builds nothing and runs a program with the Python of the tests.
DOCKER = """#!{python}
import os, sys
command, *arguments = sys.argv[1:]
if command == "image":
    print(49_000_000)
if command == "run":
    options = dict(one[2:].split("=", 1) for one in arguments if one.startswith("--volume="))
    bundle = options["volume"].removesuffix(":/ca.pem:ro")
    given = dict(one[6:].split("=", 1) for one in arguments if one.startswith("--env="))
    while arguments.pop(0).startswith("--"):
        pass
    assert given["AWS_CA_BUNDLE"] == "/ca.pem"
    environment = {{**os.environ, **given, "AWS_CA_BUNDLE": bundle}}
    os.execve(sys.executable, [sys.executable, *arguments], environment)
"""


def measure(path: Path, *options: str) -> str:
    """Return the output of ``make container`` with only the programs of a folder."""
    ran = subprocess.run(
        [sys.executable, "-m", "tools.container", "--rounds", "1", *options],
        cwd=ROOT,
        env={**os.environ, "PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_without_a_builder_it_says_so_and_succeeds_before_it_builds_wheels(tmp_path: Path) -> None:
    said = measure(tmp_path, "--dist")
    assert said == "Neither docker nor podman runs here. The container was not built.\n"


def test_it_lists_with_each_image_and_prints_their_ratios(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text(DOCKER.format(python=sys.executable))
    docker.chmod(0o755)
    _, lean, boto3 = measure(tmp_path).splitlines()
    assert lean.startswith("lean       49.0 MB")
    assert boto3.startswith("boto3      49.0 MB")
    assert boto3.count("(1.00)") == 2
