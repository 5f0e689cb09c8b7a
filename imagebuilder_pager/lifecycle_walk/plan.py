"""The listings of a walk with their parameters and keys, and its token.

The four listings are policies, their executions, the resources of each, and the AMIs or container
images made from each image: ``ListLifecycleExecutionResources`` with the ARN of the image as
``parentResourceId``. The service lists nothing below those.

A token is base64 of JSON::

    {"walk": "<fingerprint>", "keys": ["arn:...", "lce-...", "..."], "token": "..."}

``keys`` has the key of the last item of each listing, the outermost first. The innermost is None if
its listing begins anew, and "" for an item without an id. ``token`` is of the innermost listing's
paginator, and begins at that item. It is None at the start.

A starting token is untrusted. A value of another form is a :class:`StartingTokenError`, and a key
is sent only after the service has listed it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ..exceptions import ParamValidationError, Problem, StartingTokenError
from ..models.shapes import Shape, of_type
from ..pagination import decode_token, encode_token
from .records import LifecycleRecord, has_ended, is_image, is_in_period
from .walk import WalkArguments

_log = logging.getLogger("imagebuilder_pager.calls")


class WalkToken(NamedTuple):
    """A position in a walk; see above."""

    keys: tuple[str | None, ...] = (None,)
    token: str | None = None


class _Level(NamedTuple):
    """A listing: its method, its parameters, which are ids of the items above, and an item's id."""

    method_name: str
    params: tuple[str, ...]
    id_member: str


_RESOURCES = "list_lifecycle_execution_resources"
LEVELS = (
    _Level("list_lifecycle_policies", (), "arn"),
    _Level("list_lifecycle_executions", ("resourceArn",), "lifecycle_execution_id"),
    _Level(_RESOURCES, ("lifecycleExecutionId",), "resource_id"),
    _Level(_RESOURCES, ("lifecycleExecutionId", "parentResourceId"), "resource_id"),
)


class WalkPlan:
    """The listings of one walk, by the paginators of a client, and where it begins.

    - ``client``: an :class:`ImageBuilder` or :class:`AsyncImageBuilder`.
    - ``arguments``: those of the walk.

    Raises :class:`StartingTokenError` for a token that is not one of this walk.
    """

    def __init__(self, client: Any, arguments: WalkArguments) -> None:
        self.arguments = arguments
        levels = LEVELS if arguments.children else LEVELS[:-1]
        self._paginators = [client.get_paginator(level.method_name) for level in levels]
        self._fingerprint = arguments.fingerprint(client.region_name)
        self.start: WalkToken = WalkToken()
        if arguments.starting_token is not None:
            self.start = self._unpack(arguments.starting_token)
            # The paginator checks its token at once; the keys are in place of the ids.
            outer = [str(key) for key in self.start.keys[:-1]]
            try:
                self.paginate(outer, self.start.token)
            except ParamValidationError as error:
                raise _invalid_token(str(error.problems[0])) from None

    def paginate(self, ids: Sequence[str], token: str | None) -> Any:
        """Return the pages of the listing within the items of these ids."""
        names = LEVELS[len(ids)].params
        params = dict(zip(names, ids[len(ids) - len(names) :], strict=True))
        config = {**self.arguments.config, "StartingToken": token}
        return self._paginators[len(ids)].paginate(**params, PaginationConfig=config)

    def pack(self, position: WalkToken) -> str:
        """Return the token of a position as a string."""
        return encode_token({"walk": self._fingerprint, **position._asdict()})

    def _unpack(self, given: object) -> WalkToken:
        """Return the token in a string."""
        try:
            document = decode_token(given) if isinstance(given, str) else {}
        except StartingTokenError:
            document = {}
        if document.keys() != {"walk", *WalkToken._fields}:
            raise _invalid_token("it is not the token of a walk")
        if document["walk"] != self._fingerprint:
            raise _invalid_token("it belongs to another walk, or to other arguments")
        keys, token = document["keys"], document["token"]
        if not isinstance(keys, list) or not 0 < len(keys) <= len(self._paginators):
            raise _invalid_token("its keys are not those of a walk")
        *outer, last = keys
        are_keys = all(isinstance(key, str) and key for key in outer)
        if not are_keys or not isinstance(last, str | None) or not isinstance(token, str | None):
            raise _invalid_token("its keys or its token are of another type")
        return WalkToken(tuple(keys), token)

    def includes(self, depth: int, item: Any) -> bool:
        """Return whether an item is part of the walk; an invalid page may have any value as one."""
        is_structure = isinstance(item, Shape)
        if depth != 1 or not is_structure:
            return is_structure
        end = of_type(item.end_time, datetime) if has_ended(item) else None
        start = of_type(item.start_time, datetime)
        return is_in_period(start, end, self.arguments.since, self.arguments.until)

    def id_within(self, depth: int, item: Any) -> str | None:
        """Return the id that the listing within an item needs, None if it has no listing."""
        if depth + 1 == len(self._paginators):
            return None
        value = getattr(item, LEVELS[depth].id_member)
        if isinstance(value, str) and value:
            return value if depth != 2 or is_image(value) else None
        if value:
            name, kind = LEVELS[depth].method_name, type(value).__name__
            _log.warning(
                "walk_lifecycle lists nothing within an item of %s: its id is a %s", name, kind
            )
        return None


def _invalid_token(reason: str) -> StartingTokenError:
    allowed = "the resume_token of an earlier walk with the same arguments"
    return StartingTokenError(Problem("StartingToken", reason, allowed))


def key_of(depth: int, item: Any) -> str:
    """Return the identity of an item in its listing, "" for an item without an id."""
    item_id = of_type(getattr(item, LEVELS[depth].id_member, None), str)
    if depth < 2 or not item_id:
        return item_id or ""
    # Container images have the same id in several accounts and regions.
    place = of_type(item.account_id, str) or "", of_type(item.region, str) or ""
    return "/".join((*place, item_id))


def record_of(parents: tuple[Any, ...], item: Any) -> LifecycleRecord | None:
    """Return the record of an item, with those above it; a policy has none."""
    if not parents:
        return None
    if len(parents) == 1:
        return LifecycleRecord(parents[0], item)
    policy, execution, *images = parents
    return LifecycleRecord(policy, execution, images[0] if images else None, item)
