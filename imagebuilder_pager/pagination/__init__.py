"""boto3's paginator protocol for any operation of any service, with nothing else needed.

Neither HTTP nor AWS nor a model is known here: a paginator drives a callable that takes wire
parameters as keywords and returns a page, a dictionary or an object that behaves like one.
"""

from .config import PaginationConfig
from .cursor import PageCursor, Position, ResumablePage
from .paginator import AsyncPageIterator, AsyncPaginator, PageIterator, Paginator
from .spec import Expression, PaginationSpec
from .token import decode_token, encode_token

__all__ = [
    "AsyncPageIterator",
    "AsyncPaginator",
    "Expression",
    "PageCursor",
    "PageIterator",
    "PaginationConfig",
    "PaginationSpec",
    "Paginator",
    "Position",
    "ResumablePage",
    "decode_token",
    "encode_token",
]
