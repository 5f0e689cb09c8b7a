"""One thing that can go wrong: the catalogue of them, their options, their names in text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from ...validation import describe_invalid_value

__all__ = ["FAULTS", "Fault", "OptionValue"]

OptionValue = str | int | float | bool | None
"""What an option can be set to: JSON's values, without lists and objects."""


@dataclass(frozen=True, slots=True)
class _Option:
    """What an option is when it is not given, and what else it can be.

    `types` are the types of its values, `allowed` all of the values unless that is empty, `limits`
    the least and the greatest number.
    """

    default: OptionValue
    types: tuple[type, ...]
    allowed: tuple[OptionValue, ...] = ()
    limits: tuple[float, float] | None = None

    def violation(self, value: object) -> str | None:
        """What the value has to be and is not."""
        if type(value) not in self.types or (self.allowed and value not in self.allowed):
            names = (json.dumps(allowed) for allowed in self.allowed)
            return f"one of {', '.join(names)}" if self.allowed else self._type_names()
        if isinstance(value, str) and not (value.isascii() and value.isprintable()):
            return "printable ASCII"  # it may have to go into a header
        if isinstance(value, int | float) and self.limits is not None:
            least, most = self.limits
            return None if least <= value <= most else f"from {least:g} to {most:g}"
        return None

    def _type_names(self) -> str:
        return " or ".join(dict.fromkeys(_TYPE_NAMES[kind] for kind in self.types))


_TYPE_NAMES = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _choice(*allowed: OptionValue) -> _Option:
    return _Option(allowed[0], (type(allowed[0]),), allowed)


_RETRY_AFTER = _Option(None, (type(None), int, float, str), limits=(0, 86400))
_KINDS: dict[str, tuple[str, dict[str, _Option]]] = {
    "throttle": (
        "refused with a throttling error",
        {
            "code": _choice("CallRateLimitExceededException", "ThrottlingException"),
            "retry_after": _RETRY_AFTER,
        },
    ),
    "server-error": (
        "an answer with status 500, 502, 503 or 504",
        {
            "status": _choice(500, 502, 503, 504),
            "body": _choice("json", "html", "empty"),
            "retry_after": _RETRY_AFTER,
        },
    ),
    "expired-token": ("refused: the pagination token has expired", {}),
    "expired-key": (
        "refused: the session's keys have expired",
        {"lasting": _choice(False, True)},
    ),
    "clock-off": (
        "from now on the service's clock is wrong",
        {"minutes": _Option(20, (int, float), limits=(-1440, 1440))},
    ),
    "redirect": (
        "sent elsewhere",
        {"status": _choice(307, 301, 302, 303, 308), "location": _Option(None, (type(None), str))},
    ),
    "html": ("a page of HTML with status 200", {}),
    "wrong-json": (
        "status 200 with what is no JSON, or not the JSON of an answer",
        {"how": _choice("cut", "list", "empty")},
    ),
    "wrong-type": (
        "a member of the answer has a value of the wrong type",
        {
            "member": _Option("resources.0.resourceId", (str,)),
            "value": _Option(17, (str, int, float, bool, type(None))),
        },
    ),
    "broken-gzip": ("a compressed body that is damaged", {"how": _choice("damaged", "cut")}),
    "reset-before": ("the connection is reset before the answer", {}),
    "reset-within": ("the connection is reset in the middle of the answer's body", {}),
    "reset-after": ("the connection is reset after the answer, when the next request is on it", {}),
    "close-before": ("the connection is closed before the answer", {}),
    "half-body": ("the connection is closed in the middle of the answer's body", {}),
    "body-shorter": ("the body is shorter than the answer says, then the connection closes", {}),
    "body-longer": ("the body is longer than the answer says, so that its JSON is cut", {}),
    "body-trailing": ("more bytes than announced follow a whole answer", {}),
    "slow": (
        "the answer comes in pieces, with a wait before each",
        {
            "delay": _Option(0.005, (int, float), limits=(0, 3600)),
            "pieces": _Option(20, (int,), limits=(1, 100_000)),
        },
    ),
    "stall": ("no answer, on a connection that stays open", {}),
    "stall-within": ("half of the answer's body, on a connection that stays open", {}),
}

FAULTS: Mapping[str, str] = MappingProxyType(
    {name: summary for name, (summary, _) in _KINDS.items()}
)
"""What each fault is, in a line, by name."""


@dataclass(frozen=True, init=False, slots=True)
class Fault:
    """One thing that goes wrong with an answer: `Fault("throttle", retry_after=2)`.

    `name` is one of `FAULTS`. `options` holds all of the fault's options, those that were not
    given with their defaults; docs/faults.md lists them. Two faults with the same options are
    equal. `str()` gives the text that `Fault.parse` reads, unless a comma is in it.

    Raises `ValueError` for a name that there is not, and for an option that the fault does not
    have or that cannot have that value; it says what there is.
    """

    name: str
    options: tuple[tuple[str, OptionValue], ...]

    def __init__(self, name: str, **options: OptionValue) -> None:
        if name not in _KINDS:
            raise ValueError(f"there is no fault {name!r}; there are {', '.join(_KINDS)}")
        known = _KINDS[name][1]
        for option, value in options.items():
            if option not in known:
                has = f"it has {', '.join(known)}" if known else "it has none"
                raise ValueError(f"fault {name!r} has no option {option!r}; {has}")
            if (demand := known[option].violation(value)) is not None:
                raise ValueError(
                    describe_invalid_value(f"option {option!r} of fault {name!r}", value, demand)
                )
        values = {option: options.get(option, spec.default) for option, spec in known.items()}
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "options", tuple(values.items()))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `NAME[,OPTION=VALUE...]`, as on the command line: `throttle,retry-after=2`.

        Raises `ValueError` as the constructor does, and for an option without a value.
        """
        name, *parts = text.split(",")
        options: dict[str, OptionValue] = {}
        for part in parts:
            option, equals, value = part.partition("=")
            if not equals:
                raise ValueError(f"{part!r} in {text!r} is not OPTION=VALUE")
            options[option.replace("-", "_")] = _read(value)
        return cls(name, **options)

    def __getitem__(self, option: str) -> OptionValue:
        """The value of one option, given or default."""
        return dict(self.options)[option]

    def __str__(self) -> str:
        given = (f",{name.replace('_', '-')}={_write(value)}" for name, value in self._given())
        return self.name + "".join(given)

    def __repr__(self) -> str:
        given = (f", {name}={value!r}" for name, value in self._given())
        return f"Fault({self.name!r}{''.join(given)})"

    def _given(self) -> list[tuple[str, OptionValue]]:
        """The options that are not at their defaults."""
        known = _KINDS[self.name][1]
        return [(name, value) for name, value in self.options if value != known[name].default]


def _write(value: OptionValue) -> str:
    """The text that `_read` takes for the value."""
    return value if isinstance(value, str) and _read(value) == value else json.dumps(value)


def _read(text: str) -> OptionValue:
    """A value as JSON has it, and any other text as it is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str | int | float | bool | None) else text
