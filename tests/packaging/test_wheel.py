"""The built wheel: what is in it, and that it works in a fresh environment without botocore's data.

Needs the package registry that pip is configured for.
"""

import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import types
import zipfile
from configparser import ConfigParser
from email.parser import HeaderParser
from pathlib import Path

import pytest

import imagebuilder_pager

ROOT = Path(__file__).parents[2]
VERSION = imagebuilder_pager.__version__
OTHER_FOLDERS = {"benchmarks", "docs", "examples", "fixtures", "tests", "tools"}


def run(*command: str | Path, cwd: Path) -> str:
    """Runs a command in a folder from which the sources cannot be imported; returns its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # A URL, since pip splits the variable at spaces.
    environment["PIP_CONSTRAINT"] = (ROOT / "constraints.txt").as_uri()
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    ran = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built in an environment of its own from what a checkout has."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel, its dependencies, and no botocore/data."""
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


def test_it_has_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    package = {name for name in names if name.startswith("imagebuilder_pager/")}
    info = f"imagebuilder_pager-{VERSION}.dist-info"
    files = ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    assert names - package == {f"{info}/{name}" for name in files}

    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "imagebuilder_pager").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert package == here
    assert "imagebuilder_pager/py.typed" in package
    assert "imagebuilder_pager/pagination/cursor.py" in package
    assert {Path(name).suffix for name in package} <= {".py", ".typed", ".json"}
    assert not {part for name in names for part in name.split("/") if part in OTHER_FOLDERS}


