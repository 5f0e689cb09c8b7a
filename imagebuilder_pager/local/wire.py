"""The form that the structures of an account have on the wire."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from .._dates import assume_utc

WireDict = Mapping[str, Any]
"""A structure of the API as in JSON, but with datetimes or epoch seconds as timestamps."""


def to_wire(value: object) -> Any:
    """Return a datetime in epoch seconds and a mapping as a dictionary.

    A datetime without a zone is in UTC. For ``json.dumps(..., default=to_wire)``: raises
    ``TypeError`` for any other value.
    """
    if isinstance(value, dt.datetime):
        return assume_utc(value).timestamp()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


def copy_as_wire(value: Any) -> Any:
    """Return a copy as in JSON. Raises ``TypeError`` for a value that JSON does not have."""
    return json.loads(json.dumps(value, default=to_wire))
