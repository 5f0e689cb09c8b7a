"""The catalogue of operations: each one's names, family, errors and pagination.

It holds no model. The module of a family of models is loaded when one of its operations is first
used, so that a program pays for what it lists.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

from ._aws.protocol.responses import RestJsonOperation
from ._lazy import cached_property
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
            max_page_size=self._max_page_size(),
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
            prepare=self.response.model_rebuild,
            page_members=None if self.result_key is None else (self.result_key, "nextToken"),
        )

    def _model(self, suffix: str) -> object:
        module = importlib.import_module(f".models.{self.family}", __package__)
        return getattr(module, self.name + suffix)

    def _max_page_size(self) -> int | None:
        if self.limit_key is None:
            return None
        from .models.params import param_members

        constraints = param_members(self.request)[self.limit_key].kind.constraints
        return None if constraints is None else constraints.max

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
    Operation(
        name="ListComponents",
        method_name="list_components",
        family="components",
        returns="the versions of components",
        errors=_LIST_ERRORS,
        result_key="componentVersionList",
        non_aggregate_keys=("requestId",),
    ),
    Operation(
        name="ListComponentBuildVersions",
        method_name="list_component_build_versions",
        family="components",
        returns="the builds of a version of a component",
        errors=_LIST_ERRORS,
        result_key="componentSummaryList",
        non_aggregate_keys=("requestId",),
    ),
    Operation(
        name="ListContainerRecipes",
        method_name="list_container_recipes",
        family="recipes",
        returns="the container recipes",
        errors=_LIST_ERRORS,
        result_key="containerRecipeSummaryList",
        non_aggregate_keys=("requestId",),
    ),
    Operation(
        name="ListImageRecipes",
        method_name="list_image_recipes",
        family="recipes",
        returns="the image recipes",
        errors=_LIST_ERRORS,
        result_key="imageRecipeSummaryList",
        non_aggregate_keys=("requestId",),
    ),
    Operation(
        name="ListDistributionConfigurations",
        method_name="list_distribution_configurations",
        family="configurations",
        returns="the distribution configurations of the account",
        errors=_LIST_ERRORS,
        result_key="distributionConfigurationSummaryList",
        non_aggregate_keys=("requestId",),
    ),
    Operation(
        name="ListInfrastructureConfigurations",
        method_name="list_infrastructure_configurations",
        family="configurations",
        returns="the infrastructure configurations of the account",
        errors=_LIST_ERRORS,
        result_key="infrastructureConfigurationSummaryList",
        non_aggregate_keys=("requestId",),
    ),
    Operation(
        name="ListImages",
        method_name="list_images",
        family="images",
        returns="the versions of images",
        errors=_LIST_ERRORS,
        result_key="imageVersionList",
        non_aggregate_keys=("requestId",),
    ),
    Operation(
        name="ListImageBuildVersions",
        method_name="list_image_build_versions",
        family="images",
        returns="the builds of a version of an image",
        errors=_LIST_ERRORS,
        result_key="imageSummaryList",
        non_aggregate_keys=("requestId",),
    ),
    Operation(
        name="ListImagePackages",
        method_name="list_image_packages",
        family="images",
        returns="the packages that a build of an image has installed",
        errors=_LIST_OF_ONE_ERRORS,
        result_key="imagePackageList",
        non_aggregate_keys=("requestId",),
    ),
    Operation(
        name="ListImagePipelineImages",
        method_name="list_image_pipeline_images",
        family="images",
        returns="the images that a pipeline has built",
        errors=_LIST_OF_ONE_ERRORS,
        result_key="imageSummaryList",
        non_aggregate_keys=("requestId",),
    ),
    Operation(
        name="ListImagePipelines",
        method_name="list_image_pipelines",
        family="pipelines",
        returns="the image pipelines of the account",
        errors=_LIST_ERRORS,
        result_key="imagePipelineList",
        non_aggregate_keys=("requestId",),
    ),
    Operation(
        name="ListImageScanFindingAggregations",
        method_name="list_image_scan_finding_aggregations",
        family="scan_findings",
        returns="the numbers of findings, by severity",
        errors=_LIST_ERRORS,
        result_key="responses",
        limit_key=None,
        non_aggregate_keys=("requestId", "aggregationType"),
    ),
    Operation(
        name="ListImageScanFindings",
        method_name="list_image_scan_findings",
        family="scan_findings",
        returns="the vulnerabilities that were found in images",
        errors=_LIST_ERRORS,
        result_key="findings",
        non_aggregate_keys=("requestId",),
    ),
    Operation(
        name="ListWaitingWorkflowSteps",
        method_name="list_waiting_workflow_steps",
        family="workflows",
        returns="the workflow steps that wait for someone to let them go on",
        errors=_LIST_ERRORS,
        result_key="steps",
    ),
    Operation(
        name="ListWorkflowBuildVersions",
        method_name="list_workflow_build_versions",
        family="workflows",
        returns="the builds of a version of a workflow",
        errors=_LIST_ERRORS,
        result_key="workflowSummaryList",
    ),
    Operation(
        name="ListWorkflowExecutions",
        method_name="list_workflow_executions",
        family="workflows",
        returns="the executions of workflows for a build of an image",
        errors=_LIST_ERRORS,
        result_key="workflowExecutions",
        non_aggregate_keys=("requestId", "imageBuildVersionArn", "message"),
    ),
    Operation(
        name="ListWorkflowStepExecutions",
        method_name="list_workflow_step_executions",
        family="workflows",
        returns="the executions of the steps of a workflow",
        errors=_LIST_ERRORS,
        result_key="steps",
        non_aggregate_keys=(
            "requestId",
            "workflowBuildVersionArn",
            "workflowExecutionId",
            "imageBuildVersionArn",
            "message",
        ),
    ),
    Operation(
        name="ListWorkflows",
        method_name="list_workflows",
        family="workflows",
        returns="the versions of workflows",
        errors=_LIST_ERRORS,
        result_key="workflowVersionList",
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
