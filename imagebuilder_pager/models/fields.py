"""The kinds of members that shapes have: constraints, lists, enums, timestamps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self, TypeVar, get_args

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .._dates import assume_utc, parse_date

K = TypeVar("K")
T = TypeVar("T")


class MissingList(list[Any]):
    """The empty list of a member that is absent from the response, or null."""


class MissingMap(dict[str, Any]):
    """The empty map of a member that is absent from the response, or null."""


class _NullAsMissing:
    """The validation of a list or a map: null is read as absent, a null item as None.

    botocore also keeps null items: without them, the offsets of the next items would shift.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        missing: type[MissingList | MissingMap] = MissingList
        *keys, part = map(handler, get_args(source))
        schema: CoreSchema = core_schema.list_schema(
            core_schema.nullable_schema(part), fail_fast=True
        )
        if keys:
            missing = MissingMap
            schema = core_schema.dict_schema(
                keys[0], core_schema.nullable_schema(part), fail_fast=True
            )
        return core_schema.no_info_after_validator_function(
            lambda value: missing() if value is None else value,
            core_schema.nullable_schema(schema),
        )


def is_missing(value: object) -> bool:
    """Return whether a member is absent: None, a ``MissingList`` or a ``MissingMap``."""
    return value is None or (type(value) in {MissingList, MissingMap} and not value)


#: A list member of a response. If absent or null, it is an empty list, and a dump omits it.
SparseList = Annotated[list[T], _NullAsMissing(), Field(exclude_if=is_missing)]
#: A map member of a response. If absent or null, it is an empty map.
SparseMap = Annotated[dict[K, T], _NullAsMissing()]
#: A number of a response; whole numbers become floats, as in botocore.
Number = float


class _AllowUnknown:
    """The validation of an enum: a known value is read as its member, any other as a string."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        # One error: Pydantic's own would name both branches in its path.
        return core_schema.union_schema(
            [handler(item) for item in get_args(source)],
            mode="left_to_right",
            custom_error_type="string_type",
        )


#: An enum member of a response; a value that AWS adds later is a string.
OpenEnum = Annotated[T | str, _AllowUnknown()]


#: The validation context that reads each :data:`Timestamp` as a :class:`RawTimestamp`.
RAW_TIMESTAMPS: Final = {"raw_timestamps": True}
_IN_RANGE: Final = "in epoch seconds, within the years 1 to 9999"


class RawTimestamp(datetime):
    """A point in time in UTC, with its JSON value as ``raw``."""

    __slots__ = ("raw",)

    raw: Any

    @classmethod
    def from_datetime(cls, value: datetime, raw: Any) -> Self:
        """Return the same point in time, with its raw value."""
        timestamp = cls.combine(value.date(), value.timetz())
        timestamp.raw = raw
        return timestamp


def _to_datetime(value: object, info: ValidationInfo) -> datetime:
    """Return epoch seconds, whole or fractional, as an aware datetime in UTC.

    ISO 8601 and HTTP dates are also read, as in botocore. Another time zone becomes UTC.
    """
    if type(value) is float or type(value) is int:  # not bool, a subclass of int
        try:
            timestamp = datetime.fromtimestamp(value, UTC)
        except (OverflowError, OSError, ValueError) as error:
            raise _timestamp_error(_IN_RANGE) from error
    elif isinstance(value, str):
        number = epoch_seconds(value)
        timestamp = _parse_date(value) if number is None else _to_datetime(number, info)
    elif isinstance(value, datetime):
        timestamp = _to_utc(value)
    else:
        raise _timestamp_error("in epoch seconds")
    return (
        RawTimestamp.from_datetime(timestamp, value)
        if info.context is RAW_TIMESTAMPS
        else timestamp
    )


def epoch_seconds(raw: float | str) -> float | None:
    """Return the JSON value of a timestamp as a number, None for a date string."""
    try:
        return float(raw)
    except ValueError:
        return None


def _parse_date(text: str) -> datetime:
    try:
        timestamp = parse_date(text)
    except ValueError as error:
        raise _timestamp_error("in epoch seconds, ISO 8601 or as an HTTP date") from error
    return _to_utc(timestamp)


def _to_utc(timestamp: datetime) -> datetime:
    try:
        return assume_utc(timestamp).astimezone(UTC)
    except OverflowError as error:
        raise _timestamp_error(_IN_RANGE) from error


def _timestamp_error(form: str) -> PydanticCustomError:
    return PydanticCustomError("timestamp", "Input should be a timestamp {form}", {"form": form})


#: A point in time: epoch seconds on the wire, an aware datetime in UTC in Python.
Timestamp = Annotated[datetime, BeforeValidator(_to_datetime)]
