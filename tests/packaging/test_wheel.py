"""The built wheel: its content, and a listing with each of the two installs.

Here the default install has no data of botocore; the lean install has neither httpx nor botocore.
Both need the package registry in pip's configuration.
"""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import types
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import pytest

import imagebuilder_pager
from imagebuilder_pager.local import LocalImageBuilder, LocalServer, generate_account
from tools.container import LEAN_REQUIREMENTS, lean_requirements

ROOT = Path(__file__).parents[2]
VERSION = imagebuilder_pager.__version__


PINS = [
    line for line in LEAN_REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")
]
#: The name of a distribution at the beginning of a requirement.
NAME = re.compile(r"[\w.-]+")


def normalized(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def names_of(requirements: list[str]) -> set[str]:
    found = (NAME.match(requirement) for requirement in requirements)
    return {normalized(match[0]) for match in found if match}


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command in a folder from which the sources cannot be imported; return its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # As a URL, since pip splits the variable at spaces.
    environment["PIP_CONSTRAINT"] = (ROOT / "constraints.txt").as_uri()
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    ran = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from a checkout in pip's own environment."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def archive(wheel: Path) -> dict[str, str]:
    """Return the texts of the wheel's files by name; names of metadata have no folder."""
    with zipfile.ZipFile(wheel) as file:
        return {
            name.removeprefix(f"imagebuilder_pager-{VERSION}.dist-info/"): file.read(name).decode()
            for name in file.namelist()
            if not name.endswith("/")
        }


@pytest.fixture(scope="module")
def metadata(archive: dict[str, str]) -> Message:
    return HeaderParser().parsestr(archive["METADATA"])


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a fresh environment with the wheel, without botocore/data."""
    folder = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", wheel, cwd=folder)
    (data,) = folder.glob("lib/python*/site-packages/botocore/data")
    assert (data / "imagebuilder").is_dir()
    shutil.rmtree(data)
    return python


def test_its_name_and_tags(wheel: Path) -> None:
    assert wheel.name == f"imagebuilder_pager-{VERSION}-py3-none-any.whl"


def test_it_has_the_package_and_nothing_else(archive: dict[str, str]) -> None:
    package = {name for name in archive if name.startswith("imagebuilder_pager/")}
    files = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert archive.keys() - package == files
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "imagebuilder_pager").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert package == here
    assert "imagebuilder_pager/py.typed" in package
    assert {Path(name).suffix for name in package} <= {".py", ".typed", ".json"}


def test_its_metadata(archive: dict[str, str], metadata: Message) -> None:
    assert metadata["Name"] == "imagebuilder-pager"
    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert archive["licenses/LICENSE"] == (ROOT / "LICENSE").read_text()
    required = names_of(
        [one for one in metadata.get_all("Requires-Dist", []) if "extra ==" not in one]
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert required == names_of(project["dependencies"])
    assert required >= {"botocore", "h11", "httpx", "pydantic"}
    assert not required & {"boto3", "aiobotocore", "awscli", "pytest"}


def test_its_entry_points(archive: dict[str, str]) -> None:
    parser = ConfigParser(delimiters="=")
    parser.read_string(archive["entry_points.txt"])
    assert {section: dict(parser[section]) for section in parser.sections()} == {
        "console_scripts": {"imagebuilder-pager": "imagebuilder_pager.cli.main:main"},
        "pytest11": {"imagebuilder_pager.pytest_plugin": "imagebuilder_pager.pytest_plugin"},
    }


def test_the_readme_on_an_index_has_no_link_to_a_file(metadata: Message) -> None:
    """An index has no files; the paths and the whole text are still there."""
    description = metadata.get_payload()
    assert isinstance(description, str)
    links = re.findall(r"\]\(([^)]*)\)|(?:src|href|srcset)=\"([^\"]*)\"", description)
    targets = [first or second for first, second in links]
    assert len(targets) >= 2
    assert not [target for target in targets if not target.startswith(("https://", "#"))]
    assert "credentials (`docs/credentials.md`)" in description
    readme = (ROOT / "README.md").read_text()
    for block in re.findall(r"^```python\n.*?^```$", readme, re.MULTILINE | re.DOTALL):
        assert block in description
    headings = re.findall(r"^## .*$", readme, re.MULTILINE)
    assert re.findall(r"^## .*$", description, re.MULTILINE) == headings


# The default install, and the lean one


@pytest.fixture(scope="module")
def lean_site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for ``sys.path``, installed as in the documents."""
    site = tmp_path_factory.mktemp("lean") / "site"
    pip = (sys.executable, "-m", "pip", "install", "-q", "--target", site)
    run(*pip, "--no-deps", wheel, "-r", LEAN_REQUIREMENTS, cwd=site.parent)
    return site


FLOW = """
import asyncio, importlib.util, os, sys

from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder
from imagebuilder_pager.exceptions import MissingDependencyException

region, url = "us-west-2", sys.argv[1]
os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "HOME": "/nowhere"}
name = {"lifecycleExecutionId": "lce-12345678-1234-1234-1234-123456789012"}
operation = "list_lifecycle_execution_resources"
is_lean = importlib.util.find_spec("httpx") is None


def sync_flow():
    with ImageBuilder(region, endpoint_url=url,
                      http_client=H11Client() if is_lean else None) as client:
        paginator = client.get_paginator(operation)
        pages = paginator.paginate(**name, PaginationConfig={"MaxItems": 33, "PageSize": 25})
        found = [resource.resource_id for page in pages for resource in page.resources]
        assert len(found) == 33
        config = {"StartingToken": pages.resume_token}
        rest = paginator.paginate(**name, PaginationConfig=config).build_full_result()
        assert "NextToken" not in rest
        found += [resource["resourceId"] for resource in rest["resources"]]
        assert len(set(found)) == len(found) == 60
        try:
            client.list_lifecycle_execution_resources(**name, nextToken="made-up")
        except client.exceptions.InvalidPaginationTokenException as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        else:
            raise AssertionError("a made-up token was taken")
        return found


async def async_flow():
    async with AsyncImageBuilder(region, endpoint_url=url,
                                 http_client=AsyncH11Client() if is_lean else None) as client:
        pages = client.get_paginator(operation).paginate(**name)
        return [resource.resource_id async for page in pages for resource in page.resources]


assert sync_flow() == asyncio.run(async_flow())
"""
LEAN_ERRORS = """
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
"""
LEAN_PROFILE = """
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
ORIGINS = """
import botocore, pathlib, imagebuilder_pager
for module in (imagebuilder_pager, botocore):
    assert pathlib.Path(sys.prefix) in pathlib.Path(module.__file__).parents, module.__file__
"""


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(LocalImageBuilder(generate_account(resources=60))) as server:
        yield server


def test_the_default_install_lists_and_resumes_without_botocores_data(
    fresh: Path, server: LocalServer
) -> None:
    run(fresh, "-I", "-W", "error", "-c", FLOW + ORIGINS, server.url, cwd=fresh.parent)


def test_the_lean_install_lists_also_by_a_profile_and_names_the_packages_of_the_default(
    lean_site: Path, server: LocalServer
) -> None:
    code = f"import sys; sys.path.insert(0, {str(lean_site)!r})\n{FLOW}{LEAN_ERRORS}{LEAN_PROFILE}"
    run(sys.executable, "-I", "-S", "-W", "error", "-c", code, server.url, cwd=lean_site)


def test_only_the_requirements_are_installed(fresh: Path, lean_site: Path) -> None:
    code = "import importlib.metadata as m; print(*[d.name for d in m.distributions()])"
    installed = names_of(run(fresh, "-I", "-c", code, cwd=fresh.parent).split())
    assert {"imagebuilder-pager", "botocore", "httpx", "pydantic"} <= installed
    assert not installed & {"boto3", "aiobotocore", "awscli", "aiohttp", "pytest", "trio"}
    run(fresh, "-m", "pip", "check", cwd=fresh.parent)
    lean = [path.name.partition("-")[0] for path in lean_site.glob("*.dist-info")]
    assert names_of(lean) == names_of(PINS) | {"imagebuilder-pager"}


def test_the_local_service_runs_as_a_command(fresh: Path) -> None:
    shown = run(fresh, "-I", "-m", "imagebuilder_pager.local", "--help", cwd=fresh.parent)
    assert "--resources" in shown
    shown = run(fresh, "-I", "-W", "error", "-m", "imagebuilder_pager", "demo", cwd=fresh.parent)
    assert "The listing is complete" in shown


def test_the_lean_pins_are_those_that_the_library_is_tested_with() -> None:
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    assert set(map(normalized, PINS)) <= set(map(normalized, constraints))
    needed = {
        requirement
        for distribution in lean_requirements()[1:]
        for requirement in distribution.requires or ()
        if "extra" not in requirement.partition(";")[2]
    }
    assert names_of(sorted(needed)) <= names_of(PINS)
    assert not names_of(PINS) & {"httpx", "httpcore", "botocore", "urllib3", "jmespath", "idna"}


@pytest.mark.parametrize("version", ["3.11", "3.14"])
@pytest.mark.parametrize(
    "platform", ["manylinux2014_aarch64", "musllinux_1_1_aarch64", "musllinux_1_1_x86_64"]
)
def test_each_lean_requirement_has_a_wheel_for_arm64_and_for_musl(
    platform: str, version: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--no-deps"),
            *("--only-binary", ":all:", "--target", tmp_path, "--report", report),
            *("--platform", platform, "--python-version", version, "-r", LEAN_REQUIREMENTS),
        ],
        env={name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    unreachable = r"ConnectionError|NewConnection|name resolution|timed out"
    if ran.returncode and re.search(unreachable, ran.stdout + ran.stderr):
        pytest.skip("pip cannot reach the package registry")
    assert ran.returncode == 0, ran.stderr
    urls = [one["download_info"]["url"] for one in json.loads(report.read_text())["install"]]
    wheels = {url.rpartition("/")[2] for url in urls}
    assert len(wheels) == len(PINS)
    compiled = {name.split("-")[0] for name in wheels if not name.endswith("-none-any.whl")}
    assert compiled == {"pydantic_core"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (None, "see a (`docs/a.md`), `LICENSE`, [b](https://b.test) and [c](#c)\n"),
        (
            "https://host.test/it/",
            "see [a](https://host.test/it/blob/HEAD/docs/a.md#x), "
            "[LICENSE](https://host.test/it/blob/HEAD/LICENSE), [b](https://b.test) and [c](#c)\n",
        ),
    ],
)
def test_links_are_absolute_if_the_project_has_a_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str | None, expected: str
) -> None:
    code = "```python\nx = a[0](b)\n```\n"
    (tmp_path / "README.md").write_text(
        "see [a](docs/a.md#x), [LICENSE](LICENSE), [b](https://b.test) and [c](#c)\n"
        '<picture>\n<img src="docs/a.svg">\n</picture>\n' + code
    )

    class Hook:
        root = str(tmp_path)

    # hatchling is installed only while a wheel is built.
    plugin = types.ModuleType("hatchling.metadata.plugin.interface")
    monkeypatch.setattr(plugin, "MetadataHookInterface", Hook, raising=False)
    monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
    names = runpy.run_path(str(ROOT / "tools" / "long_description.py"))
    metadata = {"urls": {"Source": source}} if source else {}
    names["LongDescription"]().update(metadata)
    assert metadata["readme"] == {"content-type": "text/markdown", "text": expected + code}
