"""Imports point down the layers of CONTRIBUTING.md, in no circle; few are of botocore.

The graph is built from the source: every import counts, also those inside functions and those for
type checkers alone.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

import imagebuilder_pager

NAME = "imagebuilder_pager"
PACKAGE = Path(imagebuilder_pager.__file__).parent
Graph = Mapping[str, set[str]]
Layers = Sequence[set[str]]
# Private by their names alone.
DOCUMENTED = {"._exit", "._replace"}

# From the top down. A module may import from lower layers and, in a folder, from its own folder;
# never from another part of its own layer. The package's own __init__ is named "".
LAYERS: Layers = [
    {"__main__"},
    {"cli", "pytest_plugin"},
    {"local", "fleet"},
    {""},
    {"client"},
    {"_walk_methods"},
    {"lifecycle_walk"},
    {"_methods"},
    {"type_defs"},
    {"_operations"},
    {"_rows"},
    {"models"},
    {"pagination", "_aws"},
    {"_params"},
    {"_validation"},
    {"_async_runtime", "exceptions"},
    {"_boto3_names", "_dates", "_threads", "_lazy", "_version"},
]
AWS_LAYERS: Layers = [
    {"credentials", "protocol"},
    {"transport"},
    {"auth"},
    {"identity", "rate_limit", "retries"},
    {"config", "clock"},
]

#: Of botocore, by module, what is imported: for signing, and nothing else.
BOTOCORE = {"_aws.auth.botocore_sigv4": {"botocore.auth"}}


# What the parts above the client use of the private modules below it, and of others' private
# attributes (those of a class in the same file are not counted).
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
    "local": {"_dates", "_operations", "_params", "_rows", "_validation"},
}


def find_modules(package: Path) -> dict[str, Path]:
    """The package's modules by their names inside of it; its own ``__init__`` is ""."""
    modules = {}
    for file in sorted(package.rglob("*.py")):
        *folders, stem = file.relative_to(package).with_suffix("").parts
        modules[".".join(folders if stem == "__init__" else [*folders, stem])] = file
    return modules


def imported_names(tree: ast.AST, file: Path, package: Path) -> Iterator[str]:
    """Whatever a piece of code imports, by absolute names; of a name in a module, the module."""
    here = (package.name, *file.relative_to(package).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) + 1 - node.level] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                path = package.parent.joinpath(*module.split("."), alias.name)
                is_module = path.with_suffix(".py").exists() or (path / "__init__.py").exists()
                yield f"{module}.{alias.name}" if is_module else module


def build_graph(package: Path) -> dict[str, set[str]]:
    """The modules of the package that each module of it imports."""
    graph: dict[str, set[str]] = {}
    for name, file in find_modules(package).items():
        imported = {
            other.removeprefix(package.name).removeprefix(".")
            for other in imported_names(parse(file), file, package)
            if f"{other}.".startswith(f"{package.name}.")
        }
        graph[name] = imported
    return graph


def find_circle(graph: Graph) -> list[str]:
    """The modules of a circle of imports, or none."""
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


def find_violations(graph: Graph, layers: Layers, folder: str = "") -> set[tuple[str, str]]:
    """The imports among the parts of a folder that do not point down the layers."""
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
    """The file or the folder, directly inside of ``folder``, that a module belongs to."""
    return (name.removeprefix(f"{folder}.") if folder else name).partition(".")[0]


def parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def botocore_imports(tree: ast.AST, file: Path) -> set[str]:
    names = imported_names(tree, file, PACKAGE)
    return {name for name in names if name.partition(".")[0] == "botocore"}


MODULES = find_modules(PACKAGE)
GRAPH = build_graph(PACKAGE)
every_module = pytest.mark.parametrize("name", [name or "__init__" for name in MODULES])


def test_there_is_no_circle_of_imports() -> None:
    assert find_circle(GRAPH) == []


def test_imports_point_down_the_layers() -> None:
    violations = find_violations(GRAPH, LAYERS) | find_violations(GRAPH, AWS_LAYERS, "_aws")
    assert not violations


def test_every_module_is_in_a_layer() -> None:
    assert {part_of(name, "") for name in MODULES} == set().union(*LAYERS)
    parts = {part_of(name, "_aws") for name in MODULES if in_folder(name, "_aws")}
    assert parts == set().union(*AWS_LAYERS)


def test_pagination_and_aws_can_be_lifted_out() -> None:
    ground = {"_lazy", "_async_runtime", "_dates", "exceptions", "_threads", "_validation"}
    for folder in ("pagination", "_aws"):
        for name in MODULES:
            if part_of(name, "") == folder:
                assert {part_of(other, "") for other in GRAPH[name]} <= {folder} | ground, name


def test_pagination_knows_no_http_and_no_model() -> None:
    for name, file in MODULES.items():
        if part_of(name, "") == "pagination":
            names = imported_names(parse(file), file, PACKAGE)
            others = {other.partition(".")[0] for other in names}
            assert not others & {"botocore", "h11", "httpx", "pydantic"}, name


def private_modules_of(folder: str) -> set[str]:
    """The private modules that the folder's modules import."""
    imported = set().union(*(GRAPH[name] for name in GRAPH if part_of(name, "") == folder))
    return {name for name in imported if name.startswith("_")}


def private_attributes_of(folder: str) -> set[str]:
    """The private attributes that the folder's modules read, and do not define themselves."""
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
    """A new use is entered here, or made public; one that is gone is taken out."""
    assert private_modules_of(folder) | private_attributes_of(folder) == PRIVATE_USES[folder]


