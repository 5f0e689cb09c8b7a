"""Every command of the README and the docs: run here, or named with the test that runs it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID, LocalServer
from tests.fakes.command_line import local_environment
from tests.fakes.fleets import make_fleet, serve_fleet

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples/README.md"]
PROGRAMS = "python|python3|imagebuilder-pager|make|pip|git|docker|export|uvicorn|curl|rm|cp|eval"
COMMAND = re.compile(
    rf"^ {{4,6}}((?:{PROGRAMS}|AWS_\w+=|\(cd |\.venv/)(?:.*\\\n)*.*)$", re.MULTILINE
)
TARGETS = """
regions = ["us-west-2"]
accounts = [{ role_arn = "arn:aws:iam::123456789012:role/Reader" }]
"""
#: The beginning of a command that is not run here, and where it is run: a test, a target of make,
#: or nowhere, and why.
ELSEWHERE = {
    "git clone": "nowhere: the address is the reader's",
    "python -m pip install": "make dist",
    "(cd build/layer": "nowhere: zip and a function of the reader's",
    "cp my_function.py": "nowhere: likewise",
    "pip install 'imagebuilder-pager[dask]'": "nowhere: no index has the package yet",
    'eval "$(register-python-argcomplete': "tests/unit/test_cli_commands.py",
    "rm -r build/lib/botocore/data": "make dist",
    "python3 -m compileall": "make container",
    "AWS_CA_BUNDLE=/etc/ssl/certs": "tests/unit/test_tls.py",
    "docker ": "make container",
    ".venv/bin/python -m pytest examples": "tests/integration/test_report_examples.py",
    "export AWS_": "examples/test_web_endpoint.py",
    "uvicorn web_endpoint:app": "examples/test_web_endpoint.py",
    "python examples/nightly_fleet.py": "examples/test_nightly_fleet.py",
}


def commands() -> Iterator[str]:
    for document in DOCUMENTS:
        text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
        for match in COMMAND.finditer(text):
            command = re.sub(r"\s+#.*", "", match[1].replace("\\\n", " "))
            yield re.sub(r"\s+", " ", command)


OURS = list(dict.fromkeys(commands()))
LISTINGS = [one for one in OURS if one.startswith("imagebuilder-pager list-")]
REPORTS = [one for one in OURS if one.startswith("imagebuilder-pager lifecycle-report")]
SERVICES = [one for one in OURS if one.startswith("python -m imagebuilder_pager.local")]


def test_each_command_is_run_or_has_a_reason() -> None:
    assert min(map(len, (LISTINGS, REPORTS, SERVICES))) >= 2
    makefile = (ROOT / "Makefile").read_text()
    unused = set(ELSEWHERE)
    for command in {*OURS} - {*LISTINGS, *REPORTS, *SERVICES}:
        places = [command] if command.startswith("make ") else []
        for start in filter(command.startswith, ELSEWHERE):
            places.append(ELSEWHERE[start])
            unused.discard(start)
        (place,) = places
        if place.startswith("make "):
            assert re.search(rf"^{place.split()[1]}:", makefile, re.MULTILINE), command
        elif not place.startswith("nowhere: "):
            assert (ROOT / place).is_file(), place
    assert unused == set()


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a command of a document as a shell does, and return its standard error."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-ec", command.replace("lce-...", EXAMPLE_EXECUTION_ID)],
        cwd=folder,
        env={**os.environ, **environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stderr


def test_the_listings_list(local_server: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "filters.json").write_text('[{"name": "platform", "values": ["Linux"]}]')
    # All in one shell: its start, not the command's, is what takes long.
    run("\n".join(LISTINGS), tmp_path, local_environment(local_server.url))
    lines = (tmp_path / "listing.jsonl").read_text().splitlines()
    failed = (tmp_path / "failed.jsonl").read_text().splitlines()
    assert len(lines) > len(failed) > 0


def test_the_reports_report(tmp_path: Path) -> None:
    (tmp_path / "targets.toml").write_text(TARGETS)
    with serve_fleet(make_fleet(accounts=1)) as url:
        run("\n".join(REPORTS), tmp_path, {**local_environment(url), "AWS_REGION": "us-west-2"})
    assert "Lifecycle report" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("command", SERVICES)
def test_the_local_service_starts(command: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "fixtures" / "account.json", tmp_path)
    arguments = shlex.split(command.replace("--port 8080", "--port 0"))[1:]
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
    finally:
        process.kill()
        process.communicate()
