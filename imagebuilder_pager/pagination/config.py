"""``PaginationConfig``, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypedDict

from .._validation import collect_whole_number, describe_invalid_value
from ..exceptions import PaginationError, Problem, StartingTokenError
from .cursor import parse_start
from .spec import PaginationSpec
from .tokens import StartingPoint


class PaginationConfig(TypedDict, total=False):
    """The ``PaginationConfig`` parameter: boto3's keys, and ``Prefetch``.

    - ``MaxItems``: maximum items in all. Default: no limit.
    - ``PageSize``: the items to request in a page. Default: the service's choice.
    - ``StartingToken``: the ``NextToken`` or ``resume_token`` of an earlier listing. Default: the
      beginning.
    - ``Prefetch``: the pages to fetch ahead of the caller, 0 to 100. Default: 0.

    A key whose value is None counts as absent.
    """

    MaxItems: int | str | None
    PageSize: int | str | None
    StartingToken: str | None
    Prefetch: int | str | None


#: The most pages that may be fetched ahead, since all of them are in memory at once.
MAX_PREFETCH = 100

_KEYS = tuple(PaginationConfig.__annotations__)


class PaginationOptions(NamedTuple):
    """A valid ``PaginationConfig``.

    ``page_size`` has the type that the service expects, ``start`` is the parsed ``starting_token``.
    """

    max_items: int | None = None
    page_size: int | str | None = None
    starting_token: str | None = None
    start: StartingPoint | None = None
    prefetch: int = 0


def parse_config(config: object, spec: PaginationSpec) -> tuple[PaginationOptions, list[Problem]]:
    """Return the options of a ``PaginationConfig``, and a problem for each invalid one.

    Numbers may be numeric strings, as in botocore. Raises :class:`PaginationError` for a
    ``PageSize`` where the operation has no parameter for it.
    """
    if config is None:
        return PaginationOptions(), []
    if not isinstance(config, Mapping):
        allowed = f"a mapping with {', '.join(_KEYS)}"
        return PaginationOptions(), [describe_invalid_value("PaginationConfig", config, allowed)]
    problems = [
        Problem("PaginationConfig", f"unknown key {key!r}", ", ".join(_KEYS))
        for key in config
        if key not in _KEYS
    ]

    def parse_number(key: str, minimum: int, maximum: int | None = None) -> int | None:
        name = f"PaginationConfig.{key}"
        return collect_whole_number(name, config.get(key), problems, minimum, maximum)

    max_items = parse_number("MaxItems", 0)
    page_size = parse_number("PageSize", 1)
    if config.get("PageSize") is not None and spec.limit_key is None:
        raise PaginationError(
            "PaginationConfig.PageSize: this operation has no parameter for the size of a page"
        )
    starting_token = config.get("StartingToken")
    start = None
    if starting_token is not None:
        try:
            start = parse_start(spec, starting_token, page_size)
        except StartingTokenError as error:
            problems.append(error.problem or Problem("StartingToken", str(error)))
    as_string = page_size is not None and spec.limit_as_string
    options = PaginationOptions(
        max_items=max_items,
        page_size=str(page_size) if as_string else page_size,
        starting_token=starting_token,
        start=start,
        prefetch=parse_number("Prefetch", 0, MAX_PREFETCH) or 0,
    )
    return options, problems
