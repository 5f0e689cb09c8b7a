"""Random values of the service model's shapes, as the service could send them."""

from __future__ import annotations

from typing import Any

import botocore.model
from hypothesis import strategies as st

#: The years 1 to 9999: what a datetime can say. Their ends are left out, since boto3 makes local
#: times of them.
SECONDS = st.integers(-62_000_000_000, 253_000_000_000)
FRACTIONS = st.floats(-62_000_000_000, 253_000_000_000)
TEXT = st.text(max_size=8)


def values_of(shape: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for JSON values of a shape; any member of a structure may be absent."""
    if isinstance(shape, botocore.model.StructureShape):
        return st.fixed_dictionaries(
            {}, optional={name: maybe(values_of(member)) for name, member in shape.members.items()}
        )
    if isinstance(shape, botocore.model.ListShape):
        return st.lists(maybe(values_of(shape.member)), max_size=2)
    if isinstance(shape, botocore.model.MapShape):
        return st.dictionaries(TEXT, maybe(values_of(shape.value)), max_size=2)
    if getattr(shape, "enum", None):
        return st.sampled_from(shape.enum) | TEXT
    return SCALARS[shape.type_name]


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
