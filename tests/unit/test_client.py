"""A client: its requests, its methods, its paginators and its exceptions."""

import inspect
import json
import pydoc
import re
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore
import botocore.exceptions
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, __version__, exceptions
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID, Account
from imagebuilder_pager.models.exceptions import MODELLED_ERRORS
from imagebuilder_pager.pagination import encode_token
from tests.fakes.clients import OPERATION, ClientWith
from tests.fakes.operation_services import CREDENTIALS as KEYS
from tests.fakes.operation_services import required_params
from tests.fakes.services import RecordingService, fail_on_request


def test_a_call_posts_its_parameters_as_json_with_a_user_agent_in_the_format_of_aws(
    client_with: ClientWith,
) -> None:
    recorder = RecordingService()
    page = client_with(recorder).list_lifecycle_execution_resources(
        lifecycleExecutionId=EXAMPLE_EXECUTION_ID, maxResults=5
    )
    assert type(page) is OPERATIONS[OPERATION].response
    request = recorder.request
    assert (request.method, request.url.path) == ("POST", "/ListLifecycleExecutionResources")
    assert json.loads(request.content) == {
        "lifecycleExecutionId": EXAMPLE_EXECUTION_ID,
        "maxResults": 5,
    }
    token = r"[A-Za-z0-9!$%&'*+\-.^_`|~]+"
    assert re.fullmatch(
        rf"imagebuilder-pager/{re.escape(__version__)} ua/2\.1 os/{token}#{token} md/arch#{token} "
        rf"lang/python#\d+\.\d+\.\d+ md/pyimpl#{token}",
        request.headers["user-agent"],
    )


# Invalid parameters


def test_invalid_parameters_of_a_call_are_an_error_before_anything_is_sent(
    client_with: ClientWith,
) -> None:
    call: Any = client_with(fail_on_request).list_lifecycle_execution_resources
    with pytest.raises(exceptions.ParamValidationError, match="lifecycleExecutionId: missing"):
        call()


def test_one_error_of_paginate_names_all_invalid_arguments(client_with: ClientWith) -> None:
    paginator: Any = client_with(fail_on_request).get_paginator(OPERATION)
    token = encode_token({"nextToken": 1})
    with pytest.raises(exceptions.ParamValidationError) as caught:
        paginator.paginate(
            parentResourceId="",
            colour="red",
            PaginationConfig={"MaxItems": -1, "StartingToken": token, "Limit": 5},
        )
    first, *lines = str(caught.value).split("\n")
    assert first == "ListLifecycleExecutionResources: invalid parameters; nothing was sent"
    assert sorted(lines) == [
        "  - PaginationConfig.MaxItems: -1 (int) given; allowed: a whole number, 0 or more",
        "  - PaginationConfig: unknown key 'Limit'; allowed: MaxItems, PageSize, StartingToken, "
        "Prefetch",
        "  - StartingToken: 1 (int) given; allowed: a string, 1 character or more",
        "  - colour: unknown parameter; allowed: lifecycleExecutionId, parentResourceId, "
        "maxResults, nextToken",
        "  - lifecycleExecutionId: missing, and required; allowed: a string",
        "  - parentResourceId: '' given; allowed: a string, 1 character or more",
    ]


# Paginators and exceptions


@pytest.mark.parametrize("name", ["get_lifecycle_execution", "get_lifecycle_policy"])
def test_an_operation_with_one_response_has_no_paginator(
    client: ImageBuilder, boto3_client: Any, name: Any
) -> None:
    assert client.can_paginate(OPERATION) is boto3_client.can_paginate(OPERATION) is True
    assert client.can_paginate(name) is boto3_client.can_paginate(name) is False
    with pytest.raises(botocore.exceptions.OperationNotPageableError) as theirs:
        boto3_client.get_paginator(name)
    with pytest.raises(exceptions.OperationNotPageableError) as ours:
        client.get_paginator(name)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize(
    "name", ["list_things", "ListLifecycleExecutionResources", "", "__init__", None, 5, []]
)
def test_the_error_for_an_unknown_operation_lists_the_known_ones(
    client: ImageBuilder, name: Any
) -> None:
    expected = f"no operation {name!r}; there are: {', '.join(OPERATIONS)}"
    for method in (client.get_paginator, client.can_paginate):
        ask: Any = method
        with pytest.raises(exceptions.UnknownOperationError) as caught:
            ask(name)
        assert isinstance(caught.value, KeyError)
        assert str(caught.value) == expected
        assert caught.value.__suppress_context__


def test_the_error_for_an_unknown_exception_lists_the_known_ones(client: ImageBuilder) -> None:
    with pytest.raises(AttributeError) as caught:
        client.exceptions.NoSuchException  # type: ignore[attr-defined]  # noqa: B018  # reading it is the test
    names = sorted(["ClientError", *(error.__name__ for error in MODELLED_ERRORS)])
    assert str(caught.value) == (
        f"client.exceptions has no 'NoSuchException'; it has: {', '.join(names)}"
    )
    assert not hasattr(client.exceptions, "NoSuchException")


def test_one_client_serves_many_threads(client: ImageBuilder, account: Account) -> None:
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    executions = [*account.executions[:7]] * 4

    def everything(index: int) -> bool:
        execution = executions[index]
        pages = paginator.paginate(
            lifecycleExecutionId=execution.lifecycle_execution_id,
            PaginationConfig={"PageSize": 7 + index % 19},
        )
        found = [resource.resource_id for page in pages for resource in page.resources]
        return found == [resource["resourceId"] for resource in execution.resources]

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(everything, range(len(executions))))


# Methods: they are real ones, as if written by hand

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
