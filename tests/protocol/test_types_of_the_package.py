"""The types of the package as a whole, and of the programs in its documents."""

import re
from pathlib import Path
from typing import get_args

import pytest

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.type_defs import PaginatorName
from tests.fakes.type_checkers import mypy_cache, pyright_output, run_mypy, run_pyright

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_type_of_every_public_name_is_known(tmp_path: Path) -> None:
    """As ``make check`` demands it; pyright reads the package as one that is installed."""
    output = pyright_output(tmp_path, "--verifytypes", "imagebuilder_pager", "--ignoreexternal")
    completeness = output["typeCompleteness"]
    symbols = completeness["symbols"]
    assert len(symbols) > 3000
    unknown = [
        symbol["name"]
        for symbol in symbols
        if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]
    ]
    assert unknown == []
    assert completeness["completenessScore"] == 1


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs of the README and the docs, and the examples."""
    folder = tmp_path_factory.mktemp("programs")
    for document in DOCUMENTS:
        text = document.read_text()
        for match in BLOCK.finditer(text):
            line = text[: match.start()].count("\n") + 2
            if "import pandas" not in match[1]:  # which has no types of its own
                (folder / f"{document.stem.replace('-', '_')}_{line}.py").write_text(match[1])
    for example in (ROOT / "examples").glob("*.py"):
        (folder / example.name).write_text(example.read_text())
    assert len(list(folder.glob("README_*.py"))) >= 6
    assert len(list(folder.glob("*.py"))) >= 25
    return folder


def test_mypy_finds_no_mistake_in_the_documents(
    programs: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = mypy_cache(request, tmp_path_factory)
    # boto3 and aiobotocore have no types, or are not there; nor have all functions of the examples.
    codes = ("import-untyped", "import-not-found", "no-untyped-def", "no-untyped-call")
    options = (f"--disable-error-code={code}" for code in codes)
    assert run_mypy(programs, cache, *options)["error"] == {}


def test_pyright_finds_no_mistake_in_the_documents(programs: Path) -> None:
    found = run_pyright(programs)["error"]
    # aiobotocore has an environment of its own, where there is no pyright.
    missing = 'Import "aiobotocore.session" could not be resolved'
    assert {place: texts for place, texts in found.items() if texts != [missing]} == {}


def test_the_operations_names_are_offered() -> None:
    """An editor completes what a Literal and a TypedDict hold."""
    paginated = [name for name, operation in OPERATIONS.items() if operation.pagination]
    assert list(get_args(PaginatorName)) == paginated
