"""What can go wrong between a client and the service, on demand.

A `Fault` is one thing that goes wrong, a `FaultPlan` says which requests meet which fault:

    plan = FaultPlan({3: Fault("reset-within")}) | FaultPlan.on_page("last", Fault("throttle"))
    service = LocalImageBuilder(account, faults=plan)

The same plan works in process (`httpx.MockTransport(service)`) and over a socket
(`LocalServer(service)`). `FAULTS` has a line on each fault, docs/faults.md the whole story.
"""

from .fault import FAULTS, Fault
from .plan import FaultPlan, RequestInfo

__all__ = ["FAULTS", "Fault", "FaultPlan", "RequestInfo"]