def test_its_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = f"imagebuilder_pager-{VERSION}.dist-info"
        metadata = HeaderParser().parsestr(archive.read(f"{info}/METADATA").decode())
        licence = archive.read(f"{info}/licenses/LICENSE")
    assert metadata["Name"] == "imagebuilder-pager"
    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert licence == (ROOT / "LICENSE").read_bytes()
    required = {
        re.split(r"[^A-Za-z0-9-]", requirement)[0]
        for requirement in metadata.get_all("Requires-Dist", [])
        if "extra ==" not in requirement
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[^A-Za-z0-9-]", name)[0] for name in project["dependencies"]}
    assert required == declared >= {"botocore", "h11", "httpx", "pydantic"}
    assert not required & {"boto3", "aiobotocore", "awscli", "pytest"}


def test_its_entry_points(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = f"imagebuilder_pager-{VERSION}.dist-info/entry_points.txt"
        parser = ConfigParser(delimiters="=")
        parser.read_string(archive.read(name).decode())
    assert {section: dict(parser[section]) for section in parser.sections()} == {
        "console_scripts": {"imagebuilder-pager": "imagebuilder_pager.cli.main:main"},
        "pytest11": {"imagebuilder_pager.pytest_plugin": "imagebuilder_pager.pytest_plugin"},
    }


def test_the_readme_on_an_index_has_no_link_to_a_file(wheel: Path) -> None:
    """An index has no files to lead to; the paths are there, and all of the text."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"imagebuilder_pager-{VERSION}.dist-info/METADATA").decode()
    description = HeaderParser().parsestr(metadata).get_payload()
    assert isinstance(description, str)
    links = re.findall(r"\]\(([^)]*)\)|(?:src|href|srcset)=\"([^\"]*)\"", description)
    targets = [first or second for first, second in links]
    assert len(targets) >= 3
    assert not [target for target in targets if not target.startswith(("https://", "#"))]
    assert "credentials (`docs/credentials.md`)" in description
    readme = (ROOT / "README.md").read_text()
    for block in re.findall(r"^```python\n.*?^```$", readme, re.MULTILINE | re.DOTALL):
        assert block in description
    headings = re.findall(r"^## .*$", readme, re.MULTILINE)
    assert re.findall(r"^## .*$", description, re.MULTILINE) == headings


FLOW = """
import asyncio, pathlib, sys

import botocore
import imagebuilder_pager
from imagebuilder_pager import AsyncImageBuilder, ImageBuilder
from imagebuilder_pager.local import (
    ACCESS_KEY_ID, EXAMPLE_EXECUTION_ID, SECRET_ACCESS_KEY,
    LocalImageBuilder, LocalServer, generate_account,
)

prefix = pathlib.Path(sys.prefix)
for module in (imagebuilder_pager, botocore):
    assert prefix in pathlib.Path(module.__file__).parents, module.__file__
assert not (pathlib.Path(botocore.__file__).parent / "data").exists()

account = generate_account(resources=60)
expected = [resource["resourceId"] for resource in account.executions[0].resources]
assert len(expected) == 60
name = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}


def arguments(url):
    return dict(region_name="us-west-2", endpoint_url=url, aws_access_key_id=ACCESS_KEY_ID,
                aws_secret_access_key=SECRET_ACCESS_KEY, aws_session_token="token")


def sync_flow(url):
    with ImageBuilder(**arguments(url)) as client:
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        pages = paginator.paginate(**name, PaginationConfig={"MaxItems": 33, "PageSize": 25})
        found = [resource.resource_id for page in pages for resource in page.resources]
        assert found == expected[:33]
        config = {"StartingToken": pages.resume_token}
        rest = paginator.paginate(**name, PaginationConfig=config).build_full_result()
        assert [resource["resourceId"] for resource in rest["resources"]] == expected[33:]
        assert "NextToken" not in rest
        try:
            client.list_lifecycle_execution_resources(**name, nextToken="made-up")
        except client.exceptions.InvalidPaginationTokenException as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        else:
            raise AssertionError("a made-up token was taken")


async def async_flow(url):
    async with AsyncImageBuilder(**arguments(url)) as client:
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        pages = paginator.paginate(**name)
        found = [resource.resource_id async for page in pages for resource in page.resources]
        assert found == expected


with LocalServer(LocalImageBuilder(account)) as server:
    sync_flow(server.url)
    asyncio.run(async_flow(server.url))
for module in ("boto3", "botocore.session", "botocore.client", "botocore.loaders"):
    assert module not in sys.modules, module
print("all of it")
"""


def test_the_whole_flow_works_without_botocores_data(fresh: Path) -> None:
    assert run(fresh, "-I", "-W", "error", "-c", FLOW, cwd=fresh.parent) == "all of it\n"


def test_only_what_is_needed_is_installed(fresh: Path) -> None:
    code = "import importlib.metadata as m; print(*[d.name for d in m.distributions()])"
    installed = {name.lower() for name in run(fresh, "-I", "-c", code, cwd=fresh.parent).split()}
    assert {"imagebuilder-pager", "botocore", "httpx", "pydantic"} <= installed
    assert not installed & {"boto3", "aiobotocore", "awscli", "aiohttp", "pytest", "trio"}
    run(fresh, "-m", "pip", "check", cwd=fresh.parent)


def test_the_local_service_starts_as_a_command(fresh: Path) -> None:
    shown = run(fresh, "-I", "-m", "imagebuilder_pager.local", "--help", cwd=fresh.parent)
    assert "--resources" in shown


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
def test_links_are_absolute_where_the_project_has_a_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str | None, expected: str
) -> None:
    code = "```python\nx = a[0](b)\n```\n"
    (tmp_path / "README.md").write_text(
        "see [a](docs/a.md#x), [LICENSE](LICENSE), [b](https://b.test) and [c](#c)\n"
        '<picture>\n<img src="docs/a.svg">\n</picture>\n' + code
    )

    class Hook:
        root = str(tmp_path)

    # hatchling is there only while a wheel is built.
    plugin = types.ModuleType("hatchling.metadata.plugin.interface")
    monkeypatch.setattr(plugin, "MetadataHookInterface", Hook, raising=False)
    monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
    names = runpy.run_path(str(ROOT / "tools" / "long_description.py"))
    metadata = {"urls": {"Source": source}} if source else {}
    names["LongDescription"]().update(metadata)
    assert metadata["readme"] == {"content-type": "text/markdown", "text": expected + code}
