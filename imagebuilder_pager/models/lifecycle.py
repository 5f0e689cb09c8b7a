"""The lifecycle family: the shapes of ``ListLifecycleExecutionResources``.

Names, members and constraints are those of the service model, API version 2019-12-02.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from .fields import Constraints, MissingList, OpenEnum, SparseList, Timestamp
from .request import Request
from .shapes import Response, Shape

__all__ = [
    "LifecycleExecutionResource",
    "LifecycleExecutionResourceAction",
    "LifecycleExecutionResourceActionName",
    "LifecycleExecutionResourceState",
    "LifecycleExecutionResourceStatus",
    "LifecycleExecutionSnapshotResource",
    "LifecycleExecutionState",
    "LifecycleExecutionStatus",
    "ListLifecycleExecutionResourcesRequest",
    "ListLifecycleExecutionResourcesResponse",
]

LifecycleExecutionId = Annotated[
    str,
    Constraints(
        pattern="^lce-[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
    ),
]
NonEmptyString = Annotated[str, Constraints(min=1, max=1024)]
PaginationToken = Annotated[str, Constraints(min=1, max=65535)]
RestrictedInteger = Annotated[int, Constraints(min=1, max=25)]


class LifecycleExecutionStatus(StrEnum):
    """The status of a run of a lifecycle policy."""

    IN_PROGRESS = "IN_PROGRESS"
    CANCELLED = "CANCELLED"
    CANCELLING = "CANCELLING"
    FAILED = "FAILED"
    SUCCESS = "SUCCESS"
    PENDING = "PENDING"


class LifecycleExecutionResourceStatus(StrEnum):
    """The status of a lifecycle action on one resource."""

    FAILED = "FAILED"
    IN_PROGRESS = "IN_PROGRESS"
    SKIPPED = "SKIPPED"
    SUCCESS = "SUCCESS"


class LifecycleExecutionResourceActionName(StrEnum):
    """The name of the action that a lifecycle policy takes on a resource."""

    AVAILABLE = "AVAILABLE"
    DELETE = "DELETE"
    DEPRECATE = "DEPRECATE"
    DISABLE = "DISABLE"


class LifecycleExecutionState(Shape):
    """The state of a run of a lifecycle policy, with its reason."""

    status: OpenEnum[LifecycleExecutionStatus] | None = None
    reason: NonEmptyString | None = None


class LifecycleExecutionResourceState(Shape):
    """The state of the action on one resource, with its reason."""

    status: OpenEnum[LifecycleExecutionResourceStatus] | None = None
    reason: NonEmptyString | None = None


class LifecycleExecutionResourceAction(Shape):
    """The action that the policy takes on a resource, with its reason."""

    name: OpenEnum[LifecycleExecutionResourceActionName] | None = None
    reason: NonEmptyString | None = None


class LifecycleExecutionSnapshotResource(Shape):
    """A snapshot of an AMI that the policy acts on."""

    snapshot_id: NonEmptyString | None = None
    state: LifecycleExecutionResourceState | None = None


class LifecycleExecutionResource(Shape):
    """A resource that a run of a lifecycle policy acts on.

    ``resource_id`` is an image's ARN, an AMI's id, or a container image's URI or digest;
    ``snapshots`` are an AMI's, ``image_uris`` a container image's. Timestamps are in UTC.
    """

    account_id: NonEmptyString | None = None
    resource_id: NonEmptyString | None = None
    state: LifecycleExecutionResourceState | None = None
    action: LifecycleExecutionResourceAction | None = None
    region: NonEmptyString | None = None
    snapshots: SparseList[LifecycleExecutionSnapshotResource] = Field(default_factory=MissingList)
    image_uris: SparseList[NonEmptyString] = Field(default_factory=MissingList)
    start_time: Timestamp | None = None
    end_time: Timestamp | None = None


class ListLifecycleExecutionResourcesRequest(Request):
    """The parameters of a listing: an execution's resources, or those of one of its images.

    ``parent_resource_id`` is the ARN of that image; ``max_results`` the size of a page.
    """

    lifecycle_execution_id: LifecycleExecutionId
    parent_resource_id: NonEmptyString | None = None
    max_results: RestrictedInteger | None = None
    next_token: PaginationToken | None = None


class ListLifecycleExecutionResourcesResponse(Response):
    """A page of an execution's resources."""

    lifecycle_execution_id: LifecycleExecutionId | None = None
    lifecycle_execution_state: LifecycleExecutionState | None = None
    resources: SparseList[LifecycleExecutionResource] = Field(default_factory=MissingList)
    next_token: PaginationToken | None = None
