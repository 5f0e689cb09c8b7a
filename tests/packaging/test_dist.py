"""The files of ``make dist``: each wheel is installed, used and removed in a fresh environment.

The environment variable DIST names their folder. pip needs the package registry in its
configuration.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from imagebuilder_pager.local import LocalImageBuilder, LocalServer, generate_account

pytestmark = pytest.mark.skipif("DIST" not in os.environ, reason="make dist sets DIST")
ROOT = Path(__file__).parents[2]
#: The lean wheel, and all that is installed with it.
LEAN = {
    *("annotated-types", "certifi", "h11", "imagebuilder-pager-lean", "pydantic", "pydantic-core"),
    *("typing-extensions", "typing-inspection"),
}


def run(*command: str | Path, cwd: Path, expected: int = 0) -> str:
    """Run a command in a folder from which the sources cannot be imported; return its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # As a URL, since pip splits the variable at spaces.
    environment["PIP_CONSTRAINT"] = (ROOT / "constraints.txt").as_uri()
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    ran = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode == expected, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout + ran.stderr


def wheel_of(name: str) -> Path:
    (wheel,) = (ROOT / os.environ["DIST"]).glob(f"{name.replace('-', '_')}-[0-9]*.whl")
    return wheel


class Installed(NamedTuple):
    """A fresh environment with one of the wheels."""

    name: str
    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        (site_packages,) = self.folder.glob("lib/python*/site-packages")
        return site_packages

    def run(self, *arguments: str, expected: int = 0) -> str:
        return run(self.python, *arguments, cwd=self.folder, expected=expected)


@pytest.fixture(scope="module", params=["imagebuilder-pager", "imagebuilder-pager-lean"])
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    folder = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    installed = Installed(request.param, folder)
    installed.run("-m", "pip", "install", "-q", str(wheel_of(request.param)))
    return installed


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(LocalImageBuilder(generate_account(resources=60))) as server:
        yield server


FLOW = """
import asyncio, os, sys

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder

region, url = "us-west-2", sys.argv[1]
os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "HOME": "/nowhere"}
name = {"lifecycleExecutionId": "lce-12345678-1234-1234-1234-123456789012"}
operation = "list_lifecycle_execution_resources"


def sync_flow():
    with ImageBuilder(region, endpoint_url=url) as client:
        pages = client.get_paginator(operation).paginate(**name, PaginationConfig={"PageSize": 25})
        return [resource.resource_id for page in pages for resource in page.resources]


async def async_flow():
    async with AsyncImageBuilder(region, endpoint_url=url) as client:
        pages = client.get_paginator(operation).paginate(**name)
        return [resource.resource_id async for page in pages for resource in page.resources]


assert len(sync_flow()) == 60
assert sync_flow() == asyncio.run(async_flow())
"""
PROFILE = """
import pathlib, tempfile

del os.environ["AWS_ACCESS_KEY_ID"]
keys = '"AccessKeyId": "local", "SecretAccessKey": "local"'
with tempfile.TemporaryDirectory() as folder:
    os.environ["AWS_CONFIG_FILE"] = f"{folder}/config"
    pathlib.Path(folder, "config").write_text(
        f"[default]\\ncredential_process = echo '{{\\"Version\\": 1, {keys}}}'"
    )
    assert len(sync_flow()) == 60
"""


def test_only_the_requirements_are_installed_and_they_fit(installed: Installed) -> None:
    code = "import importlib.metadata as m; print(*[d.name for d in m.distributions()])"
    names = {name.lower().replace("_", "-") for name in installed.run("-I", "-c", code).split()}
    names -= {"pip", "setuptools"}
    if installed.name.endswith("-lean"):
        assert names == LEAN
    else:
        assert names > {"imagebuilder-pager", "botocore", "httpx", "jmespath", "pydantic"}
        assert not names & {"boto3", "aiobotocore", "awscli", "aiohttp", "pytest", "trio"}
    installed.run("-m", "pip", "check")


def test_a_program_lists_also_by_a_profile(installed: Installed, server: LocalServer) -> None:
    installed.run("-I", "-W", "error", "-c", FLOW + PROFILE, server.url)


def test_the_command_runs_a_demo_or_names_the_wheel_that_has_it(installed: Installed) -> None:
    lean = installed.name.endswith("-lean")
    command = ("-I", "-W", "error", "-m", "imagebuilder_pager", "demo")
    shown = installed.run(*command, expected=253 if lean else 0)
    if lean:
        assert "demo is a command of imagebuilder-pager" in shown
        return
    assert "The listing is complete" in shown
    assert "--resources" in installed.run("-I", "-m", "imagebuilder_pager.local", "--help")


def test_the_default_lists_without_botocores_data(
    installed: Installed, server: LocalServer
) -> None:
    data = installed.site_packages / "botocore" / "data"
    if installed.name.endswith("-lean"):
        assert not data.exists()
        return
    shutil.move(data, installed.folder / "data")
    try:
        installed.run("-I", "-W", "error", "-c", FLOW, server.url)
    finally:
        shutil.move(installed.folder / "data", data)


def test_an_uninstall_leaves_nothing(installed: Installed) -> None:
    ours = ("bin/imagebuilder-pager", "lib/*/site-packages/*imagebuilder_pager*")
    assert all(list(installed.folder.glob(pattern)) for pattern in ours)
    installed.run("-m", "pip", "uninstall", "-q", "-y", installed.name)
    try:
        assert not any(list(installed.folder.glob(pattern)) for pattern in ours)
    finally:
        installed.run("-m", "pip", "install", "-q", str(wheel_of(installed.name)))


def test_the_lean_files_have_9_megabytes(tmp_path: Path) -> None:
    wheel = wheel_of("imagebuilder-pager-lean")
    pip = (sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", tmp_path)
    run(*pip, wheel, cwd=tmp_path)
    size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert size < 9.0e6


@pytest.mark.parametrize("version", ["3.11", "3.14"])
@pytest.mark.parametrize(
    "platform", ["manylinux2014_aarch64", "musllinux_1_1_aarch64", "musllinux_1_1_x86_64"]
)
def test_each_lean_requirement_has_a_wheel_for_arm64_and_for_musl(
    platform: str, version: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    pip = (sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--only-binary", ":all:")
    target = ("--platform", platform, "--python-version", version, "--target", tmp_path)
    wheel = wheel_of("imagebuilder-pager-lean")
    run(*pip, *target, "--report", report, wheel, cwd=tmp_path)
    urls = [one["download_info"]["url"] for one in json.loads(report.read_text())["install"]]
    wheels = {url.rpartition("/")[2] for url in urls}
    assert len(wheels) == len(LEAN)
    compiled = {name.split("-")[0] for name in wheels if not name.endswith("-none-any.whl")}
    assert compiled == {"pydantic_core"}
