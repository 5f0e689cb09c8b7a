"""The base classes of all models: objects with attributes, and dictionaries at once.

The rule: ``page.resources[0].resource_id`` and ``page["resources"][0]["resourceId"]`` read the same
member. Attributes have Python's spelling, keys are wire names. ``to_dict()`` is boto3's dictionary
for the same bytes.
"""

from __future__ import annotations

import copy
import enum
import json
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import datetime
from functools import cache
from types import NoneType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    NamedTuple,
    Self,
    TypeVar,
    cast,
    get_args,
    get_origin,
)

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError
from pydantic.alias_generators import to_camel

from .fields import RAW_TIMESTAMPS, is_missing

if TYPE_CHECKING:
    from .._aws.protocol.responses import Location, OnMismatch

__all__ = ["Response", "ResponseMetadata", "Shape", "json_default"]


T = TypeVar("T")


class Shape(BaseModel, MutableMapping[str, Any]):
    """A structure of a response: an object and a dictionary at once.

    Attributes are in snake_case, keys are wire names. A member that is absent or null in the
    response is None as an attribute and absent as a key. An absent list is an empty list in both
    spellings, but absent for ``in`` and :meth:`keys`. Unknown members are kept as keys.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="allow",
        # A schema is built once, at its first use; only member names are cached.
        defer_build=True,
        cache_strings="keys",
        # No error message has a value of the service or of a caller.
        hide_input_in_errors=True,
    )

    _alias_by_field: ClassVar[dict[str, str]] = {}
    _field_by_alias: ClassVar[dict[str, str]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        fields = cls.model_fields.items()
        cls._alias_by_field = {name: info.alias or name for name, info in fields}
        cls._field_by_alias = {wire: name for name, wire in cls._alias_by_field.items()}

    @classmethod
    def wire_names(cls) -> tuple[str, ...]:
        """Return the names of all members in the service model."""
        return tuple(cls._field_by_alias)

    @classmethod
    def _from_members(cls, members: dict[str, Any], location: Location, look: _Look) -> Self:
        """Return the structure, each member read by ``look``."""
        known = cls._field_by_alias
        shape = cls.model_validate(
            {key: None if key in known else value for key, value in members.items()},
            by_alias=True,
            by_name=False,
        )
        for wire, name in known.items():
            if (sent := members.get(wire)) is not None:
                annotation = cls.model_fields[name].annotation
                value = look.read(annotation, sent, (*location, wire))
                if value is not None:
                    shape[wire] = value
        return shape

    def __getitem__(self, key: str) -> Any:
        attribute = self._field_by_alias.get(key)
        if attribute is not None:
            value = self.__dict__[attribute]
            if value is not None:
                return value
        elif key in self._unknown_members:
            return self._unknown_members[key]
        raise KeyError(key)

    def __setitem__(self, key: str, value: Any) -> None:
        attribute = self._field_by_alias.get(key)
        if attribute is None:
            self._unknown_members[key] = value
        elif value is None:
            self._remove(attribute)
        else:
            self.__dict__[attribute] = value

    def __delitem__(self, key: str) -> None:
        attribute = self._field_by_alias.get(key)
        if attribute is None:
            del self._unknown_members[key]
        elif is_missing(self.__dict__[attribute]):
            raise KeyError(key)
        else:
            self._remove(attribute)

    @property
    def _unknown_members(self) -> dict[str, Any]:
        # Never None: unknown members are allowed.
        return cast("dict[str, Any]", self.__pydantic_extra__)

    def _remove(self, attribute: str) -> None:
        field = type(self).model_fields[attribute]
        has_factory = field.default_factory is not None  # true for lists and maps
        self.__dict__[attribute] = (
            field.get_default(call_default_factory=True) if has_factory else None
        )

    def __contains__(self, key: object) -> bool:
        attribute = self._field_by_alias.get(key) if isinstance(key, str) else None
        if attribute is not None:
            return not is_missing(self.__dict__[attribute])
        return key in self._unknown_members

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # keys, as of a dictionary
        values = self.__dict__
        for wire, name in self._field_by_alias.items():
            if not is_missing(values[name]):
                yield wire
        yield from self._unknown_members

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Shape) or not isinstance(other, Mapping):
            return super().__eq__(other)
        # A dictionary made from this structure, or the one that boto3 returns.
        return dict(self.items()) == other or self.to_dict() == other

    # Like a dictionary, it is mutable and not hashable.
    __hash__ = None  # type: ignore[assignment]  # Python's way, unknown to mypy

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other} if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**other, **self} if isinstance(other, Mapping) else NotImplemented

    def __ior__(self, other: Mapping[str, Any]) -> Self:
        self.update(other)
        return self

    def get(self, key: str, default: Any = None) -> Any:
        """Return the member with that wire name, or ``default`` if it is absent."""
        return self[key] if key in self else default  # noqa: SIM401  # that is this method

    def pop(self, key: str, *default: Any) -> Any:
        """Remove the member and return it, or ``default`` if it is absent."""
        if key in self or not default:
            # MutableMapping.pop would return the empty list of an absent member.
            value = self[key]
            del self[key]
            return value
        return default[0]

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the last member, as ``dict.popitem``."""
        for key in reversed(self):
            return key, self.pop(key)
        raise KeyError("popitem(): there is no member left")

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the member; if it is absent, first set it to ``default``."""
        if key not in self:
            self[key] = default
        return self.get(key)

    def copy(self) -> Self:  # type: ignore[override]  # a dictionary's, not Pydantic's deprecated one
        """Return a shallow copy."""
        return copy.copy(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the dictionary that boto3 returns for the same bytes.

        Keys are wire names, structures are dictionaries, enum values are strings. Members that are
        absent, null or not in the service model are left out.
        """
        return {
            self._alias_by_field[name]: _to_builtin(value)
            for name, value in self.__dict__.items()
            if not is_missing(value)
        }


