"""Serve the resources of lifecycle executions, a page at a time, by a cursor.

    uvicorn web_endpoint:app --app-dir examples
    curl 'http://127.0.0.1:8000/executions/lce-.../resources?limit=10'

It needs fastapi and uvicorn. Region, credentials and endpoint come from the environment. A cursor
is the resume token of a page. It only sets where the listing resumes: a real endpoint also checks
whether the user may list the execution.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, HTTPException, Path, Query, Request
from pydantic import BaseModel

from imagebuilder_pager import AsyncImageBuilder, exceptions
from imagebuilder_pager.models import LifecycleExecutionResource

log = logging.getLogger(__name__)
MAX_LIMIT = 100
# The codes with which AWS throttles, also with other statuses than 429 and 503.
THROTTLED = {
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
EXECUTION_ID = r"^lce-[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


class ResourcePage(BaseModel):
    """Some resources, and the cursor of the next ones; it is null after the last."""

    resources: list[LifecycleExecutionResource]
    cursor: str | None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep one client for all requests; a request does not wait longer than ten seconds."""
    async with AsyncImageBuilder(total_timeout=10) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


# Without exclude_unset, each member that AWS has not sent would be null.
@app.get("/executions/{execution_id}/resources", response_model_exclude_unset=True)
async def list_resources(
    request: Request,
    execution_id: Annotated[str, Path(pattern=EXECUTION_ID)],
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 25,
) -> ResourcePage:
    """Return the resources after the cursor."""
    client: AsyncImageBuilder = request.app.state.client
    # A cursor comes from a stranger: it may skip no more items than a page has.
    paginator = client.get_paginator("list_lifecycle_execution_resources", max_page_size=MAX_LIMIT)
    try:
        pages = paginator.paginate(
            lifecycleExecutionId=execution_id,
            PaginationConfig={"MaxItems": limit, "PageSize": limit, "StartingToken": cursor},
        )
        resources = [resource async for resource in pages.items()]
    except exceptions.PagerError as error:
        # Its text may name accounts and roles: it is for the log alone.
        log.warning("%s: %s", execution_id, error)
        raise http_error(client, error) from error
    return ResourcePage(resources=resources, cursor=pages.resume_token)


def http_error(client: AsyncImageBuilder, error: exceptions.PagerError) -> HTTPException:
    """Return the response to a stranger for an error of the listing."""
    invalid_token = client.exceptions.InvalidPaginationTokenException
    if isinstance(error, (exceptions.StartingTokenError, invalid_token)):
        return HTTPException(400, "the cursor is not valid, or has expired")
    if isinstance(error, client.exceptions.InvalidRequestException):
        return HTTPException(404, "the execution does not exist")
    if not isinstance(error, exceptions.ClientError):
        return HTTPException(502, "AWS returned no valid response")
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if status in {429, 503} or error.response["Error"]["Code"] in THROTTLED:
        return HTTPException(503, "try again later", {"Retry-After": "5"})
    return HTTPException(502, "AWS refused the request")
