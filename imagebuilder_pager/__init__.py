"""boto3's paginator protocol for EC2 Image Builder, without boto3.

    from imagebuilder_pager import ImageBuilder

    with ImageBuilder(region_name="us-west-2") as client:
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        for page in paginator.paginate(lifecycleExecutionId="lce-..."):
            for resource in page.resources:
                print(resource.resource_id, resource.state.status)

Importing this package loads nothing but this file; a public name loads its module when it is first
used.
"""

from ._version import __version__

# As typing's, which type checkers know by its name alone: typing takes its time to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import exceptions, models, pagination
    from .aws.transport.async_h11_transport import AsyncH11Client
    from .aws.transport.h11_transport import H11Client
    from .client import AsyncImageBuilder, ImageBuilder
    from .pagination import AsyncPaginator, PaginationSpec, Paginator

_MODULES = {
    "AsyncH11Client": "aws.transport.async_h11_transport",
    "AsyncImageBuilder": "client",
    "AsyncPaginator": "pagination",
    "H11Client": "aws.transport.h11_transport",
    "ImageBuilder": "client",
    "PaginationSpec": "pagination",
    "Paginator": "pagination",
}
_SUBMODULES = ("exceptions", "models", "pagination")

__all__ = [
    "AsyncH11Client",
    "AsyncImageBuilder",
    "AsyncPaginator",
    "H11Client",
    "ImageBuilder",
    "PaginationSpec",
    "Paginator",
    "__version__",
    "exceptions",
    "models",
    "pagination",
]


def __getattr__(name: str) -> "Any":
    import importlib

    if name in _MODULES:
        value = getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    elif name in _SUBMODULES:
        value = importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
