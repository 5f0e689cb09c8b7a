"""mypy and pyright, run on programs of a user's.

pyright is basedpyright's, whose wheels download nothing. Its mode is pyright's default.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]
_MYPY_LINE = re.compile(r".*?(\w+\.py):(\d+): (note|error): (.*)")

#: What a checker says: the texts of each severity, by file name and line.
Messages = dict[str, dict[tuple[str, int], list[str]]]


def run_mypy(folder: Path, cache: Path, *options: str) -> Messages:
    """Return what ``mypy --strict`` says of the programs in a folder."""
    programs = sorted(map(str, folder.glob("*.py")))
    options = ("--strict", "--config-file=", "--no-error-summary", "--no-pretty", *options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPYPATH", str(ROOT))
        out, errors, _ = api.run([*options, f"--cache-dir={cache}", *programs])
    assert errors == ""
    found: Messages = {"error": {}, "note": {}}
    for line in out.splitlines():
        match = _MYPY_LINE.fullmatch(line)
        if match:
            found[match[3]].setdefault((match[1], int(match[2])), []).append(match[4])
    return found


def run_pyright(folder: Path) -> Messages:
    """Return what pyright says of the programs in a folder; skip the test where it is missing."""
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    found: Messages = {"error": {}, "warning": {}, "information": {}}
    for message in pyright_output(folder)["generalDiagnostics"]:
        place = Path(message["file"]).name, message["range"]["start"]["line"] + 1
        found[message["severity"]].setdefault(place, []).append(message["message"])
    return found


def pyright_output(folder: Path, *options: str) -> dict[str, Any]:
    """Return pyright's JSON; skip the test where it is missing."""
    pytest.importorskip("basedpyright", reason="pyright, from the package basedpyright, is missing")
    # --verifytypes finds the environment by the PATH alone.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    ran = subprocess.run(
        [sys.executable, "-m", "basedpyright", "--outputjson", *options],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    output: dict[str, Any] = json.loads(ran.stdout)
    return output


def mypy_cache(request: pytest.FixtureRequest, factory: pytest.TempPathFactory) -> Path:
    """Return the folder of mypy's cache, which outlives a run where pytest has one."""
    cache = getattr(request.config, "cache", None)  # pytest can do without
    return cache.mkdir("mypy") if cache is not None else factory.mktemp("mypy")
