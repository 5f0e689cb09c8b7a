"""Shape: what every model here is, an object with attributes and a dictionary at once.

``page.resources[0].resource_id`` and ``page["resources"][0]["resourceId"]`` read the same member:
attributes have Python's spelling, keys are the names on the wire. ``to_dict()`` is the dictionary
that boto3 makes of the same bytes.
"""

from __future__ import annotations

import email.utils
import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainValidator,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ..errors import ParamValidationError

__all__ = [
    "AbsentList",
    "Limit",
    "ListOf",
    "OpenEnum",
    "Request",
    "Response",
    "ResponseMetadata",
    "Shape",
    "Timestamp",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limit:
    """What the service model says of a string's length, a number's range, a string's pattern.

    Requests are held to it. Responses are not: what the service has sent is taken as it is.
    """

    min: int | None = None
    max: int | None = None
    pattern: str | None = None

    def admits(self, value: str | int) -> bool:
        """Whether the value is within the limit."""
        size = len(value) if isinstance(value, str) else value
        if self.min is not None and size < self.min:
            return False
        if self.max is not None and size > self.max:
            return False
        # The service's patterns end in "$", which in Python would let a final newline pass.
        return self.pattern is None or bool(re.fullmatch(self.pattern, str(value)))

    def describe(self, python_type: type) -> str:
        """The limit in words, as errors put it: ``a string of 1 to 1024 characters``."""
        if python_type is int:
            return f"a whole number from {self.min} to {self.max}"
        if self.pattern is not None:
            return f"a string that matches {self.pattern}"
        return f"a string of {self.min} to {self.max} characters"


class AbsentList(list[Any]):
    """The value of a list member that the answer does not have, or has as null."""


class _NullAsAbsent:
    """Reads a null where a list should be as an absent list, and a null in a list as None.

    botocore treats lists as sparse; leaving the nulls out would shift every offset behind them.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler(source)
        if schema["type"] == "list":
            items = core_schema.nullable_schema(
                schema.get("items_schema", core_schema.any_schema())
            )
            schema = core_schema.list_schema(items)
        return core_schema.no_info_after_validator_function(
            lambda value: AbsentList() if value is None else value,
            core_schema.nullable_schema(schema),
        )


#: A list member of a response: absent or null reads as an empty list.
ListOf = Annotated[list[T], _NullAsAbsent()]


class _KeepUnknown:
    """Reads the known values of an enum as its members, and any other text as it is."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        # One error of its own: pydantic's would name both branches, with their types in the path.
        return core_schema.union_schema(
            [handler(item) for item in get_args(source)],
            mode="left_to_right",
            custom_error_type="string_type",
        )


#: A member of a response with an enum: values that AWS has added since are plain strings.
OpenEnum = Annotated[T | str, _KeepUnknown()]


def _to_datetime(value: object) -> datetime:
    """Epoch seconds, whole or fractional, as an aware datetime in UTC.

    ISO 8601 and HTTP dates are read as well, as botocore does for this protocol.
    """
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _not_a_timestamp("in epoch seconds")
    try:
        return datetime.fromtimestamp(float(value) if isinstance(value, str) else value, UTC)
    except (OverflowError, OSError, ValueError) as error:
        if isinstance(value, str):
            return _date_from_text(value)
        raise _not_a_timestamp("in epoch seconds, within the years 1 to 9999") from error


def _date_from_text(value: str) -> datetime:
    for parse in (datetime.fromisoformat, email.utils.parsedate_to_datetime):
        try:
            moment = parse(value)
        except ValueError:
            continue
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    raise _not_a_timestamp("in epoch seconds, ISO 8601 or as an HTTP date")


def _not_a_timestamp(form: str) -> PydanticCustomError:
    return PydanticCustomError("timestamp", "Input should be a timestamp {form}", {"form": form})


#: A point in time, on the wire as epoch seconds, in Python an aware datetime in UTC.
Timestamp = Annotated[datetime, PlainValidator(_to_datetime)]


class Shape(BaseModel):
    """A structure of the service model.

    Attributes are in snake_case, keys are wire names. A member that the answer lacks, or has as
    null, is None as an attribute and absent as a key; an absent list is empty in both spellings,
    though ``in`` and :meth:`keys` know that it is absent. Members that this version does not know
    are kept, as keys.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="allow",
        # Hidden input: what a service sent, or a caller passed, does not belong into an error text.
        hide_input_in_errors=True,
    )

    _wire_names: ClassVar[dict[str, str]] = {}
    _attributes: ClassVar[dict[str, str]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls._wire_names = {name: info.alias or name for name, info in cls.model_fields.items()}
        cls._attributes = {wire: name for name, wire in cls._wire_names.items()}

    def __getitem__(self, key: str) -> Any:
        attribute = self._attributes.get(key)
        if attribute is not None:
            value = self.__dict__[attribute]
            if value is not None:
                return value
        elif self.__pydantic_extra__ and key in self.__pydantic_extra__:
            return self.__pydantic_extra__[key]
        raise KeyError(key)

    def __setitem__(self, key: str, value: Any) -> None:
        attribute = self._attributes.get(key)
        if attribute is None:
            self.__pydantic_extra__ = {**(self.__pydantic_extra__ or {}), key: value}
        elif value is None and isinstance(self.__dict__[attribute], list):
            self.__dict__[attribute] = AbsentList()
        else:
            self.__dict__[attribute] = value

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # keys, as of a dictionary
        return iter(self.keys())

    def get(self, key: str, default: Any = None) -> Any:
        """The member of that wire name, or ``default`` where it is absent."""
        return self[key] if key in self.keys() else default

    def keys(self) -> list[str]:
        """The wire names of the members that are there, unknown ones last."""
        values = self.__dict__
        known = [wire for wire, name in self._attributes.items() if not _is_absent(values[name])]
        return known + list(self.__pydantic_extra__ or ())

    def values(self) -> list[Any]:
        """The members that are there, in the order of :meth:`keys`."""
        return [self[key] for key in self.keys()]

    def items(self) -> list[tuple[str, Any]]:
        """Pairs of wire name and member, of those that are there."""
        return [(key, self[key]) for key in self.keys()]

    def to_dict(self) -> dict[str, Any]:
        """The dictionary that boto3 returns for the same bytes.

        Wire names as keys, nested dictionaries, enum values as strings; neither absent and null
        members nor those that the service model does not have.
        """
        wire_names = self._wire_names
        return {
            wire_names[name]: _plain(value)
            for name, value in self.__dict__.items()
            if not _is_absent(value)
        }


def _is_absent(value: object) -> bool:
    return value is None or (type(value) is AbsentList and not value)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, Shape):
        return value.to_dict()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


class ResponseMetadata(Shape):
    """What is known of an answer beside its body, under boto3's names.

    ``retry_attempts`` is the number of attempts before the one that succeeded.
    """

    request_id: str | None = Field(None, alias="RequestId")
    http_status_code: int = Field(alias="HTTPStatusCode")
    http_headers: dict[str, str] = Field(alias="HTTPHeaders")
    retry_attempts: int = Field(0, alias="RetryAttempts")


class Response(Shape):
    """The answer to an operation: its members, ``ResponseMetadata``, and a resume token.

    ``resume_token``, also ``["NextToken"]``, is the ``StartingToken`` that goes on after this page;
    None on the last page and on an answer that no paginator has handed out. The service's own token
    is another member, under its own name.
    """

    _response_metadata: ResponseMetadata | None = PrivateAttr(None)
    _resume_token: str | None = PrivateAttr(None)

    @classmethod
    def from_wire(cls, body: bytes, metadata: Mapping[str, Any]) -> Self:
        """Validates the bytes of a body in one pass.

        ``metadata`` has boto3's members. Raises pydantic's ``ValidationError``.
        """
        response = cls.model_validate_json(body, by_alias=True, by_name=False)
        response._response_metadata = ResponseMetadata.model_construct(
            request_id=metadata.get("RequestId"),
            http_status_code=metadata["HTTPStatusCode"],
            http_headers=metadata["HTTPHeaders"],
            retry_attempts=metadata["RetryAttempts"],
        )
        return response

    @property
    def response_metadata(self) -> ResponseMetadata | None:
        """Request id, HTTP status, headers and retries; None on a response made by hand."""
        return self._response_metadata

    @property
    def resume_token(self) -> str | None:
        """The token that resumes after this page, None after the last."""
        return self._resume_token

    @resume_token.setter
    def resume_token(self, token: str | None) -> None:
        self._resume_token = token

    def __getitem__(self, key: str) -> Any:
        if key == "ResponseMetadata" and self._response_metadata is not None:
            return self._response_metadata
        if key == "NextToken":
            return self._resume_token
        return super().__getitem__(key)

    def keys(self) -> list[str]:
        """The wire names of the members that are there, ``ResponseMetadata`` and ``NextToken``."""
        keys = [key for key in super().keys() if key not in {"ResponseMetadata", "NextToken"}]
        if self._response_metadata is not None:
            keys.append("ResponseMetadata")
        if self._resume_token is not None:
            keys.append("NextToken")
        return keys

    def to_dict(self) -> dict[str, Any]:
        """The dictionary that boto3 returns for the same answer."""
        result = super().to_dict()
        if self._response_metadata is not None:
            result["ResponseMetadata"] = self._response_metadata.to_dict()
        return result


class Request(Shape):
    """The parameters of an operation: strict in types, limits and names."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @field_validator("*")
    @classmethod
    def _within_limit(cls, value: Any, info: ValidationInfo) -> Any:
        python_type, limit = type_and_limit(cls.model_fields[info.field_name or ""])
        if limit is not None and value is not None and not limit.admits(value):
            raise ValueError(f"should be {limit.describe(python_type)}")
        return value

    @classmethod
    def wire_params(cls, params: Mapping[str, Any], operation_name: str) -> dict[str, Any]:
        """The parameters under their wire names, in the order given.

        ``params`` may use either spelling of a name. Raises :class:`ParamValidationError` with a
        line for each parameter that is missing, unknown, given twice or not allowed.
        """
        wire: dict[str, Any] = {}
        spelled: dict[str, str] = {}
        problems = []
        for key, value in params.items():
            name = cls._wire_names.get(key, key)
            if name in wire:
                problems.append(
                    f"{name}: given twice, as {spelled[name]} and as {key}; allowed: one of the two"
                )
            wire[name] = value
            spelled[name] = key
        problems += [
            cls._problem(name, "null", wire) for name, value in wire.items() if value is None
        ]
        try:
            cls.model_validate(wire, by_alias=True, by_name=False)
        except ValidationError as error:
            problems += [
                cls._problem(str(details["loc"][0]), details["type"], wire)
                for details in error.errors(include_url=False)
            ]
        if problems:
            # Pydantic may have found fault with a null as well.
            raise ParamValidationError(operation_name, dict.fromkeys(problems))
        return wire

    @classmethod
    def _problem(cls, name: str, kind: str, wire: dict[str, Any]) -> str:
        if name not in cls._attributes:
            return f"{name}: unknown parameter; allowed: {', '.join(cls._attributes)}"
        python_type, limit = type_and_limit(cls.model_fields[cls._attributes[name]])
        allowed = limit.describe(python_type) if limit is not None else python_type.__name__
        if kind == "missing":
            return f"{name}: missing, and required; allowed: {allowed}"
        return f"{name}: {_shown(wire[name])} given; allowed: {allowed}"


def type_and_limit(field: FieldInfo) -> tuple[type, Limit | None]:
    """The Python type of a scalar member, and its limit where the service model sets one."""
    # Pydantic moves the metadata of a required member from its annotation to the field.
    return _search_limit(Annotated[field.annotation, *field.metadata, None]) or (str, None)


def _search_limit(annotation: Any) -> tuple[type, Limit] | None:
    for item in getattr(annotation, "__metadata__", ()):
        if isinstance(item, Limit):
            return get_args(annotation)[0], item
    return next(filter(None, map(_search_limit, get_args(annotation))), None)


def _shown(value: object) -> str:
    """A value as an error shows it: its type beside it, and of long strings the length alone."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return repr(value) if len(value) <= 80 else f"a string of {len(value)} characters"
    if isinstance(value, (int, float)):
        return f"{str(value)[:40]} ({type(value).__name__})"
    return f"a {type(value).__name__}"
