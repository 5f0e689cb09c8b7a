"""The walk from lifecycle policies to the resources that they acted on: one account, one region.

It is loaded by ``client.walk_lifecycle()`` and by nothing else.
"""

from .._lazy import lazy_attributes

TYPE_CHECKING = False  # as typing's, which is slow to import
if TYPE_CHECKING:
    from .records import LifecycleRecord, LifecycleRecordKey
    from .steps import AsyncLifecycleWalk, LifecycleWalk
    from .walk import WalkOptions

__all__ = [
    "AsyncLifecycleWalk",
    "LifecycleRecord",
    "LifecycleRecordKey",
    "LifecycleWalk",
    "WalkOptions",
]

# Type checkers must not see it: with it, an unknown name would be Any.
if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "AsyncLifecycleWalk": "steps",
            "LifecycleRecord": "records",
            "LifecycleRecordKey": "records",
            "LifecycleWalk": "steps",
            "WalkOptions": "walk",
        },
        (),
    )