@every_module
def test_only_the_allowed_modules_of_botocore_are_imported(name: str) -> None:
    file = MODULES[name.removeprefix("__init__")]
    assert botocore_imports(parse(file), file) == BOTOCORE.get(name, set())


@every_module
def test_nothing_of_boto3_is_imported(name: str) -> None:
    file = MODULES[name.removeprefix("__init__")]
    names = imported_names(parse(file), file, PACKAGE)
    others = {other.partition(".")[0] for other in names}
    assert not others & {"boto3", "aiobotocore", "aioboto3", "s3transfer", "awscli"}


# The checks can fail: each kind of wrong import is found.


@pytest.mark.parametrize(
    ("file", "code", "imported"),
    [
        (
            "_aws/auth/signer.py",
            "from ...pagination.tokens import encode_token",
            "pagination.tokens",
        ),
        ("_aws/auth/signer.py", "from ... import models", "models"),
        ("_aws/auth/signer.py", "from ...models import exceptions", "models.exceptions"),
        ("_aws/auth/signer.py", f"from {NAME}.client import ImageBuilder", "client"),
        ("_aws/auth/signer.py", f"from {NAME} import ImageBuilder", ""),
        ("_aws/auth/signer.py", f"import {NAME}._operations as rows", "_operations"),
        ("_aws/auth/signer.py", "def f():\n    from ...local import LocalServer", "local"),
        ("_aws/auth/signer.py", "class A:\n    from ..retries import RetryQuota", "_aws.retries"),
        ("_aws/auth/signer.py", "if TYPE_CHECKING:\n    from ...cli import main", "cli.main"),
        ("_aws/auth/signer.py", "try:\n    from . import sigv4\nexcept: pass", "_aws.auth.sigv4"),
        ("client.py", "from ._aws.config.region import *", "_aws.config.region"),
        ("models/__init__.py", "from .shapes import Shape", "models.shapes"),
    ],
)
def test_every_way_to_import_is_seen(tmp_path: Path, file: str, code: str, imported: str) -> None:
    package = tmp_path / NAME
    for module in MODULES.values():
        copy = package / module.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
    (package / file).write_text(f"import json, httpx.x\nfrom os import path\n{code}\n")
    graph = build_graph(package)
    assert graph.keys() == GRAPH.keys()
    assert {name: names for name, names in graph.items() if names} == {
        file.removesuffix(".py").removesuffix("/__init__").replace("/", "."): {imported}
    }


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("_aws.clock", "pagination.tokens"),
        ("pagination.cursor", "_aws.clock"),
        ("pagination.cursor", "models.shapes"),
        ("_aws.clock", "_rows"),
        ("models.shapes", "_operations"),
        ("_operations", "_walk_methods"),
        ("_operations", "type_defs"),
        ("type_defs", "client"),
        ("client", "local.server"),
        ("client", ""),
        ("local.server", "cli.main"),
        ("local.server", "pytest_plugin"),
        ("exceptions", "_validation"),
        ("_dates", "_version"),
        ("cli.main", "__main__"),
    ],
)
def test_an_import_that_does_not_point_down_is_found(importer: str, imported: str) -> None:
    assert find_violations({importer: {imported}}, LAYERS) == {(importer, imported)}


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("_aws.protocol.rest_json", "_aws.credentials.chain"),
        ("_aws.credentials.chain", "_aws.protocol.rest_json"),
        ("_aws.transport.types", "_aws.protocol.responses"),
        ("_aws.auth.signer", "_aws.transport.types"),
        ("_aws.identity", "_aws.auth.signer"),
        ("_aws.retries", "_aws.identity"),
        ("_aws.config.region", "_aws.retries"),
        ("_aws.clock", "_aws.config.region"),
    ],
)
def test_an_import_inside_aws_that_does_not_point_down_is_found(
    importer: str, imported: str
) -> None:
    graph = {importer: {imported}}
    assert find_violations(graph, AWS_LAYERS, "_aws") == {(importer, imported)}
    assert find_violations(graph, LAYERS) == set()


def test_imports_that_point_down_or_stay_in_their_folder_are_allowed() -> None:
    graph = {
        "cli.main": {"cli.args", "client", "exceptions"},
        "client": {"_aws.credentials.resolver", "pagination.cursor", "models"},
        "_aws.credentials.chain": {"_aws.credentials.sts", "_aws.transport.types", "_validation"},
    }
    assert find_violations(graph, LAYERS) == set()
    assert find_violations(graph, AWS_LAYERS, "_aws") == set()


def test_a_module_in_no_layer_is_found() -> None:
    with pytest.raises(AssertionError, match=r"^helpers is in no layer"):
        find_violations({"helpers": {"client"}}, LAYERS)
    with pytest.raises(AssertionError, match=r"^_aws\.helpers, imported by _aws\.clock, is in no"):
        find_violations({"_aws.clock": {"_aws.helpers"}}, AWS_LAYERS, "_aws")


@pytest.mark.parametrize(
    ("graph", "circle"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b", "c"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"a"}}, ["a"]),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, ["b", "c"]),
        ({"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": {"a"}}, ["a", "b", "c", "d"]),
    ],
)
def test_a_circle_is_found(graph: Graph, circle: list[str]) -> None:
    assert find_circle(graph) == circle
