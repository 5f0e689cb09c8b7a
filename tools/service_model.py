"""The service model for the generator: the shapes that the operations use, and their modules.

It is read from the botocore of the development install; the words come from ``words.toml``.
"""

from __future__ import annotations

import keyword
import re
import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import botocore
import botocore.loaders
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from imagebuilder_pager._params import Param
from imagebuilder_pager.models.shapes import Response

PACKAGE = Path(__file__).parents[1] / "imagebuilder_pager"
Shape = dict[str, Any]

WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
OPERATIONS: dict[str, tuple[str, str]] = WORDS["operations"]
SHAPES: dict[str, str] = WORDS["shapes"]
MEMBERS: dict[str, str] = WORDS["members"]

_SCALARS = {
    **dict.fromkeys(("integer", "long"), "int"),
    **dict.fromkeys(("double", "float"), "Number"),
    "string": "str",
    "boolean": "bool",
    "timestamp": "Timestamp",
}
#: The annotations of members in responses and in requests, by kind.
_IN_RESPONSES = {
    "enum": "OpenEnum[{}]",
    "list": "SparseList[{}]",
    "map": "SparseMap[str, {}]",
    "structure": "{}",
}
_IN_REQUESTS = {"enum": "{}Type", "list": "Sequence[{}]", "structure": "{}TypeDef"}

_TOKEN_KEYS = ("input_token", "output_token")

#: Shapes of several families that stay in one family, so that its first page loads no other module.
KEPT = dict.fromkeys(("LifecycleExecutionState", "LifecycleExecutionStatus"), "lifecycle")


class OperationModel(NamedTuple):
    """An operation of the service model, with two facts of this project.

    ``family`` is the module of its response model, ``returns`` the content of the response.
    """

    name: str
    family: str
    returns: str
    http_method: str
    path: str
    request: str
    response: str
    errors: tuple[str, ...]
    result_key: str | None
    limit_key: str | None
    non_aggregate_keys: tuple[str, ...]

    @property
    def method_name(self) -> str:
        """The name of the client's method, as in boto3."""
        name: str = botocore.xform_name(self.name)
        return name


