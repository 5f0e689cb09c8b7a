"""The data of each operation in an account, and the part of them that is a page.

The rule: a position counts the items of all pages, and a page without items counts as one. So each
position is in one page, at one offset, and a page may be cut at any item. ``read_response`` returns
a whole listing by the operation's row in ``SOURCES``, ``find_part`` a page of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .._rows import Operation
    from .account import Account, Execution
    from .wire import WireDict

#: The members of a build that its version does not have.
_BUILD_MEMBERS = (
    "state",
    "outputResources",
    "tags",
    "deprecationTime",
    "lifecycleExecutionId",
    "loggingConfiguration",
)
_PUBLISHERS = ("Amazon", "ThirdParty", "AWSMarketplace")


@dataclass(frozen=True, slots=True)
class Source:
    """The source of an operation's response.

    ``read`` returns its members, with the items of the whole listing. ``filters`` are the names
    that the parameter ``filters`` may have; each is the name of the item's member to compare.
    """

    read: Callable[[Account, Mapping[str, Any]], dict[str, Any]]
    filters: tuple[str, ...] = ()


def read_response(
    operation: Operation, account: Account, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the members of the response to these parameters, with all items that pass the filters.

    Raises ``ServiceError``. Its code for a missing resource is ``ResourceNotFoundException`` if the
    operation has that error, else ``InvalidRequestException``.
    """
    source = SOURCES[operation.name]
    filters = _parse_filters(params.get("filters", ()), source.filters)
    try:
        response = source.read(account, params)
    except ServiceError as error:
        if error.code != "ResourceNotFoundException" or error.code in operation.errors:
            raise
        raise ServiceError("InvalidRequestException", error.message) from None
    key = operation.result_key
    if key is not None:
        for name, values in filters:
            response[key] = [item for item in response[key] if _passes(item, name, values)]
    return response


def _parse_filters(
    filters: Iterable[Mapping[str, Any]], allowed: Sequence[str]
) -> list[tuple[str, list[str]]]:
    parsed = []
    for given in filters:
        name, values = given.get("name"), given.get("values")
        if name is None or values is None:
            raise ServiceError("InvalidRequestException", "A filter has to have a name and values.")
        if name not in allowed:
            raise ServiceError(
                "InvalidRequestException",
                f"The filter '{name}' is not valid here; it has to be one of {', '.join(allowed)}.",
            )
        parsed.append((name, values))
    return parsed


def _passes(item: WireDict, name: str, values: Sequence[str]) -> bool:
    text = str(item.get(name))
    # The version 1.0.4 of an image also matches its build 1.0.4/2.
    return text in values or (name == "version" and text.partition("/")[0] in values)


def find_part(
    pages: Sequence[WireDict], result_key: str, start: int, limit: int | None
) -> tuple[WireDict, int | None] | None:
    """Return the page at the position ``start``, with at most ``limit`` items, and its end.

    ``result_key`` is the member with the items. The end is the position of the next page, None for
    the last page. Returns None if the listing ends before ``start``.
    """
    first = 0
    for number, page in enumerate(pages, start=1):
        given = page.get(result_key)
        items = given if isinstance(given, list | tuple) else ()
        after = first + max(1, len(items))
        if start < after:
            part = _without(page, "nextToken")
            end = after
            if items:
                end = after if limit is None else min(after, start + limit)
                part[result_key] = items[start - first : end - first]
            is_last = end == after and number == len(pages)
            return part, None if is_last else end
        first = after
    return None


# Policies and their executions.


def _list_executions(account: Account, params: Mapping[str, Any]) -> dict[str, Any]:
    arn: str = params["resourceArn"]
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if kind == "lifecycle-policy":
        _find(account.policies, arn, "lifecycle policy")
        executions = [e for e in account.executions if e.lifecycle_policy_arn == arn]
    elif kind == "image" and name.count("/") == 2:  # name, version and build
        # The executions that StartResourceStateUpdate began on an image; they have no policy.
        executions = [
            execution
            for execution in account.executions
            if execution.lifecycle_policy_arn is None
            and any(resource.get("resourceId") == arn for resource in execution.resources)
        ]
    else:
        raise ServiceError(
            "InvalidRequestException",
            f"The resource '{arn}' is neither a lifecycle policy nor an image build version.",
        )
    return {"lifecycleExecutions": [_describe_execution(e) for e in executions]}


def _describe_execution(execution: Execution) -> dict[str, Any]:
    """Return the API's ``LifecycleExecution``."""
    members = {
        "lifecycleExecutionId": execution.lifecycle_execution_id,
        "lifecyclePolicyArn": execution.lifecycle_policy_arn,
        "resourcesImpactedSummary": {"hasImpactedResources": bool(execution.resources)},
        "state": execution.lifecycle_execution_state,
        "startTime": execution.start_time,
        "endTime": execution.end_time,
    }
    return {name: value for name, value in members.items() if value is not None}


def _list_execution_resources(account: Account, params: Mapping[str, Any]) -> dict[str, Any]:
    execution = _find_execution(account, params["lifecycleExecutionId"])
    resources = execution.resources
    if (parent := params.get("parentResourceId")) is not None:
        resources = execution.children_by_parent.get(parent, ())
    return {
        "lifecycleExecutionId": execution.lifecycle_execution_id,
        "lifecycleExecutionState": execution.lifecycle_execution_state,
        "resources": resources,
    }


