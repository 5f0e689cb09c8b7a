"""The walk from lifecycle policies to the resources that they acted on: one account, one region.

It is loaded by ``client.walk_lifecycle()`` and by nothing else.
"""

from .records import LifecycleRecord, LifecycleRecordKey
from .walk import AsyncLifecycleWalk, LifecycleWalk, WalkOptions

__all__ = [
    "AsyncLifecycleWalk",
    "LifecycleRecord",
    "LifecycleRecordKey",
    "LifecycleWalk",
    "WalkOptions",
]