class ServiceModel:
    """The shapes of all operations, each with the module that defines it.

    The structures and enums of responses are models. A model of one family is in its module, a
    model of several families in ``common``.
    """

    #: The parameters of a page, which a paginator sets, and their annotations.
    page_params: ClassVar = {"maxResults": "int", "nextToken": "str"}

    def __init__(self) -> None:
        loader = botocore.loaders.Loader()
        self.description: dict[str, Any] = loader.load_service_model("imagebuilder", "service-2")
        paginators = loader.load_service_model("imagebuilder", "paginators-1")
        self.paginators: dict[str, Any] = paginators["pagination"]
        self.shapes: dict[str, Shape] = self.description["shapes"]

    @cached_property
    def operations(self) -> list[OperationModel]:
        """The operations of the input that AWS has, in that order."""
        there = self.description["operations"]
        return [self._operation(name) for name in OPERATIONS if name in there]

    def _operation(self, name: str) -> OperationModel:
        entry, paginator = self.description["operations"][name], self.paginators.get(name, {})
        operation = OperationModel(
            name,
            *OPERATIONS[name],
            http_method=entry["http"]["method"],
            path=entry["http"]["requestUri"],
            request=entry["input"]["shape"],
            response=entry["output"]["shape"],
            errors=tuple(error["shape"] for error in entry["errors"]),
            result_key=paginator.get("result_key"),
            limit_key=paginator.get("limit_key"),
            non_aggregate_keys=tuple(paginator.get("non_aggregate_keys", ())),
        )
        if found := dict.fromkeys(self._unknown(operation, paginator)):
            raise ValueError(f"{name}: the generator does not know {'; '.join(found)}")
        return operation

    def _unknown(self, operation: OperationModel, paginator: dict[str, Any]) -> Iterator[str]:
        """Yield the features of an operation that the generator does not support."""
        if "{" in operation.path or not isinstance(paginator.get("result_key", ""), str):
            yield f"its path {operation.path}, or its items under several members"
        if "more_results" in paginator:
            yield "more_results"
        if {paginator.get(key, "nextToken") for key in _TOKEN_KEYS} != {"nextToken"}:
            yield "another token"
        for name in (*self.closure(operation.request), *self.closure(operation.response)):
            for value in self.shapes[name].get("enum", ()):
                if not _is_name(value) or value == "mro":
                    yield f"the value {value} of {name}"
            in_query = operation.http_method == "GET" and name == operation.request
            for member, reference in self.shapes[name].get("members", {}).items():
                place = "querystring" if in_query else None
                if not _is_name(attribute_name(member)) or reference.get("location") != place:
                    yield f"{name}.{member}: its name, or its place in the message"
                if reference.get("locationName", member) != member:
                    yield f"{name}.{member}: another name in the message"
                if reference.get("idempotencyToken"):
                    yield f"{name}.{member}: an idempotency token"

    @cached_property
    def module_by_shape(self) -> dict[str, str]:
        """The module of every model: the structures and enums of responses."""
        families: dict[str, set[str]] = {}
        for operation in self.operations:
            for name in filter(self.is_model, self.closure(operation.response)):
                families.setdefault(name, set()).add(operation.family)
        return {
            name: KEPT.get(name) or (next(iter(users)) if len(users) == 1 else "common")
            for name, users in families.items()
        }

    def is_model(self, name: str) -> bool:
        """Return whether the shape has its own model: a structure or an enum."""
        return self.shapes[name]["type"] == "structure" or "enum" in self.shapes[name]

    def modules(self) -> list[str]:
        """Return the modules in the order of their imports."""
        return ["common", *sorted({operation.family for operation in self.operations})]

    def names_in(self, module: str) -> list[str]:
        """Return the names of a module: enums, then each structure after those that it uses."""
        names = sorted(name for name, where in self.module_by_shape.items() if where == module)
        enums = [name for name in names if "enum" in self.shapes[name]]
        used = dict.fromkeys(one for name in names for one in self.closure(name))
        return [*enums, *(name for name in used if name in names and name not in enums)]

    def closure(self, name: str) -> dict[str, None]:
        """Return a shape and all shapes that it uses, each after those that it uses."""
        shape = self.shapes[name]
        parts = [shape[part] for part in ("key", "value", "member") if part in shape]
        found: dict[str, None] = {}
        for reference in [*shape.get("members", {}).values(), *parts]:
            found |= self.closure(reference["shape"])
        return {**found, name: None}

    def params(self, structure: str) -> dict[str, Param]:
        """Return the members of a request, or of its inner structure, as parameters."""
        shape = self.shapes[structure]
        required = shape.get("required", ())
        return {
            name: self._param(member["shape"])._replace(
                required=name in required, text=self.describe_member(structure, name)
            )
            for name, member in shape["members"].items()
        }

    def _param(self, name: str) -> Param:
        shape = self.shapes[name]
        kind = {"long": "integer"}.get(shape["type"], shape["type"])
        assert kind in {"string", "integer", "boolean", "list", "structure"}, f"{name}: a {kind}"
        return Param(
            kind,
            minimum=int(shape["min"]) if "min" in shape else None,
            maximum=int(shape["max"]) if "max" in shape else None,
            pattern=shape.get("pattern"),
            enum=tuple(shape.get("enum", ())),
            item=self._param(shape["member"]["shape"]) if kind == "list" else None,
            members=self.params(name) if kind == "structure" else {},
        )

    def filters(self, operation: OperationModel) -> list[str]:
        """Return the names of an operation's filters; only AWS's prose has them."""
        members = self.shapes[operation.request]["members"]
        member = members.get("filters") or members.get("filter") or {}
        return re.findall(r"<code>(\w+)</code>", member.get("documentation", ""))

    def annotation(self, name: str, *, in_request: bool = False) -> str:
        """Return the annotation of a member of that shape, in a response or a request."""
        forms, shape = _IN_REQUESTS if in_request else _IN_RESPONSES, self.shapes[name]
        kind = "enum" if "enum" in shape else shape["type"]
        inner = shape.get("member") or shape.get("value")
        if kind not in forms:
            return _SCALARS[kind]
        value = self.annotation(inner["shape"], in_request=in_request) if inner else name
        return forms[kind].format(value)

    def item_type(self, operation: OperationModel) -> str:
        """Return the name of the structure that a paginated operation lists."""
        assert operation.result_key is not None
        items = self.shapes[operation.response]["members"][operation.result_key]["shape"]
        name: str = self.shapes[items]["member"]["shape"]
        assert self.shapes[name]["type"] == "structure"
        return name

    def describe_member(self, structure: str, member: str) -> str:
        """Return the line for a member; without words, its name is the description."""
        kinds = [kind for kind in ("Request", "Response") if structure.endswith(kind)]
        names = (f"{structure}.{member}", *(f"{kind}.{member}" for kind in kinds), member)
        lines = [MEMBERS[name] for name in names if name in MEMBERS]
        return lines[0] if lines else f"The {_in_words(member)}."

    def describe_shape(self, name: str) -> str:
        """Return the docstring of a structure or an enum; without words, it has the name."""
        return SHAPES.get(name) or f"AWS's {_in_words(name)}."


def _in_words(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()


def attribute_name(wire_name: str) -> str:
    """Return the name of a member's attribute: botocore's snake_case.

    A keyword, or a name that would hide a page's method, gets an underscore at its end.
    """
    name: str = botocore.xform_name(wire_name)
    hides = hasattr(dict, name) or hasattr(BaseModel, name) or hasattr(Response, name)
    return f"{name}_" if hides or keyword.iskeyword(name) else name


def needs_alias(wire_name: str) -> bool:
    """Return whether the wire name cannot be computed from the attribute's name."""
    return to_camel(attribute_name(wire_name)) != wire_name


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text) and not text.startswith("_")
