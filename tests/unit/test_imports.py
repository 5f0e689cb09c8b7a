"""Importing is cheap, imports point down the house, and of botocore only what DESIGN.md allows."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import imagebuilder_pager

PACKAGE = Path(imagebuilder_pager.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {"anyio", "boto3", "botocore", "httpx", "jmespath", "pydantic", "pydantic_core"}

# The house, from the ground up. A module may import from the floors below its own, and from its
# own part; on a floor with several parts, not from another part.
FLOORS: list[set[str]] = [
    {"errors"},
    {"aws", "models", "pagination"},
    {"operations", "service", "typed"},
    {"client"},
    {"local"},
    {"cli"},
    {"__main__"},
]
FLOOR_OF = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}

# Of botocore, by file: what may be imported with the module, and what only when it is needed.
# aws/chain.py is itself imported only when keys have to be looked for.
BOTOCORE_AT_ONCE = {
    "aws/chain.py": {"botocore.credentials"},
    "aws/signing.py": {"botocore.auth", "botocore.awsrequest"},
}
BOTOCORE_LATER = {"aws/profile.py": {"botocore.configloader"}}


def imports(tree: ast.AST, file: Path) -> Iterator[str]:
    """The modules that a piece of code imports, by their absolute names."""
    package = ("imagebuilder_pager", *file.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*start, *([node.module] if node.module else [])])
            # "from . import errors" imports a module, "from .errors import X" a name of one.
            for alias in node.names:
                inner = PACKAGE.parent.joinpath(*module.split("."), alias.name)
                is_module = inner.with_suffix(".py").exists() or inner.is_dir()
                yield f"{module}.{alias.name}" if is_module else module


def imports_at_once(file: Path) -> set[str]:
    """What a file imports when it is imported itself: not what is in a function."""
    tree = parsed(file)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [ast.Pass()]
    return set(imports(tree, file))


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def name(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def part_of(module: str) -> str | None:
    """The part of the house that a module belongs to; None for others' modules and the package."""
    names = module.split(".")
    return names[1] if names[0] == "imagebuilder_pager" and len(names) > 1 else None


@pytest.mark.parametrize("file", FILES, ids=name)
def test_only_the_allowed_of_botocore(file: Path) -> None:
    found = {module for module in imports(parsed(file), file) if module.startswith("botocore")}
    at_once = {module for module in imports_at_once(file) if module.startswith("botocore")}
    allowed = BOTOCORE_AT_ONCE.get(name(file), set())
    assert at_once <= allowed
    assert found <= allowed | BOTOCORE_LATER.get(name(file), set())


@pytest.mark.parametrize("file", FILES, ids=name)
def test_nothing_of_boto3(file: Path) -> None:
    others = {module.split(".")[0] for module in imports(parsed(file), file)}
    assert not others & {"boto3", "aiobotocore", "aioboto3", "s3transfer", "awscli"}


@pytest.mark.parametrize("file", [file for file in FILES if file.parent != PACKAGE], ids=name)
def test_imports_of_a_folder_point_down(file: Path) -> None:
    check_floor(file, file.relative_to(PACKAGE).parts[0])


@pytest.mark.parametrize(
    "file", [f for f in FILES if f.parent == PACKAGE and f.name != "__init__.py"], ids=name
)
def test_imports_of_a_module_point_down(file: Path) -> None:
    check_floor(file, file.stem)


def check_floor(file: Path, part: str) -> None:
    assert part in FLOOR_OF, f"{part} is not in the house of DESIGN.md"
    for module in imports(parsed(file), file):
        other = part_of(module)
        if other is not None and other != part:
            assert FLOOR_OF[other] < FLOOR_OF[part], f"{name(file)} imports {module}"


def test_the_check_sees_what_points_up(tmp_path: Path) -> None:
    """The checks above are checks: each kind of wrong import is found."""
    file = PACKAGE / "aws" / "signing.py"
    for line in (
        "from ..pagination.token import encode_token",
        "from .. import models",
        "from imagebuilder_pager.client import ImageBuilder",
        "import imagebuilder_pager.operations",
        "def f():\n    from ..local import LocalServer",
    ):
        (module,) = imports(ast.parse(line), file)
        part = part_of(module)
        assert part is not None
        assert FLOOR_OF[part] >= FLOOR_OF["aws"], module
    assert set(imports(ast.parse("from botocore import session"), file)) == {"botocore"}
    assert set(imports(ast.parse("from botocore.auth import X"), file)) == {"botocore.auth"}


