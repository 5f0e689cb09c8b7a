"""Faults between a client and the service, on demand.

A ``Fault`` is one way to fail. A ``FaultPlan`` chooses the fault of each request:

    plan = FaultPlan({3: Fault("reset-within")}) | FaultPlan.on_page("last", Fault("throttle"))
    service = LocalImageBuilder(account, faults=plan)

The same plan works in process (``httpx.MockTransport(service)``) and over a socket
(``LocalServer(service)``). ``FAULTS`` summarizes each fault; docs/faults.md describes them all.
"""

from .fault import FAULTS, Fault
from .plan import FaultPlan, RequestInfo

__all__ = ["FAULTS", "Fault", "FaultPlan", "RequestInfo"]
