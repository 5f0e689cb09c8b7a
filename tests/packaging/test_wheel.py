"""The wheels imagebuilder-pager and imagebuilder-pager-lean: their files and their metadata."""

import re
import tomllib
import zipfile
from configparser import ConfigParser
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest

import imagebuilder_pager
from tools import dist
from tools.long_description import LongDescription

ROOT = Path(__file__).parents[2]
VERSION = imagebuilder_pager.__version__
NAMES = ("imagebuilder-pager", "imagebuilder-pager-lean")
LEAN_LEAVES_OUT = re.compile(r"imagebuilder_pager/(local/.*|pytest_plugin\.py)")
#: The name of a distribution at the beginning of a requirement.
NAME = re.compile(r"[\w.-]+")


def names_of(requirements: list[str]) -> set[str]:
    """Return the names of those that are needed without an extra."""
    found = (NAME.match(one) for one in requirements if "extra ==" not in one)
    return {match[0] for match in found if match}


def project(file: str) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / file).read_text())["project"]
    return table


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    dist.build(folder)
    return folder


@pytest.fixture(scope="module", params=NAMES)
def wheel(request: pytest.FixtureRequest, built: Path) -> Path:
    name = request.param.replace("-", "_")
    return built / f"{name}-{VERSION}-py3-none-any.whl"


@pytest.fixture(scope="module")
def is_lean(wheel: Path) -> bool:
    return "_lean" in wheel.name


@pytest.fixture(scope="module")
def archive(wheel: Path) -> dict[str, str]:
    """Return the texts of the wheel's files by name; names of metadata have no folder."""
    with zipfile.ZipFile(wheel) as file:
        return {
            re.sub(r"^[^/]*\.dist-info/", "", name): file.read(name).decode()
            for name in file.namelist()
            if not name.endswith("/")
        }


@pytest.fixture(scope="module")
def metadata(archive: dict[str, str]) -> Message:
    return HeaderParser().parsestr(archive["METADATA"])


def test_a_release_has_a_source_distribution_and_two_wheels(built: Path) -> None:
    wheels = {f"{name.replace('-', '_')}-{VERSION}-py3-none-any.whl" for name in NAMES}
    sdist = f"imagebuilder_pager-{VERSION}.tar.gz"
    assert {path.name for path in built.iterdir()} == {sdist, *wheels}


def test_a_wheel_has_the_package_and_nothing_else(
    archive: dict[str, str], *, is_lean: bool
) -> None:
    package = {name for name in archive if name.startswith("imagebuilder_pager/")}
    files = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert archive.keys() - package == files
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "imagebuilder_pager").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    left_out = {name for name in here if is_lean and LEAN_LEAVES_OUT.fullmatch(name)}
    assert package == here - left_out
    assert "imagebuilder_pager/py.typed" in package
    assert {Path(name).suffix for name in package} <= {".py", ".typed", ".json"}


def test_its_metadata(archive: dict[str, str], metadata: Message, *, is_lean: bool) -> None:
    assert metadata["Name"] == NAMES[is_lean]
    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert archive["licenses/LICENSE"] == (ROOT / "LICENSE").read_text()
    required = names_of(metadata.get_all("Requires-Dist", []))
    if is_lean:
        assert required == {"certifi", "h11", "pydantic", "pydantic-core"}
    else:
        assert required == names_of(project("pyproject.toml")["dependencies"])
        assert required >= {"botocore", "h11", "httpx", "pydantic"}
        assert not required & {"boto3", "aiobotocore", "awscli", "pytest", "rich"}
        assert any(
            re.match(r"rich\b.*extra == .cli.", one)
            for one in metadata.get_all("Requires-Dist", [])
        )


def test_the_changelog_has_a_section_for_the_version_below_what_is_unreleased() -> None:
    sections = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[0] == "Unreleased"
    assert sections[1].split(" - ")[0] == VERSION


def test_its_entry_points(archive: dict[str, str], *, is_lean: bool) -> None:
    parser = ConfigParser(delimiters="=")
    parser.read_string(archive["entry_points.txt"])
    plugin = {"imagebuilder_pager.pytest_plugin": "imagebuilder_pager.pytest_plugin"}
    assert {section: dict(parser[section]) for section in parser.sections()} == {
        "console_scripts": {"imagebuilder-pager": "imagebuilder_pager.cli.main:main"},
        **({} if is_lean else {"pytest11": plugin}),
    }


def test_the_lean_project_is_the_default_one_with_fewer_requirements() -> None:
    default, lean = project("pyproject.toml"), project("pyproject-lean.toml")
    assert set(lean["dependencies"]) < set(default["dependencies"])
    (jmespath,) = [one for one in default["dependencies"] if one.startswith("jmespath")]
    assert lean["optional-dependencies"] == {
        "cli": sorted([jmespath, *default["optional-dependencies"]["cli"]])
    }
    own = {"dependencies", "description", "dynamic", "keywords", "name", "optional-dependencies"}
    own |= {"entry-points", "readme"}
    shared = default.keys() - own
    assert {"classifiers", "license", "requires-python", "scripts"} < shared
    assert {key: lean[key] for key in lean.keys() - own} == {key: default[key] for key in shared}


def test_the_readme_on_an_index_has_no_link_to_a_file(metadata: Message, *, is_lean: bool) -> None:
    """An index has no files; the paths and the whole text are still there."""
    description = metadata.get_payload()
    assert isinstance(description, str)
    links = re.findall(r"\]\(([^)]*)\)|(?:src|href|srcset)=\"([^\"]*)\"", description)
    targets = [first or second for first, second in links]
    # The index's page has no anchors for headings.
    assert not [target for target in targets if not target.startswith("https://")]
    if is_lean:
        assert "Install one of the two" in description
        return
    assert "(`docs/" in description
    readme = (ROOT / "README.md").read_text()
    for block in re.findall(r"^```python\n.*?^```$", readme, re.MULTILINE | re.DOTALL):
        assert block in description
    headings = re.findall(r"^## .*$", readme, re.MULTILINE)
    assert re.findall(r"^## .*$", description, re.MULTILINE) == headings


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (None, "see a (`docs/a.md`), `LICENSE`, [b](https://b.test) and c\n"),
        (
            "https://host.test/it/",
            "see [a](https://host.test/it/blob/HEAD/docs/a.md#x), "
            "[LICENSE](https://host.test/it/blob/HEAD/LICENSE), [b](https://b.test) and c\n",
        ),
    ],
)
def test_links_are_absolute_if_the_project_has_a_source(
    tmp_path: Path, source: str | None, expected: str
) -> None:
    code = "```python\nx = a[0](b)\n```\n"
    (tmp_path / "README.md").write_text(
        "see [a](docs/a.md#x), [LICENSE](LICENSE), [b](https://b.test) and [c](#c)\n"
        '<picture>\n<img src="docs/a.svg">\n</picture>\n' + code
    )

    metadata: dict[str, Any] = {"urls": {"Source": source}} if source else {}
    LongDescription(str(tmp_path), {}).update(metadata)
    assert metadata["readme"] == {"content-type": "text/markdown", "text": expected + code}
