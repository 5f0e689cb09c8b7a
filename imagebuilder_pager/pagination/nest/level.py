"""One level of a nest: an operation, and how its listings follow from the items above them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..base import ParamSerializer
from ..spec import PaginationSpec


@dataclass(frozen=True, kw_only=True)
class NestLevel:
    """One level of a nest.

    - ``name``: the level's name in errors and in the fingerprint of tokens, as ``"policies"``.
    - ``method``: the function that returns a page, as for a :class:`Paginator`; for an
      :class:`AsyncNest`, an awaitable page.
    - ``spec``: the :class:`PaginationSpec` of the operation.
    - ``params``: a function that returns the wire parameters of the listing within the given items,
      one of each level above, the outermost first; None for no listing within them.
    - ``item_id``: a function that returns the id by which an item is found again, None for an item
      without one. An id is unique in its listing and never changes.
    - ``is_included``: a function that tells whether an item counts, of the items above it and the
      item itself. An item that does not count is no record, and nothing is listed within it; the
      same holds for an item that is None. Default: None, all count.
    - ``yields_records``: whether its items are records; if not, they only lead to the next level.
      Default: True.
    - ``serialize_params``: the check of the tokens in a ``StartingToken``, as for a
      :class:`Paginator`. Default: None, no check.
    """

    name: str
    method: Callable[..., Any]
    spec: PaginationSpec
    params: Callable[[tuple[Any, ...]], Mapping[str, Any] | None]
    item_id: Callable[[Any], str | None]
    is_included: Callable[[tuple[Any, ...], Any], bool] | None = None
    yields_records: bool = True
    serialize_params: ParamSerializer | None = None

    def id_of(self, item: Any) -> str | None:
        """Return the id of an item, which may be None itself."""
        return None if item is None else self.item_id(item)
