"""Listings within listings, for any operations: of each item of one, the items of the next.

    levels = [
        NestLevel(
            name="buckets",
            method=list_buckets,
            spec=buckets_spec,
            params=lambda parents: {},
            item_id=lambda bucket: bucket["Name"],
            yields_records=False,
        ),
        NestLevel(
            name="objects",
            method=list_objects,
            spec=objects_spec,
            params=lambda parents: {"Bucket": parents[0]["Name"]},
            item_id=lambda item: item["Key"],
        ),
    ]
    walk = Nest(levels, make_record=lambda parents, item: (parents[0]["Name"], item["Key"])).walk()
    for bucket, key in walk:
        ...  # walk.resume_token resumes right behind it

:class:`NestCursor` decides without I/O; :class:`Nest` and :class:`AsyncNest` drive it.
"""

from ..._lazy import lazy_attributes

TYPE_CHECKING = False  # as typing's, which is slow to import
if TYPE_CHECKING:
    from .async_nest import AsyncNest, AsyncNestIterator
    from .cursor import NestCursor
    from .level import NestLevel
    from .nest import Nest, NestIterator

__all__ = ["AsyncNest", "AsyncNestIterator", "Nest", "NestCursor", "NestIterator", "NestLevel"]

# Type checkers must not see it: with it, an unknown name would be Any.
if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "AsyncNest": "async_nest",
            "AsyncNestIterator": "async_nest",
            "Nest": "nest",
            "NestCursor": "cursor",
            "NestIterator": "nest",
            "NestLevel": "level",
        },
        (),
    )
