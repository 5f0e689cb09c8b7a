"""All pages as one dictionary, put together as botocore does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .cursor import PageResult, set_value_at_path
from .spec import Expression

__all__ = ["FullResult", "to_plain_dict"]


def to_plain_dict(page: Any) -> Any:
    """The page as a plain dictionary, where it is something else that can say what that is."""
    to_dict = getattr(page, "to_dict", None)
    return page if to_dict is None else to_dict()


class FullResult:
    """Adds up pages: lists are joined, numbers and strings added, all else is the first page's."""

    def __init__(self, result_keys: tuple[Expression, ...]) -> None:
        self._result_keys = result_keys
        self._result: dict[str, Any] = {}
        #: The step added last; None before the first.
        self.last: PageResult[Any] | None = None

    def add(self, step: PageResult[Any]) -> None:
        """Adds the page of a step, which is not changed."""
        self.last = step
        page = to_plain_dict(step.page)
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
        """The result, with the members that are not added up, and the token if there is more."""
        if self.last is not None:
            added_up = [(key, key.search(self._result)) for key in self._result_keys]
            _merge(self._result, self.last.non_aggregate_part)
            # A member that is the first page's can have members that are added up, as ECR's has.
            for expression, value in added_up:
                if value is not None:
                    set_value_at_path(self._result, expression, value)
            if (token := self.last.position.resume_token) is not None:
                self._result["NextToken"] = token
        return self._result


def _merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    for name, value in source.items():
        plain = to_plain_dict(value)
        if isinstance(plain, dict) and isinstance(target.get(name), dict):
            _merge(target[name], plain)
        else:
            target[name] = plain
