"""Imports point down the layers of CONTRIBUTING.md, without a cycle, and are declared.

The graph is built from the source: every import counts, also in functions and for type checkers.
"""

import ast
import functools
import graphlib
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.fakes.sources import FILES, PACKAGE, parse

NAME = "imagebuilder_pager"
Graph = Mapping[str, set[str]]
# Private only by their names.
DOCUMENTED = {"._exit", "._replace"}

# From the top down. A module may import from lower layers and, in a folder, from its own folder,
# but not from another part of its own layer. The name of the package's own __init__ is "".
LAYERS: Sequence[set[str]] = [
    {"__main__"},
    {"cli", "pytest_plugin"},
    {"local", "fleet"},
    {""},
    {"client"},
    {"lifecycle_walk"},
    {"_methods"},
    {"type_defs"},
    {"_operations"},
    {"_rows"},
    {"models"},
    {"pagination", "_aws.credentials", "_aws.protocol"},
    {"_aws.transport"},
    {"_aws.auth"},
    {"_aws.identity", "_aws.rate_limit", "_aws.retries"},
    {"_aws.config", "_aws.clock", "_aws.attempts", "_aws"},
    {"_boto3_names", "_params"},
    {"_validation"},
    {"_async_runtime", "exceptions"},
    {"_dates", "_threads", "_lazy", "_version"},
]
#: What ``pagination`` and ``_aws`` may import beside themselves: each could be published by itself.
GROUND = {"_lazy", "_async_runtime", "_dates", "exceptions", "_threads", "_validation"}

# The private modules and attributes that the parts above the client use. Attributes of a class in
# the same file are not counted.
PRIVATE_USES = {
    "cli": {
        *("_dates", "_aws.config.region", "_aws.config.shared_config", "_aws.config.tls"),
        *("_aws.retries", "_aws.transport.types", "_operations", "_params", "_rows", "_threads"),
        *("_validation", "._connection", "._send"),
    },
    "fleet": {
        *("_aws.clock", "_aws.config.region", "_aws.config.shared_config", "_aws.config.tls"),
        *("_aws.credentials.refreshable", "_aws.credentials.resolver", "_aws.credentials.sts"),
        *("_aws.identity", "_aws.protocol.responses", "_aws.rate_limit", "_aws.retries"),
        *("_aws.transport.async_h11_transport", "_aws.transport.types", "_lazy"),
        *("_validation", "._rest"),
    },
    "local": {
        *("_aws.auth.signer", "_aws.auth.sigv4", "_aws.identity"),
        *("_dates", "_operations", "_params", "_rows", "_validation"),
    },
}


def find_modules() -> dict[str, Path]:
    """Return the modules by their names in the package; its own ``__init__`` is ""."""
    modules = {}
    for file in FILES:
        *folders, stem = file.relative_to(PACKAGE).with_suffix("").parts
        modules[".".join(folders if stem == "__init__" else [*folders, stem])] = file
    return modules


def imported_names(tree: ast.AST, file: Path) -> Iterator[str]:
    """Yield every import in code by its absolute name; for a name in a module, the module."""
    here = (NAME, *file.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) + 1 - node.level] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                path = PACKAGE.parent.joinpath(*module.split("."), alias.name)
                is_module = path.with_suffix(".py").exists() or (path / "__init__.py").exists()
                yield f"{module}.{alias.name}" if is_module else module


@functools.cache
def whole_graph() -> Graph:
    """Return the imports of all modules, by absolute names."""
    return {name: set(imported_names(parse(file), file)) for name, file in find_modules().items()}


@functools.cache
def package_graph() -> Graph:
    """Return the imports of the package's own modules."""
    return {name: own_imports(imported) for name, imported in whole_graph().items()}


def own_imports(imported: set[str]) -> set[str]:
    """Return the package's own modules among the imports."""
    return {f"{name}."[len(NAME) + 1 : -1] for name in imported if top_of(name) == NAME}


def top_of(name: str) -> str:
    return name.partition(".")[0]


def part_of(name: str) -> str:
    """Return the file or folder of a module that has a layer."""
    depth = 2 if top_of(name) == "_aws" else 1
    return ".".join(name.split(".")[:depth])


def find_violations(graph: Graph) -> set[tuple[str, str]]:
    """Return the imports that do not point down the layers."""
    layer_by_part = {part: number for number, parts in enumerate(LAYERS) for part in parts}
    violations = set()
    for name, imported in graph.items():
        assert part_of(name) in layer_by_part, f"{name} is in no layer"
        for other in imported:
            part, other_part = part_of(name), part_of(other)
            assert other_part in layer_by_part, f"{other}, imported by {name}, is in no layer"
            if part != other_part and layer_by_part[part] >= layer_by_part[other_part]:
                violations.add((name, other))
    return violations


def test_imports_have_no_cycle() -> None:
    graphlib.TopologicalSorter(package_graph()).prepare()


def test_imports_point_down_the_layers() -> None:
    assert not find_violations(package_graph())


def test_every_part_of_a_layer_exists() -> None:
    assert set().union(*LAYERS) == set(map(part_of, package_graph()))


def test_pagination_and_aws_can_be_lifted_out() -> None:
    for name, imported in package_graph().items():
        if top_of(name) in {"pagination", "_aws"}:
            assert set(map(top_of, imported)) <= {top_of(name)} | GROUND, name


