"""The environment that make creates, and creates again if it is broken."""

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
