"""AWS's service model and ours, written down in the same plain form, and how they differ."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from imagebuilder_pager import exceptions
from imagebuilder_pager.models.fields import Constraints
from imagebuilder_pager.models.shapes import Structure
from imagebuilder_pager.operations import Operation

Plain = dict[str, Any]
SCALARS = {
    str: "string",
    int: "integer",
    float: "double",
    bool: "boolean",
    datetime: "timestamp",
}


def differences(ours: object, awss: object, path: str = "") -> Iterator[str]:
    """Yield a line for each difference: ``shapes.Filter.name.max: ours 1024, AWS's 512``."""
    if isinstance(ours, dict) and isinstance(awss, dict):
        for key in [*ours, *(awss.keys() - ours.keys())]:
            inner = f"{path}.{key}" if path else key
            if key not in awss:
                yield f"{inner}: AWS does not have it"
            elif key not in ours:
                yield f"{inner}: we do not have it"
            else:
                yield from differences(ours[key], awss[key], inner)
    elif ours != awss:
        yield f"{path}: ours {ours!r}, AWS's {awss!r}"


# AWS's side


def aws_operation(description: Plain, name: str) -> Plain:
    """The operation and every shape that it uses, by their names."""
    operation = description["operations"][name]
    shapes: Plain = {}
    request, response = operation["input"]["shape"], operation["output"]["shape"]
    aws_shape(description, request, shapes, in_request=True)
    aws_shape(description, response, shapes, in_request=False)
    return {
        "http": {**operation["http"], "responseCode": operation["http"].get("responseCode", 200)},
        "query": {
            member: reference["locationName"]
            for member, reference in description["shapes"][request]["members"].items()
            if reference.get("location") == "querystring"
        },
        "input": request,
        "output": response,
        "errors": {
            error["shape"]: aws_error(description["shapes"][error["shape"]])
            for error in operation["errors"]
        },
        "shapes": shapes,
        "other": sorted(operation.keys() - OPERATION_KEYS),
    }


OPERATION_KEYS = {"name", "http", "input", "output", "errors", "documentation", "readonly"}
SHAPE_KEYS = {"type", "members", "required", "documentation"}
MEMBER_KEYS = {"shape", "documentation", "box", "location", "locationName"}


def aws_error(shape: Plain) -> Plain:
    return {
        "status": shape["error"]["httpStatusCode"],
        "members": sorted(shape["members"]),
    }


def aws_shape(description: Plain, name: str, shapes: Plain, *, in_request: bool) -> None:
    shape = description["shapes"][name]
    assert shape["type"] == "structure"
    assert shape.keys() <= SHAPE_KEYS, f"{name} has traits that the models do not know"
    if name in shapes:
        return
    shapes[name] = {}
    for member, reference in shape["members"].items():
        assert reference.keys() <= MEMBER_KEYS, f"{name}.{member}"
        assert reference.get("location", "querystring") == "querystring", f"{name}.{member}"
        assert ("location" in reference) == ("locationName" in reference), f"{name}.{member}"
        shapes[name][member] = {
            # Of a response, no member has to be there: it is read as it comes.
            "required": in_request and member in shape.get("required", ()),
            **aws_type(description, reference["shape"], shapes, in_request=in_request),
        }


def aws_type(description: Plain, name: str, shapes: Plain, *, in_request: bool) -> Plain:
    shape = description["shapes"][name]

    def inner(part: str) -> Plain:
        reference = shape[part]
        assert reference.keys() == {"shape"}, f"{name}.{part}"
        return aws_type(description, reference["shape"], shapes, in_request=in_request)

    if shape["type"] == "structure":
        aws_shape(description, name, shapes, in_request=in_request)
        return {"type": name}
    if "enum" in shape:
        return {"type": "enum", "name": name, "values": shape["enum"]}
    result = {key: value for key, value in shape.items() if key != "documentation"}
    if shape["type"] == "long":
        result["type"] = "integer"  # the same in JSON and in Python
    for part in {"key", "value", "member"} & shape.keys():
        result[part] = inner(part)
    return result


# Ours


def our_operation(operation: Operation[Any]) -> Plain:
    shapes: Plain = {}
    for shape in (operation.request, operation.response):
        our_shape(shape, shapes)
    return {
        "http": {
            "method": operation.rest_json.method,
            "requestUri": operation.rest_json.path,
            "responseCode": 200,
        },
        "query": operation.rest_json.query_members,
        "input": operation.request.__name__,
        "output": operation.response.__name__,
        "errors": {
            error.__name__: {"status": documented_status(error), "members": ["message"]}
            for error in operation.errors
        },
        "shapes": shapes,
        "other": [],
    }


def documented_status(error: type[exceptions.ClientError]) -> int:
    """The HTTP status that the error's docstring states."""
    text = (error.__doc__ or "").replace("HTTP status ", "")
    return int(text[text.rindex("(") + 1 : text.rindex(")")])


def our_shape(shape: type[Structure], shapes: Plain) -> None:
    if shape.__name__ in shapes:
        return
    shapes[shape.__name__] = members = {}
    hints = typing.get_type_hints(shape, include_extras=True)
    for attribute, field in shape.model_fields.items():
        assert field.alias is not None
        members[field.alias] = {
            "required": field.is_required(),
            **our_type(hints[attribute], shapes),
        }


def our_type(hint: Any, shapes: Plain) -> Plain:
    """A type hint in the form of the service model."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        limits = [item for item in hint.__metadata__ if isinstance(item, Constraints)]
        limit = {
            key: value
            for item in limits
            for key, value in (("min", item.min), ("max", item.max), ("pattern", item.pattern))
            if value is not None
        }
        return our_type(arguments[0], shapes) | limit
    if origin in {types.UnionType, typing.Union}:
        rest = [item for item in arguments if item not in {type(None), str}] or [str]
        assert len(rest) == 1
        return our_type(rest[0], shapes)
    if origin in {list, dict}:
        parts = ("member",) if origin is list else ("key", "value")
        inner = {
            part: our_type(argument, shapes)
            for part, argument in zip(parts, arguments, strict=True)
        }
        return {"type": "list" if origin is list else "map", **inner}
    assert isinstance(hint, type)
    if issubclass(hint, enum.Enum):
        return {"type": "enum", "name": hint.__name__, "values": [item.value for item in hint]}
    if issubclass(hint, Structure):
        our_shape(hint, shapes)
        return {"type": hint.__name__}
    return {"type": SCALARS[hint]}
