"""The clients' methods: real ones, with signatures and docstrings, made from the catalogue."""

import ast
import inspect
import pydoc
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import imagebuilder_pager
from imagebuilder_pager import AsyncImageBuilder, ImageBuilder
from imagebuilder_pager.operations import OPERATIONS
from tests.fakes.operation_services import OperationService, required_params

CLIENTS = [ImageBuilder, AsyncImageBuilder]
each_operation = pytest.mark.parametrize("name", OPERATIONS)
PACKAGE = Path(imagebuilder_pager.__file__).parent


@pytest.mark.parametrize("client", CLIENTS)
@each_operation
def test_a_method_is_like_one_that_was_written(client: Any, name: str) -> None:
    method = getattr(client, name)
    assert inspect.isfunction(method)
    assert method.__name__ == name
    assert method.__qualname__ == f"{client.__name__}.{name}"
    assert method.__module__ == "imagebuilder_pager.client"
    assert inspect.iscoroutinefunction(method) is (client is AsyncImageBuilder)
    assert getattr(client, name) is method
    assert name in dir(client)


@each_operation
def test_its_signature_has_boto3s_parameters(name: str) -> None:
    operation = OPERATIONS[name]
    own, *parameters = inspect.signature(getattr(ImageBuilder, name)).parameters.values()
    assert own.name == "self"
    assert [parameter.name for parameter in parameters] == list(operation.request.wire_names())
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters)
    required = {item.name for item in parameters if item.default is inspect.Parameter.empty}
    assert required == required_params(operation).keys()


@each_operation
def test_its_help_names_what_it_returns_and_each_parameter(name: str) -> None:
    operation = OPERATIONS[name]
    text = pydoc.plain(pydoc.render_doc(getattr(ImageBuilder, name)))
    first = (inspect.getdoc(getattr(ImageBuilder, name)) or "").partition("\n")[0]
    assert first.startswith("Return ")
    assert first.endswith(f"{operation.returns}.")
    for wire_name in operation.request.wire_names():
        assert f"``{wire_name}``" in text


def test_a_parameter_by_position_is_an_error_that_names_the_method() -> None:
    client: Any = ImageBuilder("us-west-2")
    with pytest.raises(TypeError, match=r"ImageBuilder\.list_images\(\) takes 1 positional"):
        client.list_images("Self")


def test_a_name_that_is_no_operation_is_an_attribute_error() -> None:
    client: Any = ImageBuilder("us-west-2")
    assert not hasattr(client, "list_things")
    with pytest.raises(AttributeError, match="list_things"):
        client.list_things()


@pytest.mark.parametrize("name", [name for name in OPERATIONS if OPERATIONS[name].pagination])
def test_a_call_sends_its_parameters_and_returns_its_response(name: str) -> None:
    operation = OPERATIONS[name]
    service = OperationService(operation, {}, [{}], 5)
    params: dict[str, Any] = {**required_params(operation), "nextToken": "0"}
    response = getattr(service.client(), name)(**params)
    assert service.requests == [params]
    assert type(response) is operation.response
    assert response.response_metadata.http_status_code == 200


def test_the_stubs_have_the_methods_that_there_are() -> None:
    for file, name in (("methods.pyi", "OperationMethods"), ("async_methods.pyi", "Async")):
        (stub,) = (
            node
            for node in ast.parse((PACKAGE / "type_defs" / file).read_text()).body
            if isinstance(node, ast.ClassDef)
        )
        assert stub.name.startswith(name)
        methods = [
            node for node in stub.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        ]
        assert {node.name for node in methods} == {*OPERATIONS, "get_paginator", "can_paginate"}
        for node in methods:
            is_async = name == "Async" and node.name in OPERATIONS
            assert isinstance(node, ast.AsyncFunctionDef) is is_async


LOADED = """
import sys
from imagebuilder_pager import ImageBuilder
client = ImageBuilder("us-west-2")
{code}
prefix = "imagebuilder_pager.models."
print(*sorted(name.removeprefix(prefix) for name in sys.modules if name.startswith(prefix)))
"""
ALWAYS = {"exceptions"}
WITH_ANY = ALWAYS | {"fields", "params", "request", "scalars", "shapes"}


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("dir(client)", ALWAYS),
        ("client.can_paginate('list_images')", ALWAYS),
        ("client.get_paginator('list_lifecycle_execution_resources')", WITH_ANY | {"lifecycle"}),
        ("client.list_images", WITH_ANY | {"common", "images"}),
        ("client.list_components", WITH_ANY | {"common", "components"}),
        (
            "client.get_lifecycle_execution",
            WITH_ANY | {"lifecycle", "lifecycle_executions"},
        ),
    ],
)
def test_only_the_family_of_the_operation_is_loaded(code: str, modules: set[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED.format(code=code)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert set(ran.stdout.split()) == modules


FORK = """
import os, signal, threading
from imagebuilder_pager import ImageBuilder, operation_methods
document, is_there, may_go_on = operation_methods._document, threading.Event(), threading.Event()
def wait(operation):
    if operation.method_name == "list_images":
        is_there.set()
        may_go_on.wait()
    return document(operation)
operation_methods._document = wait
thread = threading.Thread(target=lambda: ImageBuilder.list_images)
thread.start()
is_there.wait()
if not (child := os.fork()):
    signal.alarm(10)
    ImageBuilder.list_components
    os._exit(0)
may_go_on.set()
thread.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_fork_while_a_thread_uses_an_operation_first_does_no_harm_to_the_child() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "0\n"
