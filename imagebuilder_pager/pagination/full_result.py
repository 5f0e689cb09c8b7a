"""All pages as one dictionary, built as botocore builds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .cursor import PageResult, set_value_at_path
from .spec import Expression


def to_plain_dict(page: Any) -> Any:
    """Convert a page to a plain dictionary where it has ``to_dict``; return any other as it is."""
    to_dict = getattr(page, "to_dict", None)
    return page if to_dict is None else to_dict()


class FullResult:
    """The sum of pages: lists and maps are joined, numbers and strings added.

    All else is from the first page.
    """

    def __init__(self, result_keys: tuple[Expression, ...]) -> None:
        self._result_keys = result_keys
        self._result: dict[str, Any] = {}
        #: The page added last; None before the first.
        self.last_page: PageResult[Any] | None = None

    def add(self, result: PageResult[Any]) -> None:
        """Add a page, which is not changed."""
        self.last_page = result
        page = to_plain_dict(result.page)
        for expression in self._result_keys:
            value = expression.search(page)
            if value is None:
                continue
            existing = expression.search(self._result)
            if existing is None:
                value = _copy_collection(value)
                set_value_at_path(self._result, expression, value)
            elif isinstance(value, list):
                existing.extend(value)
            elif isinstance(value, Mapping):
                _join(existing, value)
            elif isinstance(value, (int, float, str)):
                set_value_at_path(self._result, expression, existing + value)

    def finish(self) -> dict[str, Any]:
        """Return the sum with the non-aggregate members, and with a token if there is more."""
        if self.last_page is not None:
            sums = [(key, key.search(self._result)) for key in self._result_keys]
            _merge(self._result, self.last_page.non_aggregate_part)
            # A non-aggregate member can contain members that are summed, as in ECR.
            for expression, value in sums:
                if value is not None:
                    set_value_at_path(self._result, expression, value)
            if (token := self.last_page.position.resume_token) is not None:
                self._result["NextToken"] = token
        return self._result


def _copy_collection(value: Any) -> Any:
    """Return a copy of a list or a map that other pages can be joined to; else the value."""
    if isinstance(value, Mapping):
        return {name: _copy_collection(part) for name, part in value.items()}
    return list(value) if isinstance(value, list) else value


def _join(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    """Join the entries of a page's map; of an entry on both pages, the lists below are joined."""
    for name, value in source.items():
        existing = target.get(name)
        if existing is None:
            target[name] = _copy_collection(value)
        elif isinstance(existing, list) and isinstance(value, list):
            existing.extend(value)
        elif isinstance(existing, dict) and isinstance(value, Mapping):
            _join(existing, value)


def _merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    for name, value in source.items():
        plain = to_plain_dict(value)
        if isinstance(plain, dict) and isinstance(target.get(name), dict):
            _merge(target[name], plain)
        else:
            target[name] = plain
