"""The types of each operation, for type checkers and editors: its parameters, pages and items.

Names are boto3's, or the same in snake_case. There are two types of parameters, since the id is
required in either spelling.
"""

from __future__ import annotations

from typing import Protocol, Required, TypedDict, Unpack, overload

from .models import exceptions
from .models.lifecycle import LifecycleExecutionResource, ListLifecycleExecutionResourcesResponse
from .pagination.async_paginator import AsyncPageIterator
from .pagination.config import PaginationConfig as Config
from .pagination.paginator import PageIterator
from .pagination.spec import Expression

__all__ = [
    "AsyncListLifecycleExecutionResourcesPaginator",
    "Exceptions",
    "Item",
    "ListLifecycleExecutionResourcesPaginator",
    "ListParams",
    "ListParamsSnakeCase",
    "Page",
]

Page = ListLifecycleExecutionResourcesResponse
Item = LifecycleExecutionResource


class Exceptions(Protocol):
    """The errors at ``client.exceptions``: the names of the module :mod:`.models.exceptions`."""

    ClientError: type[exceptions.ClientError]
    AccessDeniedException: type[exceptions.AccessDeniedException]
    CallRateLimitExceededException: type[exceptions.CallRateLimitExceededException]
    ClientException: type[exceptions.ClientException]
    DryRunOperationException: type[exceptions.DryRunOperationException]
    ForbiddenException: type[exceptions.ForbiddenException]
    IdempotentParameterMismatchException: type[exceptions.IdempotentParameterMismatchException]
    InvalidPaginationTokenException: type[exceptions.InvalidPaginationTokenException]
    InvalidParameterCombinationException: type[exceptions.InvalidParameterCombinationException]
    InvalidParameterException: type[exceptions.InvalidParameterException]
    InvalidParameterValueException: type[exceptions.InvalidParameterValueException]
    InvalidRequestException: type[exceptions.InvalidRequestException]
    InvalidVersionNumberException: type[exceptions.InvalidVersionNumberException]
    ResourceAlreadyExistsException: type[exceptions.ResourceAlreadyExistsException]
    ResourceDependencyException: type[exceptions.ResourceDependencyException]
    ResourceInUseException: type[exceptions.ResourceInUseException]
    ResourceNotFoundException: type[exceptions.ResourceNotFoundException]
    ServiceException: type[exceptions.ServiceException]
    ServiceQuotaExceededException: type[exceptions.ServiceQuotaExceededException]
    ServiceUnavailableException: type[exceptions.ServiceUnavailableException]
    TooManyRequestsException: type[exceptions.TooManyRequestsException]


class _Optional(TypedDict, total=False):
    parentResourceId: str
    parent_resource_id: str
    maxResults: int
    max_results: int
    nextToken: str
    next_token: str


class ListParams(_Optional, total=False):
    """The parameters of ``list_lifecycle_execution_resources``, with the id as boto3 spells it."""

    lifecycleExecutionId: Required[str]


class ListParamsSnakeCase(_Optional, total=False):
    """The parameters of ``list_lifecycle_execution_resources``, with the id in snake_case."""

    lifecycle_execution_id: Required[str]


class _PaginateParams(ListParams, total=False):
    PaginationConfig: Config | None


class _PaginateParamsSnakeCase(ListParamsSnakeCase, total=False):
    PaginationConfig: Config | None


class ListLifecycleExecutionResourcesPaginator(Protocol):
    """The :class:`~.pagination.Paginator` of ``list_lifecycle_execution_resources``."""

    @property
    def result_keys(self) -> tuple[Expression, ...]: ...
    @overload
    def paginate(self, **params: Unpack[_PaginateParams]) -> PageIterator[Page, Item]: ...
    @overload
    def paginate(self, **params: Unpack[_PaginateParamsSnakeCase]) -> PageIterator[Page, Item]: ...


class AsyncListLifecycleExecutionResourcesPaginator(Protocol):
    """The :class:`~.pagination.AsyncPaginator` of ``list_lifecycle_execution_resources``."""

    @property
    def result_keys(self) -> tuple[Expression, ...]: ...
    @overload
    def paginate(self, **params: Unpack[_PaginateParams]) -> AsyncPageIterator[Page, Item]: ...
    @overload
    def paginate(
        self, **params: Unpack[_PaginateParamsSnakeCase]
    ) -> AsyncPageIterator[Page, Item]: ...
