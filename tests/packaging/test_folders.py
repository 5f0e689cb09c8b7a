"""The folders of ``make slim``: their content, size, and a listing with only the folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pytest

from tools.container import OPTIONAL_PARTS, build, check, files_of, requirements_of

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]

PACKAGES = {
    "annotated_types",
    "anyio",
    "botocore",
    "certifi",
    "dateutil",
    "h11",
    "httpcore",
    "httpx",
    "idna",
    "imagebuilder_pager",
    "jmespath",
    "pydantic",
    "pydantic_core",
    "six.py",
    "typing_extensions.py",
    "typing_inspection",
    "urllib3",
}
NOT_LEAN = {
    *("anyio", "botocore", "dateutil", "httpcore", "httpx", "idna", "jmespath", "six.py", "urllib3")
}


@pytest.fixture(scope="session")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slim") / "site"
    build(folder)
    return folder


@pytest.fixture(scope="session")
def slim_with_all_parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slim-with-all-parts") / "site"
    build(folder, OPTIONAL_PARTS)
    return folder


def size_on_disk(files: Iterable[tuple[Path, PurePath]]) -> float:
    """Return the megabytes that the files and their folders take, in blocks of 4 KiB."""
    blocks = 0
    folders: set[PurePath] = set()
    for path, place in files:
        blocks += -(-path.stat().st_size // 4096)
        folders.update(place.parents)
    return (blocks + len(folders)) * 4096 / 1e6


def test_it_has_the_library_and_its_requirements(slim: Path) -> None:
    assert {path.name for path in slim.iterdir() if path.suffix != ".dist-info"} == PACKAGES


def test_it_has_no_data_of_botocore_no_tests_no_stubs_and_no_bytecode(slim: Path) -> None:
    assert not (slim / "botocore" / "data").exists()
    names = {path.name for path in slim.rglob("*")}
    assert not names & {"__pycache__", "tests", "RECORD", "entry_points.txt", "direct_url.json"}
    assert not {Path(name).suffix for name in names} & {".pyc", ".pyi", ".pth"}


def files_in(folder: Path) -> set[str]:
    """Return the files of the library in a folder."""
    library = folder / "imagebuilder_pager"
    return {
        path.relative_to(library).as_posix()
        for path in library.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


PARTS = {
    "cli": ("cli/", "__main__.py"),
    "fleet": ("fleet/",),
    "local": ("local/", "pytest_plugin.py"),
    "walk": ("lifecycle_walk/",),
}


@pytest.mark.parametrize("part", ["", *PARTS])
def test_it_has_the_requested_part(tmp_path: Path, part: str) -> None:
    build(tmp_path, [part] if part else [])
    left_out = tuple(name for other in PARTS.keys() - {part} for name in PARTS[other])
    assert files_in(tmp_path) == {name for name in files_in(ROOT) if not name.startswith(left_out)}


def test_with_all_parts_it_has_the_whole_library(slim_with_all_parts: Path) -> None:
    assert files_in(slim_with_all_parts) == files_in(ROOT)


def test_every_distribution_keeps_its_metadata_and_its_licence(slim: Path) -> None:
    folders = sorted(slim.glob("*.dist-info"))
    assert len(folders) == len(PACKAGES)
    for folder in folders:
        names = {path.name.lower() for path in folder.rglob("*") if path.is_file()}
        assert "metadata" in names
        assert any("licen" in name or "copying" in name for name in names), folder.name


def test_it_is_less_than_half_of_boto3(slim: Path) -> None:
    ours = size_on_disk(
        (path, path.relative_to(slim)) for path in slim.rglob("*") if path.is_file()
    )
    boto3 = size_on_disk(
        (path, place)
        for distribution in requirements_of("boto3")
        for path, place in files_of(distribution)
        if place.suffix != ".pyc"
    )
    assert ours / boto3 < 0.45
    assert ours < 15


def test_a_new_build_replaces_the_old_one_and_no_other_folder(slim: Path, tmp_path: Path) -> None:
    (slim / "left-over.py").touch()
    build(slim)
    assert not (slim / "left-over.py").exists()
    (tmp_path / "another-file").touch()
    with pytest.raises(FileExistsError):
        build(tmp_path)
    assert (tmp_path / "another-file").exists()


def test_it_lists_from_a_server_outside_of_it(slim: Path) -> None:
    assert len(set(check(slim))) == 60


def test_a_listing_that_fails_is_an_error(slim: Path, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        check(tmp_path)


def run(folder: Path, code: str) -> str:
    """Return the output of code with only the folder and the standard library."""
    prelude = f"import sys; sys.path.insert(0, {str(folder)!r}); "
    completed = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-W", "error", "-c", prelude + code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def test_the_demo_runs_with_all_parts(slim_with_all_parts: Path) -> None:
    output = run(slim_with_all_parts, "from imagebuilder_pager.local.demo import main; main()")
    assert "The listing is complete" in output


WALK = """
from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions
for kind in (ImageBuilder, AsyncImageBuilder):
    client = kind("us-west-2", aws_access_key_id="a", aws_secret_access_key="b")
    try:
        print(client.walk_lifecycle().starting_token)
    except exceptions.MissingDependencyException as error:
        print(error)
"""


def test_the_walk_names_the_missing_part(slim: Path, slim_with_all_parts: Path) -> None:
    line = (
        "walk_lifecycle needs imagebuilder_pager.lifecycle_walk, which this copy of the library "
        "leaves out; make slim SLIM_WITH=walk builds one that has it\n"
    )
    assert run(slim, WALK) == line * 2
    assert run(slim_with_all_parts, WALK) == "None\n" * 2


def test_nothing_is_imported_from_elsewhere(slim: Path) -> None:
    code = """
import imagebuilder_pager.client, os, sysconfig
imagebuilder_pager.client.ImageBuilder(
    "us-west-2", aws_access_key_id="a", aws_secret_access_key="b"
).close()
paths = (sys.path[0], sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
for name, module in list(sys.modules.items()):
    file = getattr(module, "__file__", None)
    if file and not file.startswith(paths):
        print(name, file)
"""
    assert run(slim, code.replace("\n", "", 1)) == ""


def test_the_integration_tests_pass_with_all_parts(slim_with_all_parts: Path) -> None:
    slim = slim_with_all_parts
    code = f"""
import sys
sys.path.insert(0, {str(slim)!r})
sys.path.append({str(ROOT)!r})  # for tests.fakes
import imagebuilder_pager, botocore, pytest
assert imagebuilder_pager.__file__.startswith({str(slim)!r})
assert botocore.__file__.startswith({str(slim)!r})
options = ["-q", "-p", "no:cacheprovider", "-o", "pythonpath="]
# The package is imported before pytest finds its plugin.
options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
sys.exit(pytest.main([*options, "tests/integration/test_local_server.py"]))
"""
    completed = subprocess.run(
        [sys.executable, "-P", "-B", "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(slim), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr


# The lean folder


@pytest.fixture(scope="module")
def lean_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lean-folder") / "site"
    build(folder, lean=True)
    return folder


def test_the_lean_folder_has_its_requirements_and_less_of_pydantic(lean_folder: Path) -> None:
    packages = {path.name for path in lean_folder.iterdir() if path.suffix != ".dist-info"}
    assert packages == PACKAGES - NOT_LEAN
    assert not (lean_folder / "pydantic" / "v1").exists()
    files = [path for path in lean_folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8e6


def test_the_lean_folder_lists_with_h11_client_alone(lean_folder: Path) -> None:
    assert len(set(check(lean_folder, lean=True))) == 60
    with pytest.raises(subprocess.CalledProcessError):
        check(lean_folder)
