"""The row of an operation: its names, parameters, items and errors, as the service model has them.

``_operations.py`` has the rows. The client, the command line and the local service read them. A row
imports no model: that of its response is loaded when it is first used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from ._params import Param, check_params
from ._threads import not_forked
from .exceptions import OperationNotPageableError, ResponseValidationError

if TYPE_CHECKING:
    from typing import Any

    from ._aws.protocol.responses import OnMismatch, ResponseParser, RestJsonSpec
    from .models.shapes import Response
    from .pagination.spec import PaginationSpec

#: The most items that a ``StartingToken`` may skip: ten of the largest pages that the service has
#: today, since a page may grow.
MAX_OFFSET = 1_000
#: Members of a request that its response repeats, in any case.
_ECHOED_MEMBERS = ("lifecycleExecutionId", "workflowExecutionId")


@dataclass(eq=False, repr=False)
class Operation:
    """An operation of the service.

    - ``name``: AWS's name; that of the client's method is ``method_name``.
    - ``family``: the module of :mod:`.models` that has its response.
    - ``returns``: the content of a response, in words.
    - ``http_method``, ``path``: of its request. The parameters of a GET request are in its query.
      Default: POST, and the name after a slash.
    - ``params``: its parameters by their names.
    - ``errors``: the names of the errors that the service model has for it.
    - ``result_key``: the member with the items, None for an operation that is not paginated.
    - ``limit_key``: the parameter that limits a page, None without one.
    - ``non_aggregate_keys``: the members that are the same on every page.
    """

    name: str
    family: str
    returns: str
    _: KW_ONLY
    http_method: str = "POST"
    path: str = ""
    params: Mapping[str, Param]
    errors: tuple[str, ...]
    result_key: str | None = None
    limit_key: str | None = "maxResults"
    non_aggregate_keys: tuple[str, ...] = ()
    method_name: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = self.path or f"/{self.name}"
        self.method_name = re.sub(r"\B(?=[A-Z])", "_", self.name).lower()

    @property
    def is_paginated(self) -> bool:
        """Whether its responses are pages."""
        return self.result_key is not None

    @property
    def listing_params(self) -> list[str]:
        """The parameters of the listing itself, without its position and page size."""
        return [name for name in self.params if name not in {self.limit_key, "nextToken"}]

    @property
    @cache  # noqa: B019 - a row is never dropped
    def response(self) -> type[Response]:
        """The model of the response; it loads the family's module."""
        import importlib

        module = importlib.import_module(f".models.{self.family}", __package__)
        response: type[Response] = getattr(module, f"{self.name}Response")
        return response

    @property
    @cache  # noqa: B019 - a row is never dropped
    def pagination(self) -> PaginationSpec | None:
        """The way it paginates, or None for an operation with one response."""
        if self.result_key is None:
            return None
        from .pagination.spec import PaginationSpec

        return PaginationSpec(
            input_token="nextToken",
            output_token="nextToken",
            result_key=self.result_key,
            limit_key=self.limit_key,
            non_aggregate_keys=self.non_aggregate_keys,
            max_page_size=MAX_OFFSET,
        )

    def require_pagination(self, max_page_size: int | None = None) -> PaginationSpec:
        """Return the way it paginates, with tokens that skip at most ``max_page_size`` items.

        Raises :class:`OperationNotPageableError` for an operation with one response.
        """
        if self.pagination is None:
            raise OperationNotPageableError(f"Operation cannot be paginated: {self.method_name}")
        if max_page_size is None:
            return self.pagination
        return replace(self.pagination, max_page_size=max_page_size)

    @property
    @cache  # noqa: B019 - a row is never dropped
    def rest_json(self) -> RestJsonSpec:
        """The specification for the protocol; it loads the family's module."""
        from ._aws.protocol.responses import RestJsonSpec
        from .models.exceptions import MODELLED_ERRORS

        response = self.response

        def prepare() -> None:
            if not response.__pydantic_complete__:
                with not_forked:
                    response.model_rebuild()

        return RestJsonSpec(
            name=self.name,
            path=self.path,
            members=response.wire_names(),
            page_members=(self.result_key, "nextToken") if self.result_key else None,
            errors={error.__name__: error for error in MODELLED_ERRORS},
            method=self.http_method,
            prepare=prepare,
        )

    def check_params(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of a request, in the order given.

        Raises :class:`ParamValidationError` that names each that boto3 refuses.
        """
        return check_params(self.name, self.params, given)

    def response_parser(self, params: Mapping[str, Any], **parse_options: Any) -> ResponseParser:
        """Return a parser that checks that a response answers the request with these parameters.

        A caller's own HTTP client may return the response to another request. The parser raises
        :class:`ResponseValidationError` for it.
        """

        def parse(
            body: bytes, metadata: Mapping[str, Any], /, *, on_mismatch: OnMismatch
        ) -> Response:
            response: Response = self.response.from_json(
                body, metadata, on_mismatch=on_mismatch, **parse_options
            )
            for name in _ECHOED_MEMBERS:
                if not (sent := params.get(name)):
                    continue
                received = response.get(name)
                if received and isinstance(received, str) and received.lower() != sent.lower():
                    raise ResponseValidationError(
                        self.name,
                        metadata.get("RequestId"),
                        [(name, "Response should be for the id of this request")],
                    )
            return response

        return parse


def title_of(family: str) -> str:
    """Return a family in words; those of the lifecycle are one."""
    return "Lifecycle" if family.startswith("lifecycle") else family.replace("_", " ").capitalize()
