"""What has moved in AWS's service model since the files were generated, in words.

The package's rows and models are held against a service model, operation by operation.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from imagebuilder_pager import models
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager._params import Param
from imagebuilder_pager._rows import Operation

from .service_model import OperationModel, ServiceModel, attribute_name

_FACTS = ("http_method", "path", "result_key", "limit_key", "non_aggregate_keys")


def describe_moves(model: ServiceModel) -> list[str]:
    """Return a line for each difference; one that several operations share names them."""
    users: dict[str, list[str]] = {}
    ours = {operation.name: operation for operation in OPERATIONS.values()}
    for operation in model.operations:
        if operation.name in ours:
            for line in _operation_moves(ours[operation.name], operation, model):
                users.setdefault(line, []).append(operation.name)
        else:
            users[f"{operation.name}: a new operation"] = []
    gone = ours.keys() - {operation.name for operation in model.operations}
    users |= {f"{name}: the operation is gone": [] for name in sorted(gone)}
    for name in model.module_by_shape:
        for line in _shape_moves(name, model):
            users[f"{name}: {line}"] = []
    shapes = set(models.__getattr__("__all__")) - set(
        import_module(f"{models.__name__}.shapes").__all__
    )
    users |= {f"{name}: it is gone": [] for name in sorted(shapes - model.module_by_shape.keys())}
    lines = [f"{_join(names)}: {line}" if names else line for line, names in users.items()]
    others = sorted(model.paginators.keys() - {operation.name for operation in model.operations})
    return lines + [f"{name}: AWS has a paginator, and words.py no line for it" for name in others]


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _operation_moves(ours: Operation, theirs: OperationModel, model: ServiceModel) -> Iterator[str]:
    for fact in _FACTS:
        before, now = getattr(ours, fact), getattr(theirs, fact)
        if before != now:
            yield f"{fact} is {now!r}, was {before!r}"
    yield from _list_moves("error", ours.errors, theirs.errors)
    yield from _param_moves(ours.params, model.params(theirs.request), "")


def _list_moves(kind: str, before: tuple[str, ...], now: tuple[str, ...]) -> Iterator[str]:
    yield from (f"a new {kind}, {name}" for name in now if name not in before)
    yield from (f"the {kind} {name} is gone" for name in before if name not in now)


def _param_moves(before: Mapping[str, Param], now: Mapping[str, Param], path: str) -> Iterator[str]:
    for name in [*now, *(before.keys() - now.keys())]:
        inner = f"{path}{name}"
        if name not in before:
            yield f"a new parameter, {inner} ({now[name].type})"
        elif name not in now:
            yield f"the parameter {inner} is gone"
        else:
            yield from _trait_moves(before[name], now[name], inner)


def _trait_moves(before: Param, now: Param, path: str) -> Iterator[str]:
    for trait in ("type", "required", "minimum", "maximum", "pattern"):
        value, old = getattr(now, trait), getattr(before, trait)
        if value != old:
            yield f"the {trait} of {path} is {value!r}, was {old!r}"
    for line in _list_moves("value", before.enum, now.enum):
        yield f"{path}: {line}"
    if before.item is not None and now.item is not None:
        yield from _trait_moves(before.item, now.item, f"{path}[]")
    if before.item is not None or before.members:
        yield from _param_moves(before.members, now.members, f"{path}.")


def _shape_moves(name: str, model: ServiceModel) -> Iterator[str]:
    """Yield what has moved in a structure or an enum of a response."""
    module = model.module_by_shape[name]
    ours: Any = getattr(models, name, None)
    shape = model.shapes[name]
    if ours is None:
        yield f"a new {'enum' if 'enum' in shape else 'structure'}"
        return
    if getattr(import_module(f"{models.__name__}.{module}"), name, None) is not ours:
        yield f"it is used by other families, and moves to {module}"
    if issubclass(ours, enum.Enum):
        before = tuple(item.value for item in ours)
        yield from _list_moves("value", before, tuple(shape.get("enum", ())))
        return
    annotations = inspect.get_annotations(ours)
    before_members = {ours.model_fields[key].alias: kind for key, kind in annotations.items()}
    members = {key: model.annotation(value["shape"]) for key, value in shape["members"].items()}
    for member in [*members, *(before_members.keys() - members.keys())]:
        if member not in before_members:
            yield f"a new member, {member} ({members[member]})"
        elif member not in members:
            yield f"the member {member} is gone"
        elif before_members[member].removesuffix(" | None") != members[member]:
            was = before_members[member].removesuffix(" | None")
            yield f"{member} is {members[member]}, was {was}"
        elif ours.model_fields[attribute_name(member)].alias != member:
            yield f"{member} has another attribute"
