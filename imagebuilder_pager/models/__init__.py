"""What the service says, as Pydantic models."""

from .lifecycle import (
    LifecycleExecutionResource,
    LifecycleExecutionResourceAction,
    LifecycleExecutionResourceActionName,
    LifecycleExecutionResourceState,
    LifecycleExecutionResourceStatus,
    LifecycleExecutionSnapshotResource,
    LifecycleExecutionState,
    LifecycleExecutionStatus,
    ListLifecycleExecutionResourcesRequest,
    ListLifecycleExecutionResourcesResponse,
)
from .shapes import ResponseMetadata, Shape

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
    "ResponseMetadata",
    "Shape",
]