def _to_builtin(value: Any) -> Any:
    if isinstance(value, str):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, Shape):
        return value.to_dict()
    if isinstance(value, list):
        return [_to_builtin(item) for item in value]
    if isinstance(value, dict):
        return {key: _to_builtin(item) for key, item in value.items()}
    return value


def json_default(value: object) -> Any:
    """Convert a shape or a timestamp for JSON: ``json.dumps(page, default=json_default)``.

    Timestamps are in ISO 8601. Raises ``TypeError`` for any other value, like ``json``.
    """
    if isinstance(value, Shape):
        return value.to_dict()
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


class ResponseMetadata(Shape):
    """The metadata of a response, under boto3's names.

    - ``request_id``: the service's id of the request.
    - ``http_status_code``: the HTTP status.
    - ``http_headers``: the headers, by their names in lower case.
    - ``retry_attempts``: the number of attempts before the one that succeeded.
    """

    request_id: str | None = Field(None, alias="RequestId")
    http_status_code: int = Field(alias="HTTPStatusCode")
    http_headers: dict[str, str] = Field(alias="HTTPHeaders")
    retry_attempts: int = Field(0, alias="RetryAttempts")

    def to_dict(self) -> dict[str, Any]:
        """Return boto3's dictionary, with all members."""
        return super().to_dict() | self._unknown_members


