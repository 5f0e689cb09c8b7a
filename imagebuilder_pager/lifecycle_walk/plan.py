"""The four listings of a walk: what each is asked for, and what identifies an item of it.

They are policies, their executions, the resources of each, and what came from each image:
``ListLifecycleExecutionResources`` lists that with the ARN of the image as ``parentResourceId``.
Nothing is listed below: the snapshots of an AMI are members of it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..exceptions import ParamValidationError
from ..models.lifecycle_policies import LifecyclePolicySummary
from ..models.shapes import Shape, of_type
from ..pagination import encode_token
from .records import LifecycleRecord, is_image, is_in_period
from .token import BEGINNING, WalkToken, invalid_token, parse_token
from .walk import WalkArguments

_log = logging.getLogger(__name__)


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
        self._config = arguments.config
        self._period = arguments.since, arguments.until
        levels = LEVELS if arguments.children else LEVELS[:-1]
        self._paginators = [client.get_paginator(level.method_name) for level in levels]
        #: The given policies, None where those of the account are listed.
        self.policies: list[LifecyclePolicySummary] | None = None
        if arguments.policies is not None:
            self.policies = [LifecyclePolicySummary(arn=arn) for arn in arguments.policies]
        self.fingerprint: str = arguments.fingerprint(client.region_name)
        self.starting_token: str | None = arguments.starting_token
        self.start: WalkToken = BEGINNING
        if self.starting_token is not None:
            self.start = parse_token(self.starting_token, self.fingerprint, len(self._paginators))
            # The paginator checks its token at once; the keys are in place of the ids.
            outer = [str(key) for key in self.start.keys[:-1]]
            try:
                self.paginate(outer, self.start.token)
            except ParamValidationError as error:
                raise invalid_token(str(error.problems[0])) from None

    def paginate(self, ids: Sequence[str], token: str | None) -> Any:
        """Return the pages of the listing within the items of these ids."""
        names = LEVELS[len(ids)].params
        params = dict(zip(names, ids[len(ids) - len(names) :], strict=True))
        config = {**self._config, "StartingToken": token}
        return self._paginators[len(ids)].paginate(**params, PaginationConfig=config)

    def pack(self, position: WalkToken) -> str:
        """Return the token of a position as a string."""
        return encode_token({"walk": self.fingerprint, **position._asdict()})

    def includes(self, depth: int, item: Any) -> bool:
        """Return whether an item counts; a page that does not match may have any value as one."""
        is_structure = isinstance(item, Shape)
        return is_structure and (depth != 1 or is_in_period(item, *self._period))

    def id_within(self, depth: int, item: Any) -> str | None:
        """Return the id by which the listing within an item is asked for, None if there is none."""
        if depth + 1 == len(self._paginators):
            return None
        value = getattr(item, LEVELS[depth].id_member)
        if value is not None and not isinstance(value, str):
            name, kind = LEVELS[depth].method_name, type(value).__name__
            _log.warning(
                "walk_lifecycle lists nothing within an item of %s: its id is a %s", name, kind
            )
        item_id = of_type(value, str)
        return item_id if item_id and (depth != 2 or is_image(item_id)) else None


def key_of(depth: int, item: Any) -> str:
    """Return what identifies an item in its listing, "" where nothing does."""
    item_id = of_type(getattr(item, LEVELS[depth].id_member, None), str)
    if depth < 2 or not item_id:
        return item_id or ""
    # An id is one of an account and a region: container images have the same in several.
    place = of_type(item.account_id, str) or "", of_type(item.region, str) or ""
    return "/".join((*place, item_id))


def record_of(parents: tuple[Any, ...], item: Any) -> LifecycleRecord | None:
    """Return the record of an item, with those above it; a policy has none."""
    if not parents:
        return None
    policy, *inner = parents
    if not inner:
        return LifecycleRecord(policy, item)
    execution, *images = inner
    return LifecycleRecord(policy, execution, images[0] if images else None, item)
