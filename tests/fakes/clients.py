"""Calls of a client for the local account's example execution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imagebuilder_pager import ImageBuilder
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID

EXECUTION: Any = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}
OPERATION: Any = "list_lifecycle_execution_resources"

#: The type of the fixture ``client_with``.
ClientWith = Callable[..., ImageBuilder]


def list_page(client: ImageBuilder, **params: Any) -> Any:
    """Return one page of the example execution."""
    return client.list_lifecycle_execution_resources(**{**EXECUTION, **params})
