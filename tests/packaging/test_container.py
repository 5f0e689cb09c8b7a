"""``make container`` with and without a builder of images."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

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
