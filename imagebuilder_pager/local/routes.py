"""Which operation a request is for, and the errors for unknown names.

The rule: HTTP method and path choose the operation. Only a GET request has a query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._operations import OPERATIONS
from .._validation import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx

    from .._rows import Operation

OPERATION_BY_NAME = {operation.name: operation for operation in OPERATIONS.values()}
"""Every operation, by the API's name."""

_OPERATION_BY_PATH = {operation.path.encode(): operation for operation in OPERATIONS.values()}


def find_operation(request: httpx.Request) -> Operation | None:
    """Return the operation of a request, or None for an unknown path or the wrong method."""
    path, separator, _ = request.url.raw_path.partition(b"?")
    operation = _OPERATION_BY_PATH.get(path)
    if operation is None or request.method != operation.http_method:
        return None
    # Only the parameters of a GET request are in its query.
    return None if separator and request.method != "GET" else operation


def require_operation(name: str) -> Operation:
    """Return the operation with this name. Raises ``ValueError`` for an unknown one."""
    operation = OPERATION_BY_NAME.get(name)
    if operation is not None:
        return operation
    raise ValueError(f"there is no operation {name!r}; {suggest(name, OPERATION_BY_NAME)}")


def suggest(given: object, names: Iterable[str]) -> str:
    """Return the end of an error's sentence: the name in similar spelling, else all names."""
    return did_you_mean(names, given) or f"there are {', '.join(names)}"
