"""boto3's paginator protocol for any operation of any service.

This package knows neither HTTP nor AWS nor a model: a paginator calls a function that takes wire
parameters as keywords and returns a page, a dictionary or an object that behaves like one.
"""

from .._lazy import lazy_attributes
from .config import PaginationConfig
from .cursor import PageCursor, PagePosition, ResumablePage
from .paginator import PageIterator, Paginator
from .spec import Expression, PaginationSpec
from .tokens import decode_token, encode_token

TYPE_CHECKING = False  # as typing's, which is slow to import
if TYPE_CHECKING:
    from .async_paginator import AsyncPageIterator, AsyncPaginator
    from .from_client import paginator_from_client

__all__ = [
    "AsyncPageIterator",
    "AsyncPaginator",
    "Expression",
    "PageCursor",
    "PageIterator",
    "PagePosition",
    "PaginationConfig",
    "PaginationSpec",
    "Paginator",
    "ResumablePage",
    "decode_token",
    "encode_token",
    "paginator_from_client",
]

# Type checkers must not see it: with it, an unknown name would be Any.
if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "AsyncPageIterator": "async_paginator",
            "AsyncPaginator": "async_paginator",
            "paginator_from_client": "from_client",
        },
        (),
    )
