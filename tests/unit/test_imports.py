"""Imports point down the layers of CONTRIBUTING.md, without a cycle; few import botocore.

The graph is built from the source: every import counts, also in functions and for type checkers.
"""

import ast
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.fakes.sources import FILES, PACKAGE, parse

NAME = "imagebuilder_pager"
Graph = Mapping[str, set[str]]
Layers = Sequence[set[str]]
# Private only by their names.
DOCUMENTED = {"._exit", "._replace"}

# From the top down. A module may import from lower layers and, in a folder, from its own folder,
# but not from another part of its own layer. The name of the package's own __init__ is "".
LAYERS: Layers = [
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
    {"pagination", "_aws"},
    {"_boto3_names", "_params"},
    {"_validation"},
    {"_async_runtime", "exceptions"},
    {"_dates", "_threads", "_lazy", "_version"},
]
AWS_LAYERS: Layers = [
    {"credentials", "protocol"},
    {"transport"},
    {"auth"},
    {"identity", "rate_limit", "retries"},
    {"config", "clock", "attempts"},
]

#: Of botocore, by module, what is imported: for signing, and nothing else.
BOTOCORE = {"_aws.auth.botocore_sigv4": {"botocore.auth"}}


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


def package_imports(tree: ast.AST, file: Path) -> set[str]:
    """Return the modules of the package that code imports."""
    names = {f"{name}." for name in imported_names(tree, file)}
    return {name[len(NAME) + 1 : -1] for name in names if name.startswith(f"{NAME}.")}


def find_circle(graph: Graph) -> list[str]:
    """Return the modules of an import cycle, or none."""
    finished: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name in finished:
            return []
        for other in sorted(graph.get(name, ())):
            if circle := visit(other, [*path, name]):
                return circle
        finished.add(name)
        return []

    return next((circle for name in sorted(graph) if (circle := visit(name, []))), [])


def find_violations(graph: Graph) -> set[tuple[str, str]]:
    """Return the imports that do not point down the layers of the package or of ``_aws``."""
    return _find_violations(graph, LAYERS) | _find_violations(graph, AWS_LAYERS, "_aws")


def _find_violations(graph: Graph, layers: Layers, folder: str = "") -> set[tuple[str, str]]:
    layer_by_part = {part: number for number, parts in enumerate(layers) for part in parts}
    violations = set()
    for name, imported in graph.items():
        for other in imported:
            if folder and not (in_folder(name, folder) and in_folder(other, folder)):
                continue
            part, other_part = part_of(name, folder), part_of(other, folder)
            assert part in layer_by_part, f"{name} is in no layer"
            assert other_part in layer_by_part, f"{other}, imported by {name}, is in no layer"
            if part != other_part and layer_by_part[part] >= layer_by_part[other_part]:
                violations.add((name, other))
    return violations


def in_folder(name: str, folder: str) -> bool:
    return name.startswith(f"{folder}.")


def part_of(name: str, folder: str) -> str:
    """Return the file or folder of a module, directly inside ``folder``."""
    return (name.removeprefix(f"{folder}.") if folder else name).partition(".")[0]


def others_imports(tree: ast.AST, file: Path, *packages: str) -> set[str]:
    """Return the modules of these packages that code imports."""
    return {name for name in imported_names(tree, file) if name.partition(".")[0] in packages}


MODULES = find_modules()


@functools.cache
def whole_graph() -> Graph:
    """Return the imports of all modules."""
    return {name: package_imports(parse(file), file) for name, file in MODULES.items()}


def test_imports_have_no_cycle() -> None:
    assert find_circle(whole_graph()) == []


def test_imports_point_down_the_layers() -> None:
    assert not find_violations(whole_graph())


def test_every_module_is_in_a_layer() -> None:
    assert {part_of(name, "") for name in MODULES} == set().union(*LAYERS)
    parts = {part_of(name, "_aws") for name in MODULES if in_folder(name, "_aws")}
    assert parts == set().union(*AWS_LAYERS)


def test_pagination_and_aws_can_be_lifted_out() -> None:
    ground = {"_lazy", "_async_runtime", "_dates", "exceptions", "_threads", "_validation"}
    for folder in ("pagination", "_aws"):
        for name in MODULES:
            if part_of(name, "") == folder:
                assert {part_of(other, "") for other in whole_graph()[name]} <= {folder} | ground, (
                    name
                )


def test_pagination_knows_no_http_and_no_model() -> None:
    for name, file in MODULES.items():
        if part_of(name, "") == "pagination":
            packages = ("botocore", "h11", "httpx", "pydantic")
            assert not others_imports(parse(file), file, *packages), name


def private_modules_of(folder: str) -> set[str]:
    """Return the private modules that the folder's modules import."""
    graph = whole_graph()
    imported = set().union(*(graph[name] for name in graph if part_of(name, "") == folder))
    return {name for name in imported if name.startswith("_")}


def private_attributes_of(folder: str) -> set[str]:
    """Return the private attributes that the folder's modules read but do not define."""
    found = set()
    for name, file in MODULES.items():
        if part_of(name, "") == folder:
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


def test_only_the_allowed_modules_of_botocore_are_imported() -> None:
    packages = ("botocore", "boto3", "aiobotocore", "aioboto3", "s3transfer", "awscli")
    found = {name: others_imports(parse(file), file, *packages) for name, file in MODULES.items()}
    assert {name: imported for name, imported in found.items() if imported} == BOTOCORE


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
    tree = ast.parse(f"import json, httpx.x\nfrom os import path\n{code}\n")
    assert package_imports(tree, PACKAGE / "_aws" / "auth" / "signer.py") == {imported}


@pytest.mark.parametrize(
    ("importer", "imported", "is_allowed"),
    [
        ("cli.main", "cli.args", True),
        ("client", "_aws.credentials.resolver", True),
        ("_aws.credentials.chain", "_aws.transport.types", True),
        ("_aws.credentials.chain", "_aws.credentials.sts", True),
        ("_aws.credentials.chain", "_validation", True),
        ("_aws.clock", "pagination.tokens", False),
        ("pagination.cursor", "_aws.clock", False),
        ("models.shapes", "_operations", False),
        ("client", "", False),
        ("exceptions", "_validation", False),
        ("_aws.protocol.rest_json", "_aws.credentials.chain", False),
        ("_aws.auth.signer", "_aws.transport.types", False),
        ("_aws.clock", "_aws.config.region", False),
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


@pytest.mark.parametrize(
    ("graph", "circle"),
    [
        ({"a": {"b", "c"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"a"}}, ["a"]),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, ["b", "c"]),
    ],
)
def test_a_cycle_is_found(graph: Graph, circle: list[str]) -> None:
    assert find_circle(graph) == circle
