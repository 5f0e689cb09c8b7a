"""boto3's paginator protocol for any operation of any service.

This package knows neither HTTP nor AWS nor a model: a paginator calls a function that takes wire
parameters as keywords and returns a page, a dictionary or an object that behaves like one.
"""

from .async_paginator import AsyncPageIterator, AsyncPaginator
from .config import PaginationConfig
from .cursor import PageCursor, PagePosition, ResumablePage
from .paginator import PageIterator, Paginator
from .spec import Expression, PaginationSpec
from .tokens import decode_token, encode_token

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
]
