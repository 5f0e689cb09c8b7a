"""boto3's paginator protocol for EC2 Image Builder, without boto3.

    from imagebuilder_pager import ImageBuilder

    with ImageBuilder(region_name="us-west-2") as client:
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        for page in paginator.paginate(lifecycleExecutionId="lce-..."):
            for resource in page.resources:
                print(resource.resource_id, resource.state and resource.state.status)

Importing this package loads almost nothing; a public name loads its module when it is first used.
"""

from ._lazy import lazy_attributes
from ._version import __version__

TYPE_CHECKING = False  # as typing's, which is slow to import
if TYPE_CHECKING:
    from . import exceptions, models, pagination
    from ._aws.attempts import Attempt
    from ._aws.clock import Clock
    from ._aws.transport.async_h11_transport import AsyncH11Client
    from ._aws.transport.h11_transport import H11Client
    from ._aws.transport.types import Timeouts
    from .client import AsyncImageBuilder, ImageBuilder
    from .pagination import AsyncPaginator, PaginationSpec, Paginator
    from .pagination.checkpoint import Checkpoint

__all__ = [
    "AsyncH11Client",
    "AsyncImageBuilder",
    "AsyncPaginator",
    "Attempt",
    "Checkpoint",
    "Clock",
    "H11Client",
    "ImageBuilder",
    "PaginationSpec",
    "Paginator",
    "Timeouts",
    "__version__",
    "exceptions",
    "models",
    "pagination",
]

# Type checkers must not see it: with it, an unknown name would be Any.
if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "AsyncH11Client": "_aws.transport.async_h11_transport",
            "AsyncImageBuilder": "client",
            "AsyncPaginator": "pagination",
            "Attempt": "_aws.attempts",
            "Checkpoint": "pagination.checkpoint",
            "Clock": "_aws.clock",
            "H11Client": "_aws.transport.h11_transport",
            "ImageBuilder": "client",
            "PaginationSpec": "pagination",
            "Paginator": "pagination",
            "Timeouts": "_aws.transport.types",
        },
        ("exceptions", "models", "pagination"),
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
