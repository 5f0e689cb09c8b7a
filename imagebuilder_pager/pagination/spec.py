"""The members of an operation that carry the tokens, the items and the page size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from .._validation import importing, validate_whole_number

_REQUIRED = {"input_token", "output_token", "result_key"}
_KNOWN = _REQUIRED | {"limit_key", "more_results", "non_aggregate_keys"}


class Expression:
    """A JMESPath expression over a page, with botocore's two attributes.

    - ``expression``: its text, an attribute too.

    A plain path of members, as nearly all are, is searched without the jmespath package.
    """

    __slots__ = ("_compiled", "_path", "expression")

    def __init__(self, expression: str) -> None:
        self.expression: str = expression
        names = expression.split(".")
        is_path = expression.isascii() and all(map(str.isidentifier, names))
        self._path = names if is_path else None
        self._compiled: Any = None
        if self._path is None:
            with importing(
                "jmespath",
                purpose=f"the expression {expression}",
                otherwise="use a path of names",
            ):
                import jmespath

            self._compiled = jmespath.compile(expression)

    def search(self, page: Any) -> Any:
        """Return the value of the expression on the page."""
        if self._path is None:
            return self._compiled.search(page)
        for name in self._path:
            get = getattr(page, "get", None)
            if get is None:
                return None
            page = get(name)
        return page

    def member_path(self) -> list[str]:
        """Return the names of the path, for setting a value.

        Raises ``ValueError`` for an expression that is not a path of members.
        """
        if self._path is None:
            raise ValueError(f"{self.expression!r} is not a path of members, so it cannot be set")
        return self._path

    def __repr__(self) -> str:
        return f"Expression({self.expression!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.expression == other.expression

    def __hash__(self) -> int:
        return hash(self.expression)


def _as_tuple(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@dataclass(frozen=True, kw_only=True)
class PaginationSpec:
    """The way one operation paginates, in the vocabulary of AWS's ``paginators-1.json``.

    - ``input_token``: the request parameter, or parameters, that take the tokens.
    - ``output_token``: the JMESPath of each token in a page, in the order of ``input_token``.
    - ``result_key``: the path of the items. Of several, the first is counted and truncated.
    - ``limit_key``: the request parameter that takes the page size. Default: None.
    - ``more_results``: the JMESPath of a flag that is false on the last page. Default: None.
    - ``non_aggregate_keys``: paths of members that are taken from the first page alone. Default:
      none.
    - ``limit_as_string``: whether ``limit_key`` is a string in the service model. Default: False.
    - ``max_page_size``: maximum items of a page. No token may skip more, so that a stranger's token
      costs no more than the library's own. Default: None, for 1,000,000.

    Raises ``ValueError`` for parts that do not fit together.
    """

    input_token: str | Sequence[str]
    output_token: str | Sequence[str]
    result_key: str | Sequence[str]
    limit_key: str | None = None
    more_results: str | None = None
    non_aggregate_keys: Sequence[str] = ()
    limit_as_string: bool = False
    max_page_size: int | None = None

    input_tokens: tuple[str, ...] = field(init=False, repr=False, compare=False)
    output_tokens: tuple[Expression, ...] = field(init=False, repr=False, compare=False)
    result_keys: tuple[Expression, ...] = field(init=False, repr=False, compare=False)
    more_results_flag: Expression | None = field(init=False, repr=False, compare=False)
    non_aggregates: tuple[Expression, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        vars(self).update(
            input_tokens=_as_tuple(self.input_token),
            output_tokens=tuple(map(Expression, _as_tuple(self.output_token))),
            result_keys=tuple(map(Expression, _as_tuple(self.result_key))),
            more_results_flag=Expression(self.more_results) if self.more_results else None,
            non_aggregates=tuple(map(Expression, _as_tuple(self.non_aggregate_keys))),
        )
        if not self.input_tokens or len(self.input_tokens) != len(self.output_tokens):
            raise ValueError(
                f"input_token and output_token: {len(self.input_tokens)} and "
                f"{len(self.output_tokens)} given; allowed: the same number, at least one"
            )
        if not self.result_keys:
            raise ValueError("result_key: none given; allowed: one path of members, or more")
        if self.max_page_size is not None:
            validate_whole_number("max_page_size", self.max_page_size, minimum=1)
        for expression in (*self.result_keys, *self.non_aggregates):
            expression.member_path()

    @classmethod
    def from_model(
        cls,
        entry: Mapping[str, Any],
        *,
        limit_as_string: bool = False,
        max_page_size: int | None = None,
    ) -> Self:
        """Return the spec of an entry of AWS's ``paginators-1.json``.

        The type and the limit of ``limit_key`` are in the service model alone, so they are
        parameters. Raises ``ValueError`` for an entry with missing or unknown members.
        """
        if missing := sorted(_REQUIRED - entry.keys()):
            raise ValueError(f"a paginator entry without {', '.join(missing)}")
        if unknown := sorted(entry.keys() - _KNOWN):
            raise ValueError(
                f"a paginator entry with {', '.join(unknown)}; allowed: {', '.join(sorted(_KNOWN))}"
            )
        return cls(**entry, limit_as_string=limit_as_string, max_page_size=max_page_size)
