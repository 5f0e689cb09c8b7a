"""The service model as the generator sees it: which shapes the operations use, and where.

It is read from botocore's copy, which comes with a development install; the words are those of
``words.toml``.
"""

from __future__ import annotations

import keyword
import re
import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import botocore
import botocore.loaders
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from imagebuilder_pager._params import Param
from imagebuilder_pager.models.shapes import Response

PACKAGE = Path(__file__).parents[1] / "imagebuilder_pager"
Shape = dict[str, Any]

_WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
OPERATIONS: dict[str, tuple[str, str]] = _WORDS["operations"]
MODULES: dict[str, str] = _WORDS["modules"]
SHAPES: dict[str, str] = _WORDS["shapes"]
MEMBERS: dict[str, str] = _WORDS["members"]

_SCALARS = {
    "string": "str",
    "integer": "int",
    "long": "int",
    "boolean": "bool",
    "timestamp": "Timestamp",
    "double": "Number",
    "float": "Number",
}

#: Shapes of several families that stay in one, so that its first page loads no other module.
KEPT = dict.fromkeys(("LifecycleExecutionState", "LifecycleExecutionStatus"), "lifecycle")


class OperationModel(NamedTuple):
    """An operation: what the service model says of it, and the two facts that are ours.

    ``family`` is the module that has the model of its response, ``returns`` what a response holds.
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

    The structures and enums of responses are models: those of one family in its module, those of
    several in ``common``.
    """

    def __init__(self, *data_paths: str) -> None:
        loader = botocore.loaders.Loader(extra_search_paths=list(data_paths))
        self.description: dict[str, Any] = loader.load_service_model("imagebuilder", "service-2")
        paginators = loader.load_service_model("imagebuilder", "paginators-1")
        self.paginators: dict[str, Any] = paginators["pagination"]
        self.shapes: dict[str, Shape] = self.description["shapes"]

    @cached_property
    def operations(self) -> list[OperationModel]:
        """The operations wanted that AWS has, in the order of the input."""
        there = self.description["operations"]
        return [self._operation(name) for name in OPERATIONS if name in there]

    def _operation(self, name: str) -> OperationModel:
        entry = self.description["operations"][name]
        paginator = self.paginators.get(name, {})
        self._check(name)
        tokens = {paginator.get(key, "nextToken") for key in ("input_token", "output_token")}
        assert tokens == {"nextToken"}, f"{name}: another token"
        family, returns = OPERATIONS[name]
        return OperationModel(
            name,
            family,
            returns,
            entry["http"]["method"],
            entry["http"]["requestUri"],
            entry["input"]["shape"],
            entry["output"]["shape"],
            tuple(error["shape"] for error in entry["errors"]),
            paginator.get("result_key"),
            paginator.get("limit_key"),
            tuple(paginator.get("non_aggregate_keys", ())),
        )

    def _check(self, name: str) -> None:
        """Raise ``ValueError`` that says what of an operation the generated code cannot have."""
        entry = self.description["operations"][name]
        path, method = entry["http"]["requestUri"], entry["http"]["method"]
        location = "querystring" if method == "GET" else None
        request, response = entry["input"]["shape"], entry["output"]["shape"]
        found = []
        paginator = self.paginators.get(name, {})
        if "{" in path or not isinstance(paginator.get("result_key", ""), str):
            found.append(f"its path {path}, or its items under several members")
        if "more_results" in paginator:
            found.append("more_results")
        for shape_name in (*self.closure(request), *self.closure(response)):
            shape = self.shapes[shape_name]
            found += [
                f"the value {value} of {shape_name}"
                for value in shape.get("enum", ())
                if not _is_name(value) or value == "mro"
            ]
            for member, reference in shape.get("members", {}).items():
                where = location if shape_name == request else None
                if not _is_name(attribute_name(member)) or reference.get("location") != where:
                    found.append(f"{shape_name}.{member}: its name, or its place in the message")
                if reference.get("locationName", member) != member:
                    found.append(f"{shape_name}.{member}: another name in the message")
                if reference.get("idempotencyToken"):
                    found.append(f"{shape_name}.{member}: an idempotency token")
        if found:
            unknown = "; ".join(dict.fromkeys(found))
            raise ValueError(f"{name}: the generator does not know {unknown}")

    @cached_property
    def module_by_shape(self) -> dict[str, str]:
        """The module of every model: the structures and enums of responses."""
        families: dict[str, dict[str, None]] = {}
        for operation in self.operations:
            for name in self.closure(operation.response):
                if self.is_model(name):
                    families.setdefault(name, {})[operation.family] = None
        return {
            name: KEPT.get(name) or (next(iter(users)) if len(users) == 1 else "common")
            for name, users in families.items()
        }

    def is_model(self, name: str) -> bool:
        """Return whether the shape has a model of its own: a structure or an enum."""
        return self.shapes[name]["type"] == "structure" or "enum" in self.shapes[name]

    def modules(self) -> list[str]:
        """Return the modules in the order of their imports."""
        return ["common", *sorted({operation.family for operation in self.operations})]

    def names_in(self, module: str) -> list[str]:
        """Return the names of a module: enums, then structures after what they use."""
        names = sorted(name for name, where in self.module_by_shape.items() if where == module)
        enums = [name for name in names if "enum" in self.shapes[name]]
        structures: dict[str, None] = {}
        for name in names:
            for used in self.closure(name):
                if used in names and used not in enums:
                    structures[used] = None
        return [*enums, *structures]

    def closure(self, name: str) -> dict[str, None]:
        """Return a shape and all that it uses, each after what it uses itself."""
        found: dict[str, None] = {}
        for used in self.references(name):
            found |= self.closure(used)
        found[name] = None
        return found

    def references(self, name: str) -> Iterator[str]:
        """Yield the names of the shapes that a shape refers to."""
        shape = self.shapes[name]
        for member in shape.get("members", {}).values():
            yield member["shape"]
        for part in ("key", "value", "member"):
            if part in shape:
                yield shape[part]["shape"]

    def params(self, structure: str) -> dict[str, Param]:
        """Return the members of a request, or of a structure in it, as parameters."""
        shape = self.shapes[structure]
        return {
            name: self._param(member["shape"])._replace(
                required=name in shape.get("required", ()),
                text=describe_member(structure, name),
            )
            for name, member in shape["members"].items()
        }

    def _param(self, name: str) -> Param:
        shape = self.shapes[name]
        kind = {"long": "integer"}.get(shape["type"], shape["type"])
        assert kind in {"string", "integer", "boolean", "list", "structure"}, f"{name}: a {kind}"
        minimum, maximum = (shape.get(limit) for limit in ("min", "max"))
        return Param(
            kind,
            minimum=None if minimum is None else int(minimum),
            maximum=None if maximum is None else int(maximum),
            pattern=shape.get("pattern"),
            enum=tuple(shape.get("enum", ())),
            item=self._param(shape["member"]["shape"]) if kind == "list" else None,
            members=self.params(name) if kind == "structure" else {},
        )

    def filters(self, operation: OperationModel) -> list[str]:
        """Return what the filters of an operation may be named, which only its prose says."""
        members = self.shapes[operation.request]["members"]
        member = members.get("filters") or members.get("filter") or {}
        return re.findall(r"<code>(\w+)</code>", member.get("documentation", ""))

    def annotation(self, name: str) -> str:
        """Return the annotation of a response's member of that shape."""
        shape = self.shapes[name]
        if "enum" in shape:
            return f"OpenEnum[{name}]"
        if shape["type"] == "structure":
            return name
        if shape["type"] == "list":
            return f"SparseList[{self.annotation(shape['member']['shape'])}]"
        if shape["type"] == "map":
            return f"SparseMap[str, {self.annotation(shape['value']['shape'])}]"
        return _SCALARS[shape["type"]]

    def parameter_annotation(self, name: str) -> str:
        """Return the annotation of a request's member of that shape."""
        shape = self.shapes[name]
        if "enum" in shape:
            return f"{name}Type"
        if shape["type"] == "structure":
            return f"{name}TypeDef"
        if shape["type"] == "list":
            return f"Sequence[{self.parameter_annotation(shape['member']['shape'])}]"
        return _SCALARS[shape["type"]]

    def item_type(self, operation: OperationModel) -> str:
        """Return the name of the structure that a paginated operation lists."""
        assert operation.result_key is not None
        response = self.shapes[operation.response]
        items = self.shapes[response["members"][operation.result_key]["shape"]]
        name: str = items["member"]["shape"]
        assert self.shapes[name]["type"] == "structure"
        return name


def describe_member(structure: str, member: str) -> str:
    """Return the line for a member of a structure; one without words is described by its name."""
    kinds = [kind for kind in ("Request", "Response") if structure.endswith(kind)]
    for name in (f"{structure}.{member}", *(f"{kind}.{member}" for kind in kinds), member):
        if text := MEMBERS.get(name):
            return text
    return f"The {_in_words(member)}."


def describe_shape(name: str) -> str:
    """Return the docstring of a structure or an enum; one without words has its name in it."""
    return SHAPES.get(name) or f"AWS's {_in_words(name)}."


def _in_words(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()


def attribute_name(wire_name: str) -> str:
    """Return the name of a member's attribute: botocore's snake_case.

    An underscore follows a keyword, and a name that would hide a method of a page.
    """
    name: str = botocore.xform_name(wire_name)
    hides = hasattr(dict, name) or hasattr(BaseModel, name) or hasattr(Response, name)
    return f"{name}_" if hides or keyword.iskeyword(name) else name


def needs_alias(wire_name: str) -> bool:
    """Return whether the wire name does not follow from that of the attribute."""
    return to_camel(attribute_name(wire_name)) != wire_name


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text) and not text.startswith("_")
