"""The package declares each distribution that it imports, with a lower bound."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import imagebuilder_pager

PACKAGE = Path(imagebuilder_pager.__file__).parent
ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def normalized(requirement: str) -> str:
    """Return the name of a requirement's distribution, as registries compare names."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None
    return re.sub(r"[-_.]+", "-", match[0]).lower()


REQUIRED = {normalized(requirement) for requirement in PROJECT["dependencies"]}
EXTRAS = PROJECT["optional-dependencies"]
#: What only the command line imports.
CLI_EXTRAS = {normalized(requirement) for name in ("cli", "dask") for requirement in EXTRAS[name]}


def imported_packages(source: str) -> set[str]:
    """Return the top-level packages of others that a file imports, wherever the import stands.

    Type checkers bring ``typing_extensions`` along, so that an import for them alone needs nothing.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [line for line in node.body if not is_typing_extensions(line)]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names - {"imagebuilder_pager"}


def is_typing_extensions(line: ast.stmt) -> bool:
    return isinstance(line, ast.ImportFrom) and line.module == "typing_extensions"


def imports_by_distribution() -> dict[str, set[str]]:
    """Return, for each distribution that the package imports, the files that do."""
    owners = packages_distributions()
    found: dict[str, set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        for package in imported_packages(file.read_text(encoding="utf-8")):
            # A package that is not installed counts under its own name, and is not declared.
            (distribution,) = {normalized(name) for name in owners.get(package, [package])}
            found.setdefault(distribution, set()).add(file.relative_to(PACKAGE).as_posix())
    return found


def test_every_import_is_declared() -> None:
    """The plugin alone imports pytest, the command line alone the packages of its extras."""
    found = imports_by_distribution()
    assert not found.keys() - REQUIRED - CLI_EXTRAS - {"pytest"}
    assert found["pytest"] == {"pytest_plugin.py"}
    for distribution in CLI_EXTRAS:
        assert all(file.startswith("cli/") for file in found[distribution])


def test_every_dependency_has_a_lower_bound() -> None:
    for requirement in PROJECT["dependencies"] + EXTRAS["cli"] + EXTRAS["dask"]:
        assert ">=" in requirement


def test_an_import_is_seen_wherever_it_stands() -> None:
    for source in (
        "import h11",
        "import h11._state as state",
        "from h11 import Connection",
        "from h11._events import Data",
        "def f():\n    import h11",
        "if TYPE_CHECKING:\n    from h11 import Data",
    ):
        assert imported_packages(source) == {"h11"}, source
    assert imported_packages("from typing_extensions import Self") == {"typing_extensions"}
    only_for_checkers = "if TYPE_CHECKING:\n    from typing_extensions import Self\nelse:\n    pass"
    assert not imported_packages(only_for_checkers)
    assert not imported_packages("import os.path\nfrom . import h11\nfrom .h11 import x")
    assert not imported_packages("from imagebuilder_pager import client")
