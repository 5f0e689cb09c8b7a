"""The lean install, by pip and as a folder: what is in it, and that it lists with ``H11Client``.

Needs the package registry that pip is configured for; the wheels of other platforms are skipped
where it cannot be reached.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from tools.slim import LEAN_REQUIREMENTS, build, check, lean_requirements

ROOT = Path(__file__).parents[2]
PINS = [
    line for line in LEAN_REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")
]


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names_of(pins: list[str]) -> set[str]:
    return {normalized(pin.partition("==")[0]) for pin in pins}


def pip(*arguments: str | Path, python: Path | str = sys.executable) -> tuple[int, str]:
    """Run pip without a constraint of the environment's; return its exit code and its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    ran = subprocess.run(
        [python, "-m", "pip", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return ran.returncode, ran.stdout + ran.stderr


# The requirements


def test_the_pins_are_those_that_the_library_is_tested_with() -> None:
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    tested = {normalized(line) for line in constraints}
    assert {normalized(pin) for pin in PINS} <= tested


def test_the_requirements_of_each_requirement_are_among_them() -> None:
    missing = set()
    for distribution in lean_requirements()[1:]:
        for requirement in distribution.requires or ():
            name = re.match(r"[\w.-]+", requirement)
            if name is not None and "extra" not in requirement.partition(";")[2]:
                missing.add(normalized(name[0]))
    assert missing <= names_of(PINS)


def test_neither_httpx_nor_botocore_is_among_them() -> None:
    assert not names_of(PINS) & {"httpx", "httpcore", "botocore", "urllib3", "jmespath", "idna"}


# Installed by pip


@pytest.fixture(scope="module")
def lean_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment, in which what the documents say was installed."""
    folder = tmp_path_factory.mktemp("lean")
    wheels = folder / "wheels"
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", wheels, ROOT],
        env={**os.environ, "PIP_CONSTRAINT": str(ROOT / "constraints.txt")},
        capture_output=True,
        check=True,
        timeout=300,
    )
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True, timeout=120)
    python = folder / "venv" / "bin" / "python"
    status, output = pip(
        "install", "-q", "--no-deps", wheel, "-r", LEAN_REQUIREMENTS, python=python
    )
    assert status == 0, output
    return python


FLOW = """
import asyncio, sys

from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder
from imagebuilder_pager.exceptions import MissingDependencyException

region, url, execution = "us-west-2", sys.argv[1], {"lifecycleExecutionId": sys.argv[2]}
operation = "list_lifecycle_execution_resources"


def sync_flow():
    with H11Client() as http, ImageBuilder(region, endpoint_url=url, http_client=http) as client:
        paginator = client.get_paginator(operation)
        pages = paginator.paginate(**execution, PaginationConfig={"MaxItems": 33, "PageSize": 25})
        found = [resource.resource_id for page in pages for resource in page.resources]
        assert len(found) == 33
        config = {"StartingToken": pages.resume_token}
        rest = paginator.paginate(**execution, PaginationConfig=config).build_full_result()
        found += [resource["resourceId"] for resource in rest["resources"]]
        assert len(set(found)) == len(found) == 60
        try:
            client.list_lifecycle_execution_resources(**execution, nextToken="made-up")
        except client.exceptions.InvalidPaginationTokenException as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        else:
            raise AssertionError("a made-up token was taken")
        return found


async def async_flow():
    async with AsyncH11Client() as http:
        async with AsyncImageBuilder(region, endpoint_url=url, http_client=http) as client:
            pages = client.get_paginator(operation).paginate(**execution)
            return [resource.resource_id async for resource in pages.items()]


assert sync_flow() == asyncio.run(async_flow())
for client, other in ((ImageBuilder, "H11Client()"), (AsyncImageBuilder, "AsyncH11Client()")):
    try:
        client(region, endpoint_url=url)
    except MissingDependencyException as error:
        assert str(error) == (
            f"the default {client.__name__} needs httpx, httpcore, botocore, not installed here: "
            f"pip install httpx httpcore botocore, or give http_client={other}"
        ), error
    else:
        raise AssertionError("a default client was made")
print("all of it")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(LocalImageBuilder(generate_account(resources=60))) as server:
        yield server


@pytest.mark.parametrize("by_profile", [False, True], ids=["environment", "profile"])
def test_it_lists_resumes_and_says_what_the_default_client_needs(
    lean_python: Path, server: LocalServer, tmp_path: Path, *, by_profile: bool
) -> None:
    from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID

    environment = {"HOME": str(tmp_path)}
    if by_profile:
        key = f'"AccessKeyId": "{ACCESS_KEY_ID}", "SecretAccessKey": "{SECRET_ACCESS_KEY}"'
        (tmp_path / ".aws").mkdir()
        (tmp_path / ".aws" / "config").write_text(
            f"[default]\ncredential_process = echo '{{\"Version\": 1, {key}}}'\n"
        )
    else:
        environment["AWS_ACCESS_KEY_ID"] = ACCESS_KEY_ID
        environment["AWS_SECRET_ACCESS_KEY"] = SECRET_ACCESS_KEY
    ran = subprocess.run(
        [lean_python, "-I", "-W", "error", "-c", FLOW, server.url, EXAMPLE_EXECUTION_ID],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", "all of it\n")


def test_nothing_else_is_installed(lean_python: Path) -> None:
    code = "import importlib.metadata as m; print(*[d.name for d in m.distributions()])"
    listed = subprocess.run(
        [lean_python, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    installed = {normalized(name) for name in listed.stdout.split()}
    assert installed - {"pip", "setuptools"} == names_of(PINS) | {"imagebuilder-pager"}


@pytest.mark.parametrize("version", ["3.11", "3.14"])
@pytest.mark.parametrize(
    "platform", ["manylinux2014_aarch64", "musllinux_1_1_aarch64", "musllinux_1_1_x86_64"]
)
def test_each_requirement_has_a_wheel_for_arm64_and_for_musl(
    platform: str, version: str, tmp_path: Path
) -> None:
    status, output = pip(
        *("download", "-q", "--no-deps", "--only-binary", ":all:", "--dest", tmp_path),
        *("--platform", platform, "--python-version", version, "-r", LEAN_REQUIREMENTS),
    )
    if status and re.search(r"ConnectionError|NewConnection|name resolution|timed out", output):
        pytest.skip("pip cannot reach the package registry")
    assert status == 0, output
    wheels = {path.name for path in tmp_path.iterdir()}
    assert len(wheels) == len(PINS)
    compiled = {name.split("-")[0] for name in wheels if not name.endswith("-none-any.whl")}
    assert compiled == {"pydantic_core"}


# As a folder


@pytest.fixture(scope="module")
def lean_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lean-folder") / "site"
    build(folder, lean=True)
    return folder


def test_the_folder_has_what_pip_installs_and_less_of_pydantic(lean_folder: Path) -> None:
    modules = {path.name.removesuffix(".py") for path in lean_folder.iterdir()}
    names = {normalized(name) for name in modules if not name.endswith(".dist-info")}
    assert names == names_of(PINS) | {"imagebuilder-pager"}
    assert not (lean_folder / "pydantic" / "v1").exists()
    files = [path for path in lean_folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8e6


def test_the_folder_lists_from_a_server_outside_of_it(lean_folder: Path) -> None:
    assert len(set(check(lean_folder, lean=True))) == 60


def test_a_default_client_of_the_folder_is_an_error(lean_folder: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        check(lean_folder)
