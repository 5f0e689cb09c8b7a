"""Random values of the service model's shapes, as possible in responses."""

from __future__ import annotations

import importlib.util
import operator
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.model
from hypothesis import strategies as st

#: A datetime's years 1 to 9999, without their ends, since boto3 converts to local times.
SECONDS = st.integers(-62_000_000_000, 253_000_000_000)
FRACTIONS = st.floats(-62_000_000_000, 253_000_000_000)
TEXT = st.text(max_size=8)
NO_MEMBERS: st.SearchStrategy[dict[str, Any]] = st.just({})


def values_of(
    shape: Any,
    *,
    unknown: st.SearchStrategy[dict[str, Any]] = NO_MEMBERS,
    **scalars: st.SearchStrategy[Any],
) -> st.SearchStrategy[Any]:
    """Return a strategy for JSON values of a shape; any member of a structure may be absent.

    ``unknown`` has other members for each structure; ``scalars`` replaces the values of types, or
    of shapes.
    """

    def inner(part: Any) -> st.SearchStrategy[Any]:
        return maybe(values_of(part, unknown=unknown, **scalars))

    if isinstance(shape, botocore.model.StructureShape):
        optional = {name: inner(member) for name, member in shape.members.items()}
        others = unknown.filter(optional.keys().isdisjoint)
        return st.builds(operator.or_, others, st.fixed_dictionaries({}, optional=optional))
    if isinstance(shape, botocore.model.ListShape):
        return st.lists(inner(shape.member), max_size=2)
    if isinstance(shape, botocore.model.MapShape):
        return st.dictionaries(TEXT, inner(shape.value), max_size=2)
    if getattr(shape, "enum", None):
        return st.sampled_from(shape.enum) | TEXT
    return {**SCALARS, **scalars}[shape.name if shape.name in scalars else shape.type_name]


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return the strategy with null as a rare value."""
    return st.integers(0, 9).flatmap(lambda number: values if number else st.none())


SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXT,
    "boolean": st.booleans(),
    "integer": st.integers(-(2**31), 2**31),
    "long": st.integers(-(2**63), 2**63),
    "double": st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 10),
    "timestamp": SECONDS | FRACTIONS | SECONDS.map(str),
}


def aws_cli_model() -> botocore.model.ServiceModel:
    """Return the AWS CLI's own service model; botocore's may be newer."""
    package = importlib.util.find_spec("awscli")
    assert package is not None
    assert package.submodule_search_locations is not None
    data = Path(package.submodule_search_locations[0]) / "botocore" / "data"
    loader = botocore.loaders.Loader([str(data)], include_default_search_paths=False)
    return botocore.model.ServiceModel(loader.load_service_model("imagebuilder", "service-2"))


def sample_of(shape: Any, number: int) -> Any:
    """Return a JSON value of a shape, different for each number, without some members."""
    if isinstance(shape, botocore.model.StructureShape):
        return {
            name: sample_of(member, number + place)
            for place, (name, member) in enumerate(shape.members.items())
            if (number + place) % 5
        }
    if isinstance(shape, botocore.model.ListShape):
        return [sample_of(shape.member, number + place) for place in range(number % 3)]
    if isinstance(shape, botocore.model.MapShape):
        return {key: sample_of(shape.value, number) for key in ("é x", "k")}
    if getattr(shape, "enum", None):
        return shape.enum[number % len(shape.enum)]
    return {
        "string": ("a", "b c", "é\t", "")[number % 4],
        "boolean": number % 2 == 0,
        "integer": number,
        "long": number,
        "double": number + 0.5,
        "timestamp": 1_741_000_000 + number / 2,
    }[shape.type_name]
