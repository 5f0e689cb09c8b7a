"""Error responses of Image Builder, and the exceptions that they are turned into."""

import copy
import json
from typing import Any

import botocore.exceptions
import botocore.parsers
import httpx
import pytest

from imagebuilder_pager import exceptions
from tests.fakes.pages import EXECUTION_ID, ClientWith

OPERATION = "ListLifecycleExecutionResources"


REQUEST_ID = "7a1c5d0e-0000-4000-8000-000000000001"


MODELLED = {
    "AccessDeniedException": 403,
    "CallRateLimitExceededException": 429,
    "ClientException": 400,
    "DryRunOperationException": 412,
    "ForbiddenException": 403,
    "IdempotentParameterMismatchException": 400,
    "InvalidPaginationTokenException": 400,
    "InvalidParameterCombinationException": 400,
    "InvalidParameterException": 400,
    "InvalidParameterValueException": 400,
    "InvalidRequestException": 400,
    "InvalidVersionNumberException": 400,
    "ResourceAlreadyExistsException": 400,
    "ResourceDependencyException": 400,
    "ResourceInUseException": 400,
    "ResourceNotFoundException": 404,
    "ServiceException": 500,
    "ServiceQuotaExceededException": 402,
    "ServiceUnavailableException": 503,
    "TooManyRequestsException": 429,
}


JSON_HEADERS = {"Content-Type": "application/json", "x-amzn-RequestId": REQUEST_ID}


def error_of(
    client_with: ClientWith,
    body: bytes | object,
    status: int,
    headers: dict[str, str] | None = None,
) -> exceptions.PagerError:
    """The error that an answer is turned into."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    all_headers = JSON_HEADERS if headers is None else headers
    client = client_with(lambda _: httpx.Response(status, headers=all_headers, content=content))
    with pytest.raises(exceptions.PagerError) as caught:
        client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    return caught.value


def boto3_error_response(error: botocore.exceptions.ClientError) -> dict[str, Any]:
    """The error's response, but for the mark that its last attempt at retrying leaves there."""
    response: dict[str, Any] = copy.deepcopy(dict(error.response))
    response["ResponseMetadata"].pop("MaxAttemptsReached", None)
    return response


def client_error_of(
    client_with: ClientWith,
    body: bytes | object,
    status: int,
    headers: dict[str, str] | None = None,
) -> exceptions.ClientError:
    error = error_of(client_with, body, status, headers)
    assert isinstance(error, exceptions.ClientError)
    assert error.operation_name == OPERATION
    return error
