"""Importing is cheap, and every public name is declared for people and type checkers."""

import ast
import subprocess
import sys
import types
from typing import get_type_hints

import pytest

import imagebuilder_pager
from imagebuilder_pager import ImageBuilder, models
from imagebuilder_pager.models import exceptions as modelled_exceptions
from imagebuilder_pager.type_defs import Exceptions
from tests.fakes.sources import FILES, parse, path_in_package

HEAVY = {
    *("anyio", "boto3", "botocore", "httpx", "jmespath"),
    *("pydantic", "pydantic_core", "typing_extensions"),
}


def run(code: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.strip()


LIGHT = """
import sys
import imagebuilder_pager
import imagebuilder_pager.exceptions
import imagebuilder_pager.pagination
from imagebuilder_pager import Checkpoint, Paginator, PaginationSpec, exceptions
import imagebuilder_pager._aws
import imagebuilder_pager.models
from imagebuilder_pager import models; models.exceptions.ForbiddenException
from imagebuilder_pager.models.exceptions import ForbiddenException
"""
CLIENT = "import sys; from imagebuilder_pager import ImageBuilder; ImageBuilder('us-west-2')\n"


@pytest.mark.parametrize(("code", "loaded"), [(LIGHT, set()), (CLIENT, {"botocore", "httpx"})])
def test_only_a_client_loads_heavy_packages(code: str, loaded: set[str]) -> None:
    tops = set(run(f"{code}print(*{{name.split('.')[0] for name in sys.modules}})").split())
    assert tops & HEAVY >= loaded
    assert loaded or not tops & HEAVY


def test_importing_the_package_loads_three_small_files() -> None:
    code = "import sys, imagebuilder_pager; print(*sorted(m for m in sys.modules if 'pager' in m))"
    names = ["imagebuilder_pager", "imagebuilder_pager._lazy", "imagebuilder_pager._version"]
    assert run(code).split() == names


FAMILIES = """
import sys
from imagebuilder_pager import ImageBuilder
from imagebuilder_pager._operations import OPERATIONS

def show():
    print(*sorted(name for name in sys.modules if name.startswith("imagebuilder_pager.models.")))

client = ImageBuilder("us-west-2")
dir(client)
client.can_paginate("list_images")
client.get_paginator("list_images").paginate()
show()
OPERATIONS["list_lifecycle_execution_resources"].response
show()
OPERATIONS["list_images"].response
show()
"""


def test_only_the_family_of_the_operation_is_loaded() -> None:
    assert run(FAMILIES).replace("imagebuilder_pager.models.", "").splitlines() == [
        "exceptions",
        "exceptions fields lifecycle shapes",
        "common exceptions fields images lifecycle shapes",
    ]


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


def test_a_whole_listing_loads_no_session_client_or_paginator_of_botocore() -> None:
    assert run(WHOLE_FLOW) == "[]"


def test_log_messages_are_not_printed_without_logging_configuration() -> None:
    code = "import logging, imagebuilder_pager.client; "
    assert not run(f"{code}logging.getLogger('imagebuilder_pager.calls').warning('not shown')")


def test_nothing_names_the_data_folder_of_botocore() -> None:
    for file in FILES:
        for node in ast.walk(parse(file)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert "service-2" not in node.value, file


@pytest.mark.parametrize("package", [imagebuilder_pager, models], ids=lambda p: p.__name__)
def test_every_public_name_can_be_read(package: types.ModuleType) -> None:
    names = package.__all__
    assert names == sorted(names, key=lambda name: (not name[0].isupper(), name))
    assert len(names) >= 9
    for name in names:
        value = getattr(package, name)
        assert getattr(value, "__module__", package.__name__).startswith(package.__name__)
        assert value is getattr(package, name)
        assert name in dir(package)


@pytest.mark.parametrize("package", ["imagebuilder_pager", "imagebuilder_pager.models"])
def test_a_star_import_has_the_public_names(package: str) -> None:
    code = f"from {package} import *; print(*sorted(n for n in dir() if n[:2] != '__'))"
    public = {name for name in sys.modules[package].__all__ if not name.startswith("__")}
    assert run(code).split() == sorted(public)


@pytest.mark.parametrize("package", ["imagebuilder_pager", "imagebuilder_pager.models"])
def test_an_unknown_name_is_an_attribute_error(package: str) -> None:
    with pytest.raises(AttributeError) as caught:
        sys.modules[package].Paginators  # noqa: B018  # reading it is the test
    assert str(caught.value) == f"module {package!r} has no attribute 'Paginators'"


def test_the_submodules_of_models_can_be_read_as_attributes() -> None:
    for name in ("exceptions", "fields", "lifecycle", "shapes"):
        assert getattr(models, name) is sys.modules[f"imagebuilder_pager.models.{name}"]


def test_client_exceptions_is_the_module_of_the_modelled_errors() -> None:
    assert ImageBuilder.exceptions is modelled_exceptions
    errors = {error.__name__: error for error in modelled_exceptions.MODELLED_ERRORS}
    errors["ClientError"] = imagebuilder_pager.exceptions.ClientError
    assert get_type_hints(Exceptions) == {name: type[error] for name, error in errors.items()}


#: Its names without an underscore are public: an error is only defined, not listed.
WITHOUT_ALL = "models/exceptions.py"
PUBLIC = {
    *("__init__.py", "client.py", "exceptions.py"),
    *("fleet/__init__.py", "lifecycle_walk/__init__.py", "local/__init__.py"),
    *("local/faults/__init__.py", "pagination/__init__.py"),
}


def test_every_module_has_a_docstring_and_only_a_public_one_an_all() -> None:
    for file in FILES:
        tree, name = parse(file), path_in_package(file)
        assert ast.get_docstring(tree), name
        of_models = name.startswith("models/") and name != WITHOUT_ALL
        has_all = any(
            isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            for node in tree.body
        )
        not_by_name = {"models/__init__.py", "models/fields.py"}
        assert has_all == (name in PUBLIC or (of_models and name not in not_by_name)), name
