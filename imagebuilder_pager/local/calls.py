"""The record of the requests that a service has had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .faults import Fault

MAX_CALLS = 10_000
"""The most calls that are kept: the newest."""


class Call(NamedTuple):
    """One request to the service, and its outcome.

    - ``operation``: the API's name of the operation, as ListImages; None for an unknown path.
    - ``parameters``: its parameters as on the wire, valid or not, those that are null left out;
      empty if they cannot be parsed.
    - ``page``: the number of its page, as a ``FaultPlan`` counts.
    - ``attempt``: the number of the request among those for the same page.
    - ``outcome``: the status, with the code of an error: ``200``, ``403 AccessDeniedException``.
      For a fault of the connection, or one whose response has no code, the name of the fault:
      ``stall``.
    - ``fault``: the :class:`Fault` that it met, or None.
    """

    operation: str | None
    parameters: dict[str, Any]
    page: int
    attempt: int
    outcome: str
    fault: Fault | None