def test_pagination_and_aws_can_be_lifted_out() -> None:
    """Of this package they know each themselves and the errors; pagination knows no HTTP."""
    for part in ("aws", "pagination"):
        for file in (PACKAGE / part).rglob("*.py"):
            parts = {part_of(module) for module in imports(parsed(file), file)}
            assert parts <= {None, part, "errors"}, name(file)
    for file in (PACKAGE / "pagination").rglob("*.py"):
        others = {module.split(".")[0] for module in imports(parsed(file), file)}
        assert not others & {"httpx", "pydantic", "botocore"}, name(file)


def test_nothing_names_the_data_folder() -> None:
    for file in FILES:
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert "service-2" not in node.value, name(file)


def run(code: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.strip()


LOADED = """
import sys
before = set(sys.modules)
{code}
tops = {{module.split(".")[0] for module in set(sys.modules) - before}}
print(sorted(tops & {heavy!r}))
"""


@pytest.mark.parametrize(
    "code",
    [
        "import imagebuilder_pager",
        "import imagebuilder_pager.exceptions",
        "from imagebuilder_pager import exceptions",
        "import imagebuilder_pager.pagination",
        "from imagebuilder_pager import Paginator, PaginationSpec",
        "import imagebuilder_pager.aws",
    ],
)
def test_importing_loads_nothing_heavy(code: str) -> None:
    assert run(LOADED.format(code=code, heavy=HEAVY)) == "[]"


def test_making_a_client_loads_what_it_needs() -> None:
    """So that the test above is known to be able to fail."""
    code = "from imagebuilder_pager import ImageBuilder; ImageBuilder('us-west-2')"
    loaded = run(LOADED.format(code=code, heavy=HEAVY))
    assert {"botocore", "httpx", "pydantic"} <= set(ast.literal_eval(loaded))


def test_importing_the_package_loads_its_one_file() -> None:
    code = "import sys, imagebuilder_pager; print(*[m for m in sys.modules if 'pager' in m])"
    assert run(code) == "imagebuilder_pager"


WHOLE_FLOW = """
import sys
from imagebuilder_pager import ImageBuilder
from imagebuilder_pager.local import *
with LocalServer(LocalImageBuilder(generate_account(resources=60))) as server:
    with ImageBuilder("us-west-2", endpoint_url=server.url, aws_access_key_id=ACCESS_KEY_ID,
                      aws_secret_access_key=SECRET_ACCESS_KEY) as client:
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        name = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}
        pages = paginator.paginate(**name, PaginationConfig={"MaxItems": 30, "PageSize": 20})
        first = pages.build_full_result()
        config = {"StartingToken": first["NextToken"]}
        second = paginator.paginate(**name, PaginationConfig=config).build_full_result()
        assert len(first["resources"]) == len(second["resources"]) == 30
unwanted = {"botocore.session", "botocore.client", "botocore.paginate", "botocore.loaders",
            "botocore.model", "botocore.endpoint", "boto3", "jmespath"}
print(sorted(unwanted & set(sys.modules)))
"""


def test_the_whole_flow_loads_no_session_client_or_paginator_of_botocore() -> None:
    assert run(WHOLE_FLOW) == "[]"


def test_every_public_name_is_there() -> None:
    assert imagebuilder_pager.__all__ == sorted(imagebuilder_pager.__all__, key=sort_key)
    for public in imagebuilder_pager.__all__:
        assert getattr(imagebuilder_pager, public) is not None
        assert public in dir(imagebuilder_pager)


def sort_key(text: str) -> tuple[bool, str]:
    return (not text[0].isupper(), text)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError) as caught:
        imagebuilder_pager.Paginators  # noqa: B018  # reading it is the test
    assert str(caught.value) == "module 'imagebuilder_pager' has no attribute 'Paginators'"


def test_a_star_import_has_the_public_names() -> None:
    code = "from imagebuilder_pager import *; print(*sorted(n for n in dir() if n[:2] != '__'))"
    public = {item for item in imagebuilder_pager.__all__ if not item.startswith("__")}
    assert run(code).split() == sorted(public)


@pytest.mark.parametrize("file", FILES, ids=name)
def test_public_modules_say_what_is_public(file: Path) -> None:
    if file.name in {"__main__.py", "demo.py"} or file == PACKAGE / "aws" / "__init__.py":
        return
    tree = parsed(file)
    defined = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert "__all__" in defined
    assert ast.get_docstring(tree)
