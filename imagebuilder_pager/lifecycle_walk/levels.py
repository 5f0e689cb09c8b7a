"""The levels of the walk: policies, their executions, the resources, and what came from each.

``ListLifecycleExecutionResources`` lists the resources of an execution; with the ARN of an image as
``parentResourceId``, the AMIs or container images that came from it. Nothing is listed below those:
the snapshots of an AMI are members of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from .._operations import find_operation
from ..models.lifecycle import LifecycleExecutionResource
from ..models.lifecycle_executions import LifecycleExecution
from ..models.lifecycle_policies import LifecyclePolicySummary
from ..models.shapes import Shape, of_type
from ..pagination.nest.level import NestLevel
from ..pagination.spec import PaginationSpec
from .records import has_ended

_log = logging.getLogger(__name__)

_GIVEN_POLICIES = PaginationSpec(
    input_token="nextToken", output_token="nextToken", result_key="policies"
)


def make_levels(
    client: object,
    list_policies: Callable[..., Any] | None,
    *,
    since: datetime | None,
    until: datetime | None,
    children: bool,
) -> list[NestLevel]:
    """Return the levels of a walk by the methods of a client.

    ``list_policies`` returns the page of given policies; None: those of the account are listed.
    """

    def is_included(_: tuple[Any, ...], execution: LifecycleExecution) -> bool:
        return isinstance(execution, Shape) and is_in_period(execution, since, until)

    levels = [
        _level(
            client,
            "list_lifecycle_policies",
            params=_nothing,
            item_id=_policy_id,
            yields_records=False,
        )
        if list_policies is None
        else NestLevel(
            name="policies",
            method=list_policies,
            spec=_GIVEN_POLICIES,
            params=_nothing,
            item_id=_policy_id,
            is_included=_is_structure,
            yields_records=False,
        ),
        _level(
            client,
            "list_lifecycle_executions",
            params=_executions_of,
            item_id=_execution_id,
            is_included=is_included,
        ),
        _level(
            client,
            "list_lifecycle_execution_resources",
            params=_resources_of,
            item_id=_resource_id,
        ),
    ]
    if children:
        levels.append(
            _level(
                client,
                "list_lifecycle_execution_resources",
                name="list_lifecycle_execution_resources of an image",
                params=_children_of,
                item_id=_resource_id,
            )
        )
    return levels


def is_in_period(
    execution: LifecycleExecution, since: datetime | None, until: datetime | None
) -> bool:
    """Return whether an execution belongs to the time from ``since`` up to before ``until``.

    An execution that has ended belongs to the time of its end. Any other, or one without a known
    end, is left out only if it started at ``until`` or later.
    """
    end = of_type(execution.end_time, datetime) if has_ended(execution) else None
    if end is not None:
        return (since is None or since <= end) and (until is None or end < until)
    start = of_type(execution.start_time, datetime)
    return until is None or start is None or start < until


def _is_structure(_: tuple[Any, ...], item: object) -> bool:
    """Return whether an item is one: a page that does not match may have any value in its place."""
    return isinstance(item, Shape)


def _level(
    client: object,
    method_name: str,
    *,
    params: Callable[[tuple[Any, ...]], Mapping[str, Any] | None],
    item_id: Callable[[Any], str | None],
    is_included: Callable[[tuple[Any, ...], Any], bool] = _is_structure,
    name: str | None = None,
    yields_records: bool = True,
) -> NestLevel:
    operation = find_operation(method_name)
    return NestLevel(
        name=name or method_name,
        method=getattr(client, method_name),
        spec=operation.require_pagination(),
        params=params,
        item_id=item_id,
        is_included=is_included,
        yields_records=yields_records,
        serialize_params=operation.check_params,
    )


def _nothing(_: tuple[Any, ...]) -> Mapping[str, Any]:
    return {}


def _executions_of(parents: tuple[LifecyclePolicySummary]) -> Mapping[str, Any] | None:
    arn = _id_to_list_by(parents[0].arn, "the executions of a policy")
    return None if arn is None else {"resourceArn": arn}


def _resources_of(
    parents: tuple[LifecyclePolicySummary, LifecycleExecution],
) -> Mapping[str, Any] | None:
    execution_id = _id_to_list_by(
        parents[1].lifecycle_execution_id, "the resources of an execution"
    )
    return None if execution_id is None else {"lifecycleExecutionId": execution_id}


def _children_of(
    parents: tuple[LifecyclePolicySummary, LifecycleExecution, LifecycleExecutionResource],
) -> Mapping[str, Any] | None:
    resource_id = _id_to_list_by(parents[2].resource_id, "what came from a resource")
    if resource_id is None or not _is_image(resource_id):
        return None
    return {
        "lifecycleExecutionId": parents[1].lifecycle_execution_id,
        "parentResourceId": resource_id,
    }


def _id_to_list_by(value: object, what: str) -> str | None:
    """Return the id to list by, None where there is none; one of another type is logged."""
    if value is not None and not isinstance(value, str):
        _log.warning("walk_lifecycle does not list %s: its id is a %s", what, type(value).__name__)
    return of_type(value, str)


def _is_image(resource_id: str) -> bool:
    """Return whether it is the ARN of an image, the only parent that the service has."""
    service, _, resource = resource_id.partition(":imagebuilder:")
    return service.startswith("arn:") and ":image/" in resource


def _policy_id(policy: LifecyclePolicySummary) -> str | None:
    return of_type(policy.arn, str) if isinstance(policy, Shape) else None


def _execution_id(execution: LifecycleExecution) -> str | None:
    return of_type(execution.lifecycle_execution_id, str) if isinstance(execution, Shape) else None


def _resource_id(resource: LifecycleExecutionResource) -> str | None:
    resource_id = of_type(resource.resource_id, str) if isinstance(resource, Shape) else None
    if resource_id is None:
        return None
    # An id is one of an account and a region: container images have the same in several.
    place = of_type(resource.account_id, str) or "", of_type(resource.region, str) or ""
    return "/".join((*place, resource_id))
