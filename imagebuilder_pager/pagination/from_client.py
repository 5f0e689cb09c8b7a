"""Our paginator over the methods of a boto3 or aiobotocore client, for any operation of AWS.

The rule: nothing about a service is known here. How an operation paginates, and the type of the
parameter for its page size, come from the client, and so from its data paths.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol, overload

from .._validation import describe_invalid_value, did_you_mean
from ..exceptions import (
    OperationNotPageableError,
    PaginationError,
    ParamValidationError,
    UnknownOperationError,
)
from .async_paginator import AsyncPaginator
from .paginator import Paginator
from .spec import PaginationSpec


# The two kinds of clients differ in this alone.
class _SyncClient(Protocol):
    def close(self) -> None: ...


class _AsyncClient(Protocol):
    def close(self) -> Awaitable[None]: ...


@overload
def paginator_from_client(
    client: _SyncClient, operation_name: str
) -> Paginator[dict[str, Any], Any]: ...
@overload
def paginator_from_client(
    client: _AsyncClient, operation_name: str
) -> AsyncPaginator[dict[str, Any], Any]: ...
def paginator_from_client(
    client: Any, operation_name: str
) -> Paginator[dict[str, Any], Any] | AsyncPaginator[dict[str, Any], Any]:
    """Return a paginator of an operation of any AWS service, over the client's own method.

    - ``client``: a boto3 client, or an aiobotocore client for an :class:`AsyncPaginator`.
    - ``operation_name``: the name of its method, as for ``client.get_paginator``.

    Parameters are the method's, pages the dictionaries that it returns::

        paginator = paginator_from_client(boto3.client("s3"), "list_objects_v2")
        pages = paginator.paginate(Bucket="logs", PaginationConfig={"Prefetch": 2})
        for item in pages.items():
            ...
            checkpoint.write_text(pages.resume_token or "finished")

    The client's errors reach the caller unchanged, and ``pages.resume_token`` resumes after them.

    Raises :class:`ParamValidationError` for anything but a client, :class:`UnknownOperationError`
    (a ``KeyError``, as in boto3) for a method that the client does not have,
    :class:`OperationNotPageableError` for an operation without pages, and
    :class:`PaginationError` for an invalid entry in a service model of the caller's own.
    """
    api_name = _resolve_api_name(client, operation_name)
    if not client.can_paginate(operation_name):
        service = client.meta.service_model.service_name
        raise OperationNotPageableError(
            f"the operation {operation_name!r} of {service} cannot be paginated"
        )
    botocore_paginator = client.get_paginator(operation_name)
    spec = _build_spec(client, api_name, botocore_paginator)
    method = getattr(client, operation_name)
    if hasattr(botocore_paginator.PAGE_ITERATOR_CLS, "__aiter__"):
        return AsyncPaginator(method, spec, name=api_name)
    return Paginator(method, spec, name=api_name)


def _resolve_api_name(client: Any, operation_name: object) -> str:
    """Return AWS's name of the operation that a method calls."""
    api_name_by_method = getattr(getattr(client, "meta", None), "method_to_api_mapping", None)
    # A resource has a meta too, and a client in it.
    if not isinstance(api_name_by_method, Mapping) or not hasattr(client, "get_paginator"):
        raise ParamValidationError(
            "paginator_from_client",
            [describe_invalid_value("client", client, "a client of boto3 or aiobotocore")],
        )
    name = str(operation_name)
    if name in api_name_by_method:
        return str(api_name_by_method[name])
    message = f"no operation {operation_name!r} of {client.meta.service_model.service_name}"
    if similar := did_you_mean(api_name_by_method, name):
        message += f"; {similar}"
    raise UnknownOperationError(message)


def _build_spec(client: Any, api_name: str, botocore_paginator: Any) -> PaginationSpec:
    # botocore has no public name for the entry. The alternative, its client's loader, is private
    # as well, and the entry would have to be searched a second time.
    entry: Mapping[str, Any] = botocore_paginator._pagination_cfg
    limit_as_string = False
    if limit_key := entry.get("limit_key"):
        input_shape = client.meta.service_model.operation_model(api_name).input_shape
        limit_shape = None if input_shape is None else input_shape.members.get(limit_key)
        limit_as_string = limit_shape is not None and limit_shape.type_name == "string"
    try:
        return PaginationSpec.from_model(entry, limit_as_string=limit_as_string)
    except ValueError as error:
        raise PaginationError(f"{api_name}: {error}") from error
