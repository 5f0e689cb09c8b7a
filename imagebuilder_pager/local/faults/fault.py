"""The catalogue of faults, their options, and their form as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from ..._validation import InvalidValueError, describe_invalid_value

OptionValue = str | int | float | bool | None
"""The value of an option: a JSON value, but no list or object."""


@dataclass(frozen=True, slots=True)
class _Option:
    """The default and the allowed values of an option.

    ``types`` are the allowed types. ``allowed`` has all allowed values, or is empty for any value.
    ``limits`` are the smallest and the greatest number. A text has to be ASCII unless ``in_body``.
    A ``required`` option has no default.
    """

    default: OptionValue
    types: tuple[type, ...]
    allowed: tuple[OptionValue, ...] = ()
    limits: tuple[float, float] | None = None
    in_body: bool = False
    required: bool = False

    def violation(self, value: object) -> str | None:
        """Return the constraint that the value violates, or None."""
        if self.allowed and (type(value) not in self.types or value not in self.allowed):
            return f"one of {', '.join(json.dumps(allowed) for allowed in self.allowed)}"
        if type(value) not in self.types:
            return " or ".join(dict.fromkeys(_TYPE_NAMES[kind] for kind in self.types))
        if isinstance(value, str):
            if value.isprintable() and (self.in_body or value.isascii()):
                return "a text that is not empty" if self.required and not value else None
            # Outside the body, the text may be sent in a header.
            return "printable text" if self.in_body else "printable ASCII"
        if isinstance(value, int | float) and self.limits is not None:
            minimum, maximum = self.limits
            return None if minimum <= value <= maximum else f"from {minimum:g} to {maximum:g}"
        return None


_TYPE_NAMES = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _choice(*allowed: OptionValue) -> _Option:
    return _Option(allowed[0], (type(allowed[0]),), allowed)


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

_NULLABLE_TEXT = _Option(None, (type(None), str))
_RETRY_AFTER = _Option(None, (type(None), int, float, str), limits=(0, 86400))
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
        "code": _Option(None, (str,), required=True),
        "status": _Option(None, (type(None), int), limits=(400, 599)),
        "message": _Option("The local service was told to fail.", (str,), in_body=True),
    },
    "clock-skew": {"minutes": _Option(20, (int, float), limits=(-1440, 1440))},
    "redirect": {"status": _choice(307, 301, 302, 303, 308), "location": _NULLABLE_TEXT},
    "wrong-json": {"how": _choice("cut", "list", "empty")},
    "wrong-type": {
        "member": _NULLABLE_TEXT,
        "value": _Option(17, (str, int, float, bool, type(None))),
    },
    "broken-gzip": {"how": _choice("damaged", "cut")},
    "slow": {
        "delay": _Option(0.005, (int, float), limits=(0, 3600)),
        "pieces": _Option(20, (int,), limits=(1, 100_000)),
    },
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
        for option, value in options.items():
            if option not in known:
                has = f"it has {', '.join(known)}" if known else "it has none"
                raise ValueError(f"fault {name!r} has no option {option!r}; {has}")
            if (violation := known[option].violation(value)) is not None:
                raise InvalidValueError(
                    describe_invalid_value(f"option {option!r} of fault {name!r}", value, violation)
                )
        for option, spec in known.items():
            if spec.required and option not in options:
                raise ValueError(
                    f"fault {name!r} needs the option {option!r}, as in "
                    f"{name},{option}=AccessDeniedException"
                )
        values = {option: options.get(option, spec.default) for option, spec in known.items()}
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