def _find_execution(account: Account, execution_id: str) -> Execution:
    for execution in account.executions:
        if execution.lifecycle_execution_id == execution_id:
            return execution
    message = f"The lifecycle execution '{execution_id}' does not exist."
    raise ServiceError("ResourceNotFoundException", message)


# Images and pipelines.


def _list_images(account: Account, params: Mapping[str, Any]) -> dict[str, Any]:
    by_name = params.get("byName", False)
    if by_name and any(given.get("name") == "version" for given in params.get("filters", ())):
        raise ServiceError(
            "InvalidRequestException", "byName cannot be combined with the filter 'version'."
        )
    owner: str = params.get("owner", "Self")
    hides_deprecated = owner == "Amazon" and not params.get("includeDeprecated", False)
    newest: dict[str, WireDict] = {}
    for build in account.images:
        if _owner_of(build, account) == owner:
            newest[_version_arn(build)] = build
    versions: dict[str, dict[str, Any]] = {}
    for arn, build in newest.items():
        if hides_deprecated and build.get("state", {}).get("status") == "DEPRECATED":
            continue
        version = _describe_version(arn, build)
        if by_name:
            # One entry for each name: the newest version, under an ARN without a version.
            version = {**_without(version, "version"), "arn": f"{arn.rpartition('/')[0]}/x.x.x"}
        versions[version["arn"]] = version
    return {"imageVersionList": list(versions.values())}


def _describe_version(arn: str, build: WireDict) -> dict[str, Any]:
    """Return the API's ``ImageVersion`` for the newest build of a version."""
    version = _without(build, *_BUILD_MEMBERS) | {"arn": arn}
    if "version" in version:
        version["version"] = str(version["version"]).partition("/")[0]
    return version


def _list_image_builds(account: Account, params: Mapping[str, Any]) -> dict[str, Any]:
    arn = params.get("imageVersionArn")
    if arn is None:
        builds = [build for build in account.images if _owner_of(build, account) == "Self"]
    else:
        builds = [build for build in account.images if _version_arn(build) == arn]
    return {"imageSummaryList": builds}


def _list_pipeline_images(account: Account, params: Mapping[str, Any]) -> dict[str, Any]:
    pipeline = _find(account.pipelines, params["imagePipelineArn"], "image pipeline")
    recipe = str(pipeline.get("imageRecipeArn") or pipeline.get("containerRecipeArn"))
    # An image has the name of its recipe.
    name_arn = re.sub(":(image|container)-recipe/", ":image/", recipe).rpartition("/")[0]
    builds = [b for b in account.images if _version_arn(b).rpartition("/")[0] == name_arn]
    return {"imageSummaryList": builds}


def _owner_of(build: WireDict, account: Account) -> str:
    """Return the ``Ownership`` of an image for the account."""
    owner = str(build.get("owner", account.account_id))
    if owner in _PUBLISHERS:
        return owner
    return "Self" if owner == account.account_id else "Shared"


def _version_arn(build: WireDict) -> str:
    return str(build.get("arn")).rpartition("/")[0]


def _find(resources: Iterable[WireDict], arn: str, kind: str) -> WireDict:
    for resource in resources:
        if resource.get("arn") == arn:
            return resource
    raise ServiceError("ResourceNotFoundException", f"The {kind} '{arn}' does not exist.")


def _without(resource: WireDict, *names: str) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in names}


_IMAGE_FILTERS = ("name", "osVersion", "platform", "type", "version")
_PIPELINE_FILTERS = (
    *("description", "distributionConfigurationArn", "imageRecipeArn"),
    *("infrastructureConfigurationArn", "name", "status"),
)

SOURCES: Mapping[str, Source] = {
    "GetLifecycleExecution": Source(
        lambda account, params: {
            "lifecycleExecution": _describe_execution(
                _find_execution(account, params["lifecycleExecutionId"])
            )
        }
    ),
    "GetLifecyclePolicy": Source(
        lambda account, params: {
            "lifecyclePolicy": _find(
                account.policies, params["lifecyclePolicyArn"], "lifecycle policy"
            )
        }
    ),
    "ListImageBuildVersions": Source(_list_image_builds, _IMAGE_FILTERS),
    "ListImagePipelineImages": Source(_list_pipeline_images, ("name", "version")),
    "ListImagePipelines": Source(
        lambda account, _params: {"imagePipelineList": account.pipelines}, _PIPELINE_FILTERS
    ),
    "ListImages": Source(_list_images, _IMAGE_FILTERS),
    "ListLifecycleExecutionResources": Source(_list_execution_resources),
    "ListLifecycleExecutions": Source(_list_executions),
    "ListLifecyclePolicies": Source(
        lambda account, _params: {
            "lifecyclePolicySummaryList": [
                _without(policy, "policyDetails", "resourceSelection")
                for policy in account.policies
            ]
        },
        ("name", "resourceType", "status"),
    ),
}
"""The operations that an account has data for, by name."""
