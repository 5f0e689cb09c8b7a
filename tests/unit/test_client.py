"""A client: its requests, its paginators and its exceptions."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.exceptions
import pytest

from imagebuilder_pager import ImageBuilder, __version__, exceptions
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID, Account
from imagebuilder_pager.models.exceptions import MODELLED_ERRORS
from imagebuilder_pager.pagination import encode_token
from tests.fakes.clients import OPERATION, ClientWith
from tests.fakes.services import RecordingService, fail_on_request


def test_a_call_posts_its_parameters_as_json_with_a_user_agent_in_the_format_of_aws(
    client_with: ClientWith,
) -> None:
    recorder = RecordingService()
    client_with(recorder).list_lifecycle_execution_resources(
        lifecycleExecutionId=EXAMPLE_EXECUTION_ID, maxResults=5
    )
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
