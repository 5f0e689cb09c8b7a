"""``PaginationConfig``, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

from ..exceptions import PaginationError
from .spec import PaginationSpec

__all__ = ["PaginationConfig", "PaginationOptions", "parse_config"]


class PaginationConfig(TypedDict, total=False):
    """The keys of the ``PaginationConfig`` parameter, boto3's and ``Prefetch``.

    ``MaxItems``: items to hand out in all. ``PageSize``: items to ask for in a page.
    ``StartingToken``: a ``NextToken`` or ``resume_token`` of before. ``Prefetch``: pages to fetch
    ahead while the caller works on one. None, for any of them, is as if the key were not there.
    """

    MaxItems: int | str | None
    PageSize: int | str | None
    StartingToken: str | None
    Prefetch: int | str | None


#: Pages that may be in memory before anybody has asked for them.
MAX_PREFETCH = 100

_KEYS = tuple(PaginationConfig.__annotations__)


class PaginationOptions(NamedTuple):
    """A ``PaginationConfig`` that has been checked.

    ``page_size`` has the type that the service wants.
    """

    max_items: int | None = None
    page_size: int | str | None = None
    starting_token: str | None = None
    prefetch: int = 0


def parse_config(config: object, spec: PaginationSpec) -> tuple[PaginationOptions, list[str]]:
    """The options, and a line for each thing that is wrong with it.

    Numbers may be numeric strings, as in botocore. Raises :class:`PaginationError` for a
    ``PageSize`` where the operation has no parameter for it.
    """
    if config is None:
        return PaginationOptions(), []
    if not isinstance(config, Mapping):
        return PaginationOptions(), [
            f"PaginationConfig: {type(config).__name__} given; allowed: a mapping with "
            + ", ".join(_KEYS)
        ]
    problems = [
        f"PaginationConfig: unknown key {key!r}; allowed: {', '.join(_KEYS)}"
        for key in config
        if key not in _KEYS
    ]
    max_items = _whole_number(config, "MaxItems", 0, problems)
    size = _whole_number(config, "PageSize", 1, problems)
    if config.get("PageSize") is not None and spec.limit_key is None:
        raise PaginationError(
            "PaginationConfig.PageSize: this operation has no parameter for the size of a page"
        )
    page_size = str(size) if size is not None and spec.limit_as_string else size
    options = PaginationOptions(
        max_items=max_items,
        page_size=page_size,
        starting_token=config.get("StartingToken"),
        prefetch=_whole_number(config, "Prefetch", 0, problems, MAX_PREFETCH) or 0,
    )
    return options, problems


def _whole_number(
    config: Mapping[Any, Any],
    key: str,
    minimum: int,
    problems: list[str],
    maximum: int | None = None,
) -> int | None:
    value = config.get(key)
    if value is None:
        return None
    number: int | None = None
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            number = int(value)
        except ValueError:
            number = None
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    if number is None or number < minimum or (maximum is not None and number > maximum):
        bounds = f", {minimum} or more" if maximum is None else f" from {minimum} to {maximum}"
        problems.append(
            f"PaginationConfig.{key}: {_describe_value(value)} ({type(value).__name__}) given; allowed: "
            f"a whole number{bounds}"
        )
        return None
    return number


def _describe_value(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a number of more than 20 digits"
    return repr(str(value)[:40])
