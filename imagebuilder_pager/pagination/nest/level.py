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
    - ``method`` and ``spec``: the operation, as for a :class:`Paginator`; for an
      :class:`AsyncNest`, ``method`` returns an awaitable page.
    - ``params``: returns the wire parameters of the listing within the given items, one of each
      level above, the outermost first. None: there is no listing within the last of them.
    - ``item_id``: returns the id by which an item is found again, None for an item without one.
      It has to be unique in a listing, and the same at every time.
    - ``is_included``: whether an item counts, by the items above it and the item itself. One that
      does not, and one that is None, is not a record, and nothing is listed within it.
    - ``yields_records``: whether its items are records, or only lead to those of the next level.
    - ``serialize_params``: checks the tokens of a ``StartingToken``, as for a :class:`Paginator`.
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
