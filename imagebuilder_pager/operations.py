"""The catalogue of operations: each one's names, shapes, errors and pagination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from . import exceptions
from .aws.protocol.responses import RestJsonOperation
from .models import lifecycle
from .models.exceptions import (
    MODELLED_ERRORS,
    CallRateLimitExceededException,
    ClientException,
    ForbiddenException,
    InvalidPaginationTokenException,
    InvalidRequestException,
    ServiceException,
    ServiceUnavailableException,
)
from .models.request import Request
from .models.shapes import Response
from .pagination.spec import PaginationSpec

__all__ = ["OPERATIONS", "Operation"]

ResponseT = TypeVar("ResponseT", bound=Response)


@dataclass(frozen=True, kw_only=True)
class Operation(Generic[ResponseT]):
    """An operation of the service model.

    ``name`` is AWS's, ``method_name`` the client method's; ``errors`` are those that the service
    model lists for it.
    """

    name: str
    method_name: str
    request: type[Request]
    response: type[ResponseT]
    errors: tuple[type[exceptions.ClientError], ...]
    pagination: PaginationSpec

    @cached_property
    def rest_json(self) -> RestJsonOperation:
        """The operation as the protocol sees it."""
        return RestJsonOperation(
            name=self.name,
            path=f"/{self.name}",
            members=self.response.wire_names(),
            errors={error.__name__: error for error in MODELLED_ERRORS},
        )

    def serialize_params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Check the parameters and return them under their wire names.

        See :meth:`Request.serialize_params`.
        """
        return self.request.serialize_params(params, self.name)


LIST_LIFECYCLE_EXECUTION_RESOURCES = Operation(
    name="ListLifecycleExecutionResources",
    method_name="list_lifecycle_execution_resources",
    request=lifecycle.ListLifecycleExecutionResourcesRequest,
    response=lifecycle.ListLifecycleExecutionResourcesResponse,
    errors=(
        ServiceException,
        ClientException,
        ServiceUnavailableException,
        InvalidRequestException,
        InvalidPaginationTokenException,
        ForbiddenException,
        CallRateLimitExceededException,
    ),
    pagination=PaginationSpec(
        input_token="nextToken",
        output_token="nextToken",
        result_key="resources",
        limit_key="maxResults",
        max_page_size=25,
        non_aggregate_keys=("lifecycleExecutionId", "lifecycleExecutionState"),
    ),
)

#: Every operation, by the name of its client method.
OPERATIONS: Mapping[str, Operation[Any]] = {
    operation.method_name: operation for operation in (LIST_LIFECYCLE_EXECUTION_RESOURCES,)
}
