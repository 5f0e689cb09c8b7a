"""The slim folder: what is in it, how large it is, and that it is enough."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pytest

from tools.slim import build, files_of, requirements_of

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


@pytest.fixture(scope="session")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slim") / "site"
    build(folder)
    return folder


def on_disk(files: Iterable[tuple[Path, PurePath]]) -> float:
    """The megabytes that the files and their folders take, in blocks of 4 KiB on any system."""
    blocks = 0
    folders: set[PurePath] = set()
    for path, place in files:
        blocks += -(-path.stat().st_size // 4096)
        folders.update(place.parents)
    return (blocks + len(folders)) * 4096 / 1e6


def test_what_is_in_it(slim: Path) -> None:
    assert {path.name for path in slim.iterdir() if path.suffix != ".dist-info"} == PACKAGES


def test_what_is_not(slim: Path) -> None:
    assert not (slim / "botocore" / "data").exists()
    names = {path.name for path in slim.rglob("*")}
    assert not names & {"__pycache__", "tests", "RECORD", "entry_points.txt", "direct_url.json"}
    assert not {Path(name).suffix for name in names} & {".pyc", ".pyi", ".pth"}


def test_every_distribution_keeps_its_metadata_and_its_licence(slim: Path) -> None:
    folders = sorted(slim.glob("*.dist-info"))
    assert len(folders) == len(PACKAGES)
    for folder in folders:
        names = {path.name.lower() for path in folder.rglob("*") if path.is_file()}
        assert "metadata" in names
        assert any("licen" in name or "copying" in name for name in names), folder.name


def test_its_size(slim: Path) -> None:
    ours = on_disk((path, path.relative_to(slim)) for path in slim.rglob("*") if path.is_file())
    boto3 = on_disk(
        (path, place)
        for distribution in requirements_of("boto3")
        for path, place in files_of(distribution)
        if place.suffix != ".pyc"
    )
    assert ours / boto3 < 0.45
    assert ours < 15


def test_it_is_built_anew_and_removes_nothing_else(slim: Path, tmp_path: Path) -> None:
    (slim / "left-over.py").touch()
    build(slim)
    assert not (slim / "left-over.py").exists()
    (tmp_path / "somebody's").touch()
    with pytest.raises(FileExistsError):
        build(tmp_path)
    assert (tmp_path / "somebody's").exists()


def run(slim: Path, code: str) -> str:
    """What the code prints, where there is nothing but the folder and the standard library."""
    prelude = f"import sys; sys.path.insert(0, {str(slim)!r}); "
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-W", "error", "-c", prelude + code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_demo_runs(slim: Path) -> None:
    shown = run(slim, "from imagebuilder_pager.local.demo import main; main()")
    assert "The listing is complete" in shown


def test_nothing_is_imported_from_elsewhere(slim: Path) -> None:
    code = """
import imagebuilder_pager.client, imagebuilder_pager.local.demo, os, sysconfig
paths = (sys.path[0], sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
for name, module in list(sys.modules.items()):
    file = getattr(module, "__file__", None)
    if file and not file.startswith(paths):
        print(name, file)
"""
    assert run(slim, code.replace("\n", "", 1)) == ""


@pytest.mark.parametrize("file", ["test_documents.py", "test_local_server.py"])
def test_the_integration_tests_pass_with_it(slim: Path, file: str) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(slim)!r})
import imagebuilder_pager, botocore, pytest
assert imagebuilder_pager.__file__.startswith({str(slim)!r})
assert botocore.__file__.startswith({str(slim)!r})
options = ["-q", "-p", "no:cacheprovider", "-o", "pythonpath="]
sys.exit(pytest.main([*options, "tests/integration/{file}"]))
"""
    ran = subprocess.run(
        [sys.executable, "-P", "-B", "-c", code],
        cwd=ROOT,
        env=environment(slim),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def environment(slim: Path) -> dict[str, str]:
    """For what the tests start in their turn."""

    return {**os.environ, "PYTHONPATH": str(slim), "PYTHONDONTWRITEBYTECODE": "1"}
