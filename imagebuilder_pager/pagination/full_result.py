"""All pages as one dictionary, built as botocore builds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .cursor import PageResult, set_value_at_path
from .spec import Expression

__all__ = ["FullResult", "to_plain_dict"]


def to_plain_dict(page: Any) -> Any:
    """Convert a page to a plain dictionary where it has ``to_dict``; return any other as it is."""
    to_dict = getattr(page, "to_dict", None)
    return page if to_dict is None else to_dict()


class FullResult:
    """The sum of pages: lists are joined, numbers and strings added, all else is from the first."""

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
                value = list(value) if isinstance(value, list) else value
                set_value_at_path(self._result, expression, value)
            elif isinstance(value, list):
                existing.extend(value)
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


def _merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    for name, value in source.items():
        plain = to_plain_dict(value)
        if isinstance(plain, dict) and isinstance(target.get(name), dict):
            _merge(target[name], plain)
        else:
            target[name] = plain
