"""The catalogue of operations: each one's names, family, errors and pagination.

It holds no model. The module of a family of models is loaded when one of its operations is first
used, so that a program pays for what it lists.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

from .aws.protocol.responses import RestJsonOperation
from .exceptions import OperationNotPageableError, UnknownOperationError
from .models.exceptions import (
    MODELLED_ERRORS,
    CallRateLimitExceededException,
    ClientException,
    ForbiddenException,
    InvalidPaginationTokenException,
    InvalidRequestException,
    ResourceNotFoundException,
    ServiceException,
    ServiceUnavailableException,
)
from .pagination.spec import PaginationSpec

if TYPE_CHECKING:
    from .exceptions import ClientError
    from .models.request import Request
    from .models.shapes import Response

__all__ = ["OPERATIONS", "Operation", "find_operation"]

ResponseT = TypeVar("ResponseT", bound="Response")


@dataclass(frozen=True, kw_only=True)
class Operation(Generic[ResponseT]):
    """An operation of the service model.

    ``name`` is AWS's, ``method_name`` the client method's. ``family`` is the module of
    :mod:`.models` that defines its request and its response. ``returns`` says in words what a
    response holds. ``errors`` are those that the service model lists for it. ``result_key`` is the
    member with the items, None for an operation that is not paginated.
    """

    name: str
    method_name: str
    family: str
    returns: str
    errors: tuple[type[ClientError], ...]
    http_method: Literal["GET", "POST"] = "POST"
    result_key: str | None = None
    limit_key: str | None = "maxResults"
    non_aggregate_keys: tuple[str, ...] = ()

    @cached_property
    def request(self) -> type[Request]:
        """The model of the parameters; it loads the family's module."""
        return cast("type[Request]", self._model("Request"))

    @cached_property
    def response(self) -> type[ResponseT]:
        """The model of the response; it loads the family's module."""
        return cast("type[ResponseT]", self._model("Response"))

    @cached_property
    def pagination(self) -> PaginationSpec | None:
        """The way it paginates, or None for an operation with one response."""
        if self.result_key is None:
            return None
        return PaginationSpec(
            input_token="nextToken",
            output_token="nextToken",
            result_key=self.result_key,
            limit_key=self.limit_key,
            non_aggregate_keys=self.non_aggregate_keys,
        )

    @cached_property
    def rest_json(self) -> RestJsonOperation:
        """The operation as the protocol sees it."""
        # The service model puts every parameter of its GET operations into the query.
        query = self.request.wire_names() if self.http_method == "GET" else ()
        return RestJsonOperation(
            name=self.name,
            path=f"/{self.name}",
            members=self.response.wire_names(),
            errors={error.__name__: error for error in MODELLED_ERRORS},
            method=self.http_method,
            query_members={name: name for name in query},
        )

    def _model(self, suffix: str) -> object:
        module = importlib.import_module(f".models.{self.family}", __package__)
        return getattr(module, self.name + suffix)

    def require_pagination(self) -> PaginationSpec:
        """Return the way it paginates.

        Raises :class:`OperationNotPageableError` for an operation with one response.
        """
        if self.pagination is None:
            raise OperationNotPageableError(f"Operation cannot be paginated: {self.method_name}")
        return self.pagination

    def serialize_params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Check the parameters and return them under their wire names.

        See :meth:`Request.serialize_params`.
        """
        return self.request.serialize_params(params, self.name)


_GET_ERRORS = (
    ServiceException,
    ClientException,
    ServiceUnavailableException,
    InvalidRequestException,
    ForbiddenException,
    CallRateLimitExceededException,
)
_LIST_ERRORS = (*_GET_ERRORS, InvalidPaginationTokenException)
_LIST_OF_ONE_ERRORS = (*_LIST_ERRORS, ResourceNotFoundException)

LIST_LIFECYCLE_EXECUTION_RESOURCES: Operation[Any] = Operation(
    name="ListLifecycleExecutionResources",
    method_name="list_lifecycle_execution_resources",
    family="lifecycle",
    returns="the resources of a lifecycle policy's run, or of one of its images",
    errors=_LIST_ERRORS,
    result_key="resources",
    non_aggregate_keys=("lifecycleExecutionId", "lifecycleExecutionState"),
)

_CATALOGUE: tuple[Operation[Any], ...] = (
    Operation(
        name="GetLifecycleExecution",
        method_name="get_lifecycle_execution",
        family="lifecycle_executions",
        returns="one run of a lifecycle policy",
        errors=_GET_ERRORS,
        http_method="GET",
    ),
    Operation(
        name="GetLifecyclePolicy",
        method_name="get_lifecycle_policy",
        family="lifecycle_policies",
        returns="one lifecycle policy with its rules",
        errors=_GET_ERRORS,
        http_method="GET",
    ),
    LIST_LIFECYCLE_EXECUTION_RESOURCES,
    Operation(
        name="ListLifecycleExecutions",
        method_name="list_lifecycle_executions",
        family="lifecycle_executions",
        returns="the runs of a lifecycle policy, or those that acted on a resource",
        errors=_LIST_ERRORS,
        result_key="lifecycleExecutions",
    ),
    Operation(
        name="ListLifecyclePolicies",
        method_name="list_lifecycle_policies",
        family="lifecycle_policies",
        returns="the lifecycle policies of the account",
        errors=_LIST_ERRORS,
        result_key="lifecyclePolicySummaryList",
    ),
)

#: Every operation, by the name of its client method.
OPERATIONS: Mapping[str, Operation[Any]] = {
    operation.method_name: operation for operation in _CATALOGUE
}


def find_operation(method_name: str) -> Operation[Any]:
    """Return the operation of a client method.

    Raises :class:`UnknownOperationError`, a ``KeyError`` as in boto3, for a name that there is not.
    """
    try:
        return OPERATIONS[method_name]
    except (KeyError, TypeError):
        raise UnknownOperationError(
            f"no operation {method_name!r}; there are: {', '.join(OPERATIONS)}"
        ) from None
