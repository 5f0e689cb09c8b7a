"""The clients' methods: they are real ones, as if written by hand."""

import inspect
import pydoc
import traceback
from typing import Any

import botocore
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions
from imagebuilder_pager._operations import OPERATIONS
from tests.fakes.operation_services import CREDENTIALS as KEYS
from tests.fakes.operation_services import required_params

CLIENTS = [ImageBuilder, AsyncImageBuilder]
each_operation = pytest.mark.parametrize("name", OPERATIONS)


@pytest.mark.parametrize("client", CLIENTS)
@each_operation
def test_a_method_is_defined_in_a_file(client: Any, name: str) -> None:
    method = getattr(client, name)
    assert inspect.isfunction(method)
    assert name in dir(client)
    assert method.__name__ == name == botocore.xform_name(OPERATIONS[name].name)
    assert method.__module__ == "imagebuilder_pager._methods"
    assert inspect.iscoroutinefunction(method) is (client is AsyncImageBuilder)
    source, _ = inspect.getsourcelines(method)
    assert f"def {name}(" in source[0]


@each_operation
def test_its_help_names_its_result_and_each_parameter(name: str) -> None:
    operation = OPERATIONS[name]
    text = pydoc.plain(pydoc.render_doc(getattr(ImageBuilder, name)))
    first = (inspect.getdoc(getattr(ImageBuilder, name)) or "").partition("\n")[0]
    assert first.startswith("Return ")
    assert first.endswith(f"{operation.returns}.")
    for param in operation.params:
        assert f"``{param}``" in text
    for param in required_params(operation):
        assert f"``{param}``, required" in text


def test_a_traceback_names_the_method() -> None:
    client: Any = ImageBuilder("us-west-2")
    with pytest.raises(exceptions.ParamValidationError) as caught:
        client.list_images(colour="red")
    assert "list_images" in [
        frame.name for frame in traceback.extract_tb(caught.value.__traceback__)
    ]


def test_a_parameter_by_position_is_an_error_that_names_the_method() -> None:
    client: Any = ImageBuilder("us-west-2")
    with pytest.raises(TypeError, match=r"list_images\(\) takes 1 positional"):
        client.list_images("Self")


@pytest.mark.parametrize("client_class", CLIENTS)
@pytest.mark.parametrize("given", [0, -1, "25", 2.5, True])
def test_max_page_size_is_a_whole_number(client_class: Any, given: Any) -> None:
    client = client_class("us-west-2")
    with pytest.raises(exceptions.ParamValidationError, match="max_page_size: "):
        client.get_paginator("list_images", max_page_size=given)


class Renamed(ImageBuilder):
    """A client with another listing of images."""

    def list_images(self, **params: Any) -> Any:
        return {"imageVersionList": [params]}


def test_a_paginator_calls_a_replaced_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in boto3: by a subclass, a stub on the client, or a patch of the class."""

    def fake(**params: Any) -> Any:
        return {"imageVersionList": [params]}

    stubbed: Any = ImageBuilder("us-west-2")
    stubbed.list_images = fake
    for client in (Renamed("us-west-2"), stubbed):
        pages = client.get_paginator("list_images").paginate(owner="Self")
        assert list(pages) == [{"imageVersionList": [{"owner": "Self"}]}]
    monkeypatch.setattr(ImageBuilder, "list_images", staticmethod(fake))
    pages = ImageBuilder("us-west-2").get_paginator("list_images").paginate(owner="Amazon")
    assert list(pages) == [{"imageVersionList": [{"owner": "Amazon"}]}]


@pytest.mark.parametrize("name", ["get_lifecycle_policy", "get_lifecycle_execution"])
def test_an_id_that_httpx_cannot_send_is_an_error_of_ours(name: str) -> None:
    """httpx refuses URLs of more than 65,536 characters before anything is sent."""
    (param,) = OPERATIONS[name].params
    arguments: Any = {"endpoint_url": "http://127.0.0.1:9", "max_attempts": 1}
    with (
        ImageBuilder("us-west-2", **KEYS, **arguments) as client,
        pytest.raises(exceptions.HTTPClientError, match="httpx cannot send this URL"),
    ):
        getattr(client, name)(**{param: "a" * 70_000})