class Response(Shape):
    """The response of an operation: its members, ``ResponseMetadata`` and a resume token.

    ``resume_token``, also ``["NextToken"]``, is the ``StartingToken`` that resumes after this page;
    None on the last page and on a response without a paginator. The service's own token is a
    separate member, under its own name.
    """

    # A dictionary before it is first read.
    _metadata: ResponseMetadata | dict[str, Any] | None = PrivateAttr(None)
    _resume_token: str | None = PrivateAttr(None)

    def model_post_init(self, _context: Any, /) -> None:
        """Take ``ResponseMetadata`` and ``NextToken`` from a dictionary made of a response."""
        unknown = self.__pydantic_extra__
        if unknown and not unknown.keys().isdisjoint(_OWN_KEYS):
            metadata, token = (unknown.pop(key, None) for key in _OWN_KEYS)
            if isinstance(metadata, Mapping):
                self._metadata = dict(metadata)
            if isinstance(token, str):
                self._resume_token = token

    @classmethod
    def from_json(
        cls,
        body: bytes,
        metadata: Mapping[str, Any],
        *,
        raw_timestamps: bool = False,
        on_mismatch: OnMismatch | None = None,
        keep_mismatches: bool = True,
    ) -> Self:
        """Parse and validate the bytes of a body.

        ``metadata`` has boto3's members. With ``raw_timestamps`` the timestamps are
        :class:`RawTimestamp`. ``on_mismatch`` is called for each value that does not match, with
        its location, a text, and whether it should be a list. Such a value is kept as in JSON, or
        read as null without ``keep_mismatches``. Raises pydantic's ``ValidationError``; without
        ``on_mismatch`` also for values that do not match.
        """
        context = RAW_TIMESTAMPS if raw_timestamps else None
        try:
            response = cls.model_validate_json(body, context=context, by_alias=True, by_name=False)
        except ValidationError:
            # Python's parser also accepts lone surrogates and deep nesting, as boto3 does.
            try:
                members = json.loads(body.decode())
            except (ValueError, RecursionError):
                members = None
            if not isinstance(members, dict):
                raise
            if on_mismatch is None:
                response = cls.model_validate(
                    members, context=context, by_alias=True, by_name=False
                )
            else:
                look = _Look(on_mismatch, keep_mismatches, context)
                response = cls._from_members(members, (), look)
        # Members with these names in the service's JSON are ignored.
        response._metadata = dict(metadata)
        response._resume_token = None
        return response

    @property
    def response_metadata(self) -> ResponseMetadata | None:
        """The request id, HTTP status, headers and retries; None on a response made by hand."""
        if isinstance(self._metadata, dict):
            self._metadata = ResponseMetadata.model_validate(self._metadata)
        return self._metadata

    @property
    def resume_token(self) -> str | None:
        """The token that resumes after this page, None after the last."""
        return self._resume_token

    @resume_token.setter
    def resume_token(self, token: str | None) -> None:
        self._resume_token = token

    def __contains__(self, key: object) -> bool:
        if key == "ResponseMetadata":
            return self._metadata is not None
        if key == "NextToken":
            return self._resume_token is not None
        return super().__contains__(key)

    def __getitem__(self, key: str) -> Any:
        if key == "ResponseMetadata" and self._metadata is not None:
            return self.response_metadata
        if key == "NextToken":
            return self._resume_token
        return super().__getitem__(key)

    def __setitem__(self, key: str, value: Any) -> None:
        if key == "ResponseMetadata":
            self._metadata = dict(value) if type(value) is dict else value
        elif key == "NextToken":
            self._resume_token = value
        else:
            super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        if key in _OWN_KEYS:
            if key not in self:
                raise KeyError(key)
            self[key] = None
        else:
            super().__delitem__(key)

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # keys, as of a dictionary
        yield from super().__iter__()
        yield from (key for key in _OWN_KEYS if key in self)

    def to_dict(self) -> dict[str, Any]:
        """Return the dictionary that boto3 returns for the same response."""
        result = super().to_dict()
        metadata = self._metadata
        if metadata is not None:
            result["ResponseMetadata"] = (
                dict(metadata) if isinstance(metadata, dict) else metadata.to_dict()
            )
        return result


# The keys of a response that the library adds, in their order.
_OWN_KEYS = ("ResponseMetadata", "NextToken")


class _Look(NamedTuple):
    """The second reading of a page that does not match, value by value."""

    on_mismatch: OnMismatch
    keep_mismatches: bool
    context: Any

    def read(self, annotation: Any, value: Any, location: Location) -> Any:
        """Return a value read by its type; parts that do not match stay as sent."""
        if value is None:
            return None
        container, inner = parts_of(annotation)
        if container is list and isinstance(value, list):
            return [self.read(inner, one, (*location, at)) for at, one in enumerate(value)]
        if container is dict and isinstance(value, dict):
            return {key: self.read(inner, one, (*location, key)) for key, one in value.items()}
        if container is Shape and isinstance(value, dict):
            return inner._from_members(value, location, self)
        if container is None:
            try:
                return inner.validate_python(value, context=self.context)
            except ValidationError as error:
                text = error.errors(include_url=False, include_input=False)[0]["msg"]
        else:
            text = f"Input should be {'a valid array' if container is list else 'an object'}"
        self.on_mismatch(location, text, container is list)
        return value if self.keep_mismatches else None


@cache
def parts_of(annotation: Any) -> tuple[type | None, Any]:
    """Return a type's container and the type of its parts; for a plain value, its validator."""
    if NoneType in get_args(annotation):
        annotation = get_args(annotation)[0]
    bare = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if (container := get_origin(bare)) in {list, dict}:
        return container, get_args(bare)[-1]
    if isinstance(bare, type) and issubclass(bare, Shape):
        return Shape, bare
    from pydantic import TypeAdapter  # rarely needed

    return None, TypeAdapter(annotation)


def of_type(value: object, kind: type[T]) -> T | None:
    """Return the value if it has this type, else None.

    A page that does not match its model may have any JSON value anywhere.
    """
    return value if isinstance(value, kind) else None
