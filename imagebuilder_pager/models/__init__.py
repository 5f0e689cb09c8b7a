"""The shapes of the service as Pydantic models; each module is loaded when it is first used."""

from typing import TYPE_CHECKING

from .._lazy import lazy_attributes

if TYPE_CHECKING:
    from . import exceptions as exceptions
    from . import fields as fields
    from . import lifecycle as lifecycle
    from . import request as request
    from . import shapes as shapes
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

# Type checkers must not see it: with it, an unknown name would be Any.
if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        dict.fromkeys(__all__, "lifecycle") | {"ResponseMetadata": "shapes", "Shape": "shapes"},
        ("exceptions", "fields", "lifecycle", "request", "shapes"),
    )
