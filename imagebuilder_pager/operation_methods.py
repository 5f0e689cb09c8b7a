"""The methods of both clients: one an operation, made from the catalogue, and ``get_paginator``.

Their types are in ``type_defs/methods.pyi`` and ``async_methods.pyi``, which type checkers read
instead of this module. A method's family of models is loaded when the method is first read.
"""

from __future__ import annotations

import inspect
import types
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from ._lazy import cached_property
from .operations import OPERATIONS, Operation, find_operation
from .pagination.paginator import Paginator

if TYPE_CHECKING:
    from .pagination.async_paginator import AsyncPaginator

_ERRORS = """\
Raises :class:`ParamValidationError` before anything is sent, :class:`NoCredentialsError`,
:class:`ClientError` or a modelled subclass of it, :class:`ResponseParserError`,
:class:`ResponseValidationError`, or a subclass of :class:`HTTPClientError`.
"""


class OperationMethod:
    """A client's method for one operation, as a descriptor.

    What it makes is a function like any other, with a signature and a docstring.
    """

    def __init__(self, operation: Operation[Any], *, is_async: bool) -> None:
        self._operation = operation
        self._is_async = is_async

    def __get__(self, client: object, owner: type | None = None) -> Callable[..., Any]:
        return self._function if client is None else types.MethodType(self._function, client)

    @cached_property
    def _function(self) -> Callable[..., Any]:
        name = self._operation.method_name

        def call(self: OperationMethods, **params: Any) -> Any:
            return self._call(name, params)

        async def call_async(self: AsyncOperationMethods, **params: Any) -> Any:
            return await self._call(name, params)

        function: Callable[..., Any] = call_async if self._is_async else call
        client = "AsyncImageBuilder" if self._is_async else "ImageBuilder"
        function.__name__, function.__qualname__ = name, f"{client}.{name}"
        function.__module__ = f"{__package__}.client"
        function.__doc__ = _document(self._operation)
        vars(function)["__signature__"] = _signature(self._operation)
        return function


def _document(operation: Operation[Any]) -> str:
    """Return the docstring of an operation's method."""
    from .models.params import param_members

    kind = "Return" if operation.pagination is None else "Return a page of"
    parameters = "\n".join(
        f"- ``{name}``{', required' if member.required else ''}: {member.kind.describe()}"
        for name, member in param_members(operation.request).items()
    )
    return (
        f"{kind} {operation.returns}.\n\nThe parameters, here in boto3's spelling, may be in "
        f"snake_case, too:\n\n{parameters}\n\n{_ERRORS}"
    )


def _signature(operation: Operation[Any]) -> inspect.Signature:
    """Return the signature of an operation's method, with boto3's names."""
    from .models.params import param_members

    keyword_only = inspect.Parameter.KEYWORD_ONLY
    members = param_members(operation.request).items()
    return inspect.Signature(
        [
            inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            *(
                inspect.Parameter(
                    name,
                    keyword_only,
                    # A parameter that is not given is not sent; None would be an error.
                    default=inspect.Parameter.empty if member.required else ...,
                    annotation=member.kind.python_type,
                )
                for name, member in members
            ),
        ],
        return_annotation=operation.response,
    )


class _BaseMethods:
    """The part that the methods of both clients share."""

    def can_paginate(self, operation_name: str) -> bool:
        """Return whether ``get_paginator`` takes the name of an operation.

        Raises :class:`UnknownOperationError`, a ``KeyError`` as in boto3, for a name that there is
        not.
        """
        return find_operation(operation_name).result_key is not None


class OperationMethods(_BaseMethods):
    """The methods of the sync client."""

    @abstractmethod
    def _call(self, method_name: str, params: Mapping[str, Any]) -> Any:
        """Return the response of an operation."""

    def get_paginator(self, operation_name: str) -> Paginator[Any, Any]:
        """Return a paginator for an operation, by the name of its method here.

        Raises :class:`UnknownOperationError` that lists the operations there are, and
        :class:`OperationNotPageableError` for an operation that has one response.
        """
        operation = find_operation(operation_name)
        return Paginator(
            getattr(self, operation.method_name),
            operation.require_pagination(),
            serialize_params=operation.serialize_params,
            name=operation.name,
        )


class AsyncOperationMethods(_BaseMethods):
    """The methods of the async client."""

    @abstractmethod
    def _call(self, method_name: str, params: Mapping[str, Any]) -> Awaitable[Any]:
        """Return the response of an operation, to be awaited."""

    def get_paginator(self, operation_name: str) -> AsyncPaginator[Any, Any]:
        """Return a paginator, to be iterated with ``async for``; see the sync client's."""
        from .pagination.async_paginator import AsyncPaginator  # a sync program goes without

        operation = find_operation(operation_name)
        return AsyncPaginator(
            getattr(self, operation.method_name),
            operation.require_pagination(),
            serialize_params=operation.serialize_params,
            name=operation.name,
        )


for _operation in OPERATIONS.values():
    setattr(OperationMethods, _operation.method_name, OperationMethod(_operation, is_async=False))
    setattr(
        AsyncOperationMethods, _operation.method_name, OperationMethod(_operation, is_async=True)
    )