def test_pagination_knows_no_http_and_no_model() -> None:
    for name, imported in whole_graph().items():
        if top_of(name) == "pagination":
            assert not {"botocore", "h11", "httpx", "pydantic"} & set(map(top_of, imported)), name


def private_modules_of(folder: str) -> set[str]:
    """Return the private modules that the folder's modules import."""
    graph = package_graph()
    imported = set().union(*(graph[name] for name in graph if top_of(name) == folder))
    return {name for name in imported if name.startswith("_")}


def private_attributes_of(folder: str) -> set[str]:
    """Return the private attributes that the folder's modules read but do not define."""
    found = set()
    for name, file in find_modules().items():
        if top_of(name) == folder:
            nodes = list(ast.walk(parse(file)))
            own = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
            own |= {
                node.attr
                for node in nodes
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"self", "cls"}
            }
            read = {node.attr for node in nodes if isinstance(node, ast.Attribute)} - own
            found |= {f".{attr}" for attr in read if re.match("_[a-z]", attr)}
    return found - DOCUMENTED


@pytest.mark.parametrize("folder", PRIVATE_USES)
def test_private_names_are_used_as_listed(folder: str) -> None:
    """Add a new use to the list, or make the name public; remove an old use."""
    assert private_modules_of(folder) | private_attributes_of(folder) == PRIVATE_USES[folder]


def test_botocore_is_imported_for_signing_and_nothing_else() -> None:
    packages = {"botocore", "boto3", "aiobotocore", "aioboto3", "s3transfer", "awscli"}
    found = {
        (name, one)
        for name, names in whole_graph().items()
        for one in names
        if top_of(one) in packages
    }
    assert found == {("_aws.auth.botocore_sigv4", "botocore.auth")}


# The declared dependencies.

PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
#: What only the command line imports.
CLI_EXTRAS = EXTRAS["cli"] + EXTRAS["dask"]


def normalized(requirement: str) -> str:
    """Return the name of a requirement's distribution, as registries compare names."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def modules_by_distribution() -> dict[str, set[str]]:
    """Return the modules that import it, for each distribution of others."""
    owners = packages_distributions()
    found: dict[str, set[str]] = {}
    for name, imported in whole_graph().items():
        for package in set(map(top_of, imported)) - sys.stdlib_module_names - {NAME}:
            # A package that is not installed counts under its own name, and is not declared.
            (distribution,) = {normalized(owner) for owner in owners.get(package, [package])}
            found.setdefault(distribution, set()).add(name)
    return found


def test_every_import_is_declared() -> None:
    """The plugin alone imports pytest, the command line alone the packages of its extras."""
    found = modules_by_distribution()
    assert found.pop("pytest") == {"pytest_plugin"}
    assert found.pop("typing-extensions") == {"pagination.base"}  # for type checkers, which have it
    extras = set(map(normalized, CLI_EXTRAS))
    assert found.keys() - extras <= set(map(normalized, PROJECT["dependencies"]))
    for distribution in extras:
        assert set(map(top_of, found[distribution])) == {"cli"}


def test_every_dependency_has_a_lower_bound() -> None:
    assert all(">=" in requirement for requirement in PROJECT["dependencies"] + CLI_EXTRAS)


# The checks find each kind of wrong import.


@pytest.mark.parametrize(
    ("code", "imported"),
    [
        ("from ...pagination.tokens import encode_token", "pagination.tokens"),
        ("from ... import models", "models"),
        (f"from {NAME}.client import ImageBuilder", "client"),
        (f"from {NAME} import ImageBuilder", ""),
        (f"import {NAME}._operations as rows", "_operations"),
        ("def f():\n    from ...local import LocalServer", "local"),
        ("if TYPE_CHECKING:\n    from ...cli import main", "cli.main"),
        ("try:\n    from . import sigv4\nexcept: pass", "_aws.auth.sigv4"),
        ("from ..config.region import *", "_aws.config.region"),
    ],
)
def test_every_way_to_import_is_seen(code: str, imported: str) -> None:
    tree = ast.parse(f"import json, httpx.x as x\nfrom os.path import join\n{code}\n")
    names = set(imported_names(tree, PACKAGE / "_aws" / "auth" / "signer.py"))
    assert own_imports(names) == {imported}
    assert {name for name in names if top_of(name) != NAME} == {"json", "httpx.x", "os.path"}


@pytest.mark.parametrize(
    ("importer", "imported", "is_allowed"),
    [
        ("cli.main", "cli.args", True),
        ("_aws.credentials.chain", "_aws.transport.types", True),
        ("_aws.credentials.chain", "_aws.credentials.sts", True),
        ("_aws.clock", "pagination.tokens", False),
        ("client", "", False),
        ("_aws.protocol.rest_json", "_aws.credentials.chain", False),
        ("_aws.auth.signer", "_aws.transport.types", False),
    ],
)
def test_an_import_that_does_not_point_down_is_found(
    importer: str, imported: str, *, is_allowed: bool
) -> None:
    assert find_violations({importer: {imported}}) == (
        set() if is_allowed else {(importer, imported)}
    )


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ({"helpers": {"client"}}, "helpers is in no layer"),
        ({"_aws.clock": {"_aws.helpers"}}, r"_aws\.helpers, imported by _aws\.clock, is in no"),
    ],
)
def test_a_module_in_no_layer_is_found(graph: Graph, message: str) -> None:
    with pytest.raises(AssertionError, match=f"^{message}"):
        find_violations(graph)
