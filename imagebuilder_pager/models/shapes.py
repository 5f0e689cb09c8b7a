"""The base classes of all models: objects with attributes, and dictionaries at once.

``page.resources[0].resource_id`` and ``page["resources"][0]["resourceId"]`` read the same member:
attributes have Python's spelling, keys are the names on the wire. ``to_dict()`` is the dictionary
that boto3 makes of the same bytes.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from pydantic.alias_generators import to_camel

from .fields import RAW_TIMESTAMPS, MissingList, MissingMap

__all__ = ["Response", "ResponseMetadata", "Shape"]


class Shape(BaseModel):
    """A structure of the service model.

    Attributes are in snake_case, keys are wire names. A member that is absent from the response,
    or null, is None as an attribute and absent as a key. An absent list is empty in both
    spellings, and absent for ``in`` and :meth:`keys`. Members that this version does not know are
    kept as keys.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="allow",
        # A schema is built once, when it is first needed; only member names are worth caching.
        defer_build=True,
        cache_strings="keys",
        # Values of the service and of callers are kept out of error messages.
        hide_input_in_errors=True,
    )

    _alias_by_field: ClassVar[dict[str, str]] = {}
    _field_by_alias: ClassVar[dict[str, str]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls._alias_by_field = {name: info.alias or name for name, info in cls.model_fields.items()}
        cls._field_by_alias = {wire: name for name, wire in cls._alias_by_field.items()}

    @classmethod
    def wire_names(cls) -> tuple[str, ...]:
        """Return the names of all members that the service model has."""
        return tuple(cls._field_by_alias)

    def __getitem__(self, key: str) -> Any:
        attribute = self._field_by_alias.get(key)
        if attribute is not None:
            value = self.__dict__[attribute]
            if value is not None:
                return value
        elif self.__pydantic_extra__ and key in self.__pydantic_extra__:
            return self.__pydantic_extra__[key]
        raise KeyError(key)

    def __setitem__(self, key: str, value: Any) -> None:
        attribute = self._field_by_alias.get(key)
        if attribute is None:
            self.__pydantic_extra__ = {**(self.__pydantic_extra__ or {}), key: value}
        elif value is None and isinstance(self.__dict__[attribute], list):
            self.__dict__[attribute] = MissingList()
        elif value is None and isinstance(self.__dict__[attribute], dict):
            self.__dict__[attribute] = MissingMap()
        else:
            self.__dict__[attribute] = value

    def __contains__(self, key: object) -> bool:
        attribute = self._field_by_alias.get(key) if isinstance(key, str) else None
        if attribute is not None:
            return not _is_missing(self.__dict__[attribute])
        return key in (self.__pydantic_extra__ or ())

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # keys, as of a dictionary
        return iter(self.keys())

    def get(self, key: str, default: Any = None) -> Any:
        """Return the member of that wire name, or ``default`` where it is absent."""
        attribute = self._field_by_alias.get(key)
        if attribute is None:
            return (self.__pydantic_extra__ or {}).get(key, default)
        value = self.__dict__[attribute]
        return default if _is_missing(value) else value

    def keys(self) -> list[str]:
        """Return the wire names of the members that are present, unknown ones last."""
        values = self.__dict__
        known = [
            wire for wire, name in self._field_by_alias.items() if not _is_missing(values[name])
        ]
        return known + list(self.__pydantic_extra__ or ())

    def values(self) -> list[Any]:
        """Return the members that are present, in the order of :meth:`keys`."""
        return [self[key] for key in self.keys()]

    def items(self) -> list[tuple[str, Any]]:
        """Return pairs of wire name and member, of the members that are present."""
        return [(key, self[key]) for key in self.keys()]

    def to_dict(self) -> dict[str, Any]:
        """Return the dictionary that boto3 returns for the same bytes.

        Keys are wire names, structures are dictionaries, enum values are strings. Members that
        are absent, null or unknown to the service model are left out.
        """
        return {
            self._alias_by_field[name]: _to_builtin(value)
            for name, value in self.__dict__.items()
            if not _is_missing(value)
        }


def _is_missing(value: object) -> bool:
    return value is None or (type(value) in {MissingList, MissingMap} and not value)


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


class ResponseMetadata(Shape):
    """The metadata of a response, under boto3's names.

    ``retry_attempts`` counts the attempts before the one that succeeded.
    """

    request_id: str | None = Field(None, alias="RequestId")
    http_status_code: int = Field(alias="HTTPStatusCode")
    http_headers: dict[str, str] = Field(alias="HTTPHeaders")
    retry_attempts: int = Field(0, alias="RetryAttempts")


class Response(Shape):
    """The response of an operation: its members, ``ResponseMetadata`` and a resume token.

    ``resume_token``, also ``["NextToken"]``, is the ``StartingToken`` that resumes after this page;
    None on the last page and on a response that comes from no paginator. The service's own token
    is another member, under its own name.
    """

    _metadata: dict[str, Any] | None = PrivateAttr(None)
    _resume_token: str | None = PrivateAttr(None)

    @classmethod
    def from_json(
        cls, body: bytes, metadata: Mapping[str, Any], *, raw_timestamps: bool = False
    ) -> Self:
        """Parse and validate the bytes of a body in one pass.

        ``metadata`` has boto3's members. With ``raw_timestamps`` the timestamps are
        :class:`RawTimestamp`. Raises pydantic's ``ValidationError``.
        """
        context = RAW_TIMESTAMPS if raw_timestamps else None
        response = cls.model_validate_json(body, context=context, by_alias=True, by_name=False)
        response._metadata = dict(metadata)
        return response

    @property
    def response_metadata(self) -> ResponseMetadata | None:
        """The request id, HTTP status, headers and retries; None on a response made by hand."""
        metadata = self._metadata
        return None if metadata is None else ResponseMetadata.model_validate(metadata)

    @property
    def resume_token(self) -> str | None:
        """The token that resumes after this page, None after the last."""
        return self._resume_token

    @resume_token.setter
    def resume_token(self, token: str | None) -> None:
        self._resume_token = token

    def get(self, key: str, default: Any = None) -> Any:
        """Return the member of that wire name, or ``default`` where it is absent."""
        if key == "ResponseMetadata":
            return default if self._metadata is None else self.response_metadata
        if key == "NextToken":
            return default if self._resume_token is None else self._resume_token
        return super().get(key, default)

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

    def keys(self) -> list[str]:
        """Return the wire names of the members present, ``ResponseMetadata`` and ``NextToken``."""
        keys = [key for key in super().keys() if key not in {"ResponseMetadata", "NextToken"}]
        if self._metadata is not None:
            keys.append("ResponseMetadata")
        if self._resume_token is not None:
            keys.append("NextToken")
        return keys

    def to_dict(self) -> dict[str, Any]:
        """Return the dictionary that boto3 returns for the same response."""
        result = super().to_dict()
        if self._metadata is not None:
            result["ResponseMetadata"] = dict(self._metadata)
        return result
