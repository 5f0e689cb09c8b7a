"""The catalogue of faults, their options, and their form as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from ..._validation import InvalidValueError, describe_invalid_value

OptionValue = str | int | float | bool | None
"""The value of an option: a JSON value, but no list or object."""


class _Option(NamedTuple):
    """An option: its default, the check of a value, and the allowed values in words."""

    default: OptionValue
    is_valid: Callable[[Any], bool]
    allowed: str


def _choice(*values: OptionValue) -> _Option:
    return _Option(
        values[0],
        # 1 is not True.
        lambda given: any(type(given) is type(value) and given == value for value in values),
        f"one of {', '.join(map(json.dumps, values))}",
    )


def _number(default: float, minimum: float, maximum: float) -> _Option:
    return _Option(
        default,
        lambda given: type(given) in {int, type(default)} and minimum <= given <= maximum,
        f"{'a whole number' if isinstance(default, int) else 'a number'} "
        f"from {minimum:g} to {maximum:g}",
    )


def _is_printable(given: object) -> bool:
    # Outside the body, the text may be sent in a header.
    return isinstance(given, str) and given.isascii() and given.isprintable()


FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "throttle": "a throttling error",
        "server-error": "a response with status 500, 502, 503 or 504",
        "expired-token": "an error: the pagination token has expired",
        "expired-credentials": "an error: the session's credentials have expired",
        "error": "any error, by its code",
        "clock-skew": "from this request on, the service's clock is wrong",
        "redirect": "a redirect",
        "html": "an HTML page with status 200",
        "wrong-json": "a body that is not JSON, or not the JSON of a page",
        "wrong-type": "a member of the page has a value of the wrong type",
        "broken-gzip": "a damaged gzip body",
        "reset-before": "the connection is reset before the response",
        "reset-within": "the connection is reset within the response's body",
        "reset-after": "the connection is reset when it gets the next request",
        "close-before": "the connection is closed before the response",
        "half-body": "the connection is closed within the response's body",
        "body-shorter": "the body is shorter than its Content-Length, then the connection closes",
        "body-longer": "the body is longer than its Content-Length, which cuts the JSON",
        "body-trailing": "more bytes follow a complete response",
        "slow": "the response comes in pieces, with a delay before each",
        "stall": "no response, on a connection that stays open",
        "stall-within": "half of the response's body, on a connection that stays open",
    }
)
"""A one-line summary of each fault, by name."""

_TEXT = _Option(None, lambda given: given is None or _is_printable(given), "printable ASCII")
_RETRY_AFTER = _Option(
    None,
    lambda given: (
        given is None
        or (type(given) in {int, float} and 0 <= given <= 86_400)
        or _is_printable(given)
    ),
    "a number from 0 to 86400, or printable ASCII",
)
_OPTIONS: dict[str, dict[str, _Option]] = {
    "throttle": {
        "code": _choice("CallRateLimitExceededException", "ThrottlingException"),
        "retry_after": _RETRY_AFTER,
    },
    "server-error": {
        "status": _choice(500, 502, 503, 504),
        "body": _choice("json", "html", "empty"),
        "retry_after": _RETRY_AFTER,
    },
    "expired-credentials": {"lasting": _choice(False, True)},
    "error": {
        "code": _Option(None, lambda given: _is_printable(given) and given, "printable ASCII"),
        "status": _Option(
            None,
            lambda given: given is None or (type(given) is int and 400 <= given <= 599),
            "a whole number from 400 to 599",
        ),
        "message": _Option(
            "The local service was told to fail.",
            lambda given: isinstance(given, str) and given.isprintable(),
            "printable text",
        ),
    },
    "clock-skew": {"minutes": _number(20.0, -1440, 1440)},
    "redirect": {"status": _choice(307, 301, 302, 303, 308), "location": _TEXT},
    "wrong-json": {"how": _choice("cut", "list", "empty")},
    "wrong-type": {
        "member": _TEXT,
        "value": _Option(
            17, lambda given: isinstance(given, OptionValue), "text, a number, true, false or null"
        ),
    },
    "broken-gzip": {"how": _choice("damaged", "cut")},
    "slow": {"delay": _number(0.005, 0, 3600), "pieces": _number(20, 1, 100_000)},
}


@dataclass(frozen=True, init=False, slots=True)
class Fault:
    """One way in which a response can fail: ``Fault("throttle", retry_after=2)``.

    - ``name``: one of ``FAULTS``.
    - ``options``: the options of the fault, as keywords; docs/faults.md lists them with their
      defaults.

    The attribute ``options`` includes the defaults. Faults with equal names and options are equal.
    ``str()`` returns a text for ``Fault.parse``, which cannot read a comma outside the message.

    Raises ``ValueError`` for an unknown name or option, a value that is not allowed, and an error
    without its code. The message has the allowed values.
    """

    name: str
    options: tuple[tuple[str, OptionValue], ...]

    def __init__(self, name: str, **options: OptionValue) -> None:
        if name not in FAULTS:
            raise ValueError(f"there is no fault {name!r}; there are {', '.join(FAULTS)}")
        known = _OPTIONS.get(name, {})
        for option in options:
            if option not in known:
                has = f"it has {', '.join(known)}" if known else "it has none"
                raise ValueError(f"fault {name!r} has no option {option!r}; {has}")
        values = {option: options.get(option, spec.default) for option, spec in known.items()}
        if name == "error" and values["code"] is None:
            example = "error,code=AccessDeniedException"
            raise ValueError(f"fault 'error' needs the option 'code', as in {example}")
        for option, value in values.items():
            if not known[option].is_valid(value):
                path = f"option {option!r} of fault {name!r}"
                problem = describe_invalid_value(path, value, known[option].allowed)
                raise InvalidValueError(problem)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "options", tuple(values.items()))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``NAME[,OPTION=VALUE...]``, as on the command line: ``throttle,retry-after=2``.

        The option ``message`` comes last, and may have commas. Raises ``ValueError`` as the
        constructor does, and for an option without a value.
        """
        before, equals, message = text.partition(",message=")
        name, *parts = before.split(",")
        if equals:
            parts.append(f"message={message}")
        options: dict[str, OptionValue] = {}
        for part in parts:
            option, equals, value = part.partition("=")
            if not equals:
                raise ValueError(f"{part!r} in {text!r} is not OPTION=VALUE")
            options[option.replace("-", "_")] = _parse_value(value)
        return cls(name, **options)

    def __getitem__(self, option: str) -> OptionValue:
        """Return the value of an option, given or default."""
        return dict(self.options)[option]

    def __str__(self) -> str:
        given = (
            f",{name.replace('_', '-')}={_format_value(value)}"
            for name, value in self._non_default_options()
        )
        return self.name + "".join(given)

    def __repr__(self) -> str:
        given = (f", {name}={value!r}" for name, value in self._non_default_options())
        return f"Fault({self.name!r}{''.join(given)})"

    def _non_default_options(self) -> list[tuple[str, OptionValue]]:
        """Return the options that are not at their defaults."""
        known = _OPTIONS.get(self.name, {})
        return [(name, value) for name, value in self.options if value != known[name].default]


def _format_value(value: OptionValue) -> str:
    """Return the text that ``_parse_value`` reads as this value."""
    return value if isinstance(value, str) and _parse_value(value) == value else json.dumps(value)


def _parse_value(text: str) -> OptionValue:
    """Return the JSON value in the text, or the text if it is not JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str | int | float | bool | None) else text
