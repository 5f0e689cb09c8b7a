"""Image Builder clients with responses in process."""

from collections.abc import Callable
from typing import Any

import httpx

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    SECRET_ACCESS_KEY,
    Account,
    Execution,
    LocalImageBuilder,
)

ID = EXAMPLE_EXECUTION_ID
ARGUMENTS: dict[str, Any] = {
    "region_name": "us-west-2",
    "aws_access_key_id": ACCESS_KEY_ID,
    "aws_secret_access_key": SECRET_ACCESS_KEY,
}
Handler = Callable[[httpx.Request], httpx.Response]


def resources(count: int) -> list[dict[str, Any]]:
    return [{"resourceId": f"ami-{number:04}", "region": "us-west-2"} for number in range(count)]


def local(count: int, **options: Any) -> LocalImageBuilder:
    """Return a local Image Builder with one execution of ``count`` resources."""
    state = {"status": "SUCCESS", "reason": "done"}
    account = Account((Execution(ID, state, tuple(resources(count))),))
    return LocalImageBuilder(account, **options)


def client_of(handler: Handler, **arguments: Any) -> ImageBuilder:
    """Return a client; nothing has to be closed."""
    http_client = httpx.Client(transport=httpx.MockTransport(handler))
    return ImageBuilder(http_client=http_client, **{**ARGUMENTS, **arguments})


def async_client_of(handler: Handler, **arguments: Any) -> AsyncImageBuilder:
    http_client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    return AsyncImageBuilder(http_client=http_client, **{**ARGUMENTS, **arguments})
