"""The columns of a table: chosen for a kind of items, or all the members that they have.

A member is named by a path of wire names, such as ``state.status``.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ...models.shapes import Shape
from .console import replace_controls
from .describe import format_duration, in_words, kind_and_name_of, without_nulls

Item = Shape
_IN_ARN = ("arn", "version")
_PROSE = ("description", "message", "reason")
#: The content of a cell; the table decides whether a time needs its date.
Cell = str | datetime


class Column(NamedTuple):
    """A column: its title, and the function that makes a cell of an item.

    One that ``may_move`` goes below the row where the row is too wide. Prose comes last, and is
    wrapped.
    """

    title: str
    cell: Callable[[Any], Cell]
    may_move: bool = True
    is_prose: bool = False


def columns_of(items: Sequence[Item]) -> list[Column]:
    """Return the columns for items; those without a single value are left out."""
    kind = type(items[0]).__name__ if items else ""
    columns = _COLUMNS.get(kind) or _columns_for_members(items)
    return [column for column in columns if any(column.cell(item) for item in items)]


def _members_of(item: Item, path: str = "") -> Iterator[str]:
    """Yield the path of each member that the item has, as deep as structures go.

    Members that the service model does not have are left out, as in all other outputs.
    """
    for name in item.wire_names():
        value = item.get(name)
        if isinstance(value, Shape):
            yield from _members_of(value, f"{path}{name}.")
        elif value is not None:
            yield f"{path}{name}"


def _show_value(value: Any) -> Cell:
    """Return the text of a value: an ARN by its name, the number of structures."""
    if value is None or isinstance(value, datetime):
        return value or ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(
            f"{replace_controls(key)}={_show_value(one)}" for key, one in value.items()
        )
    if isinstance(value, list):
        present = without_nulls(value)
        if any(isinstance(one, (Mapping, list)) for one in present):
            return str(len(present))
        return ", ".join(map(str, map(_show_value, present)))
    return _show_text(value) if isinstance(value, str) else str(value)


def _show_text(value: str) -> Cell:
    """Return a text; the older operations have times as texts."""
    if re.match(r"\d{4}-\d\d-\d\dT", value):
        with contextlib.suppress(ValueError):
            time = datetime.fromisoformat(value)
            if time.tzinfo is not None:
                return time
    return kind_and_name_of(replace_controls(str(value)))[1]


def _value_at(item: Any, path: str) -> Any:
    for name in path.split("."):
        item = None if item is None else item.get(name)
    return item


def _member(title: str, path: str, **details: bool) -> Column:
    return Column(title, lambda item: _show_value(_value_at(item, path)), **details)


def _fixed(title: str, path: str) -> Column:
    return _member(title, path, may_move=False)


def _prose(title: str, path: str) -> Column:
    return _member(title, path, is_prose=True)


def _kind(item: Item) -> str:
    return kind_and_name_of(replace_controls(item.get("resourceId")))[0]


def _duration(item: Item) -> str:
    return format_duration(*(_show_value(item.get(name)) for name in ("startTime", "endTime")))


def _build_output(item: Item) -> str:
    """Return the AMIs of a build, each with its region, and the container images."""
    output = item.get("outputResources") or {}
    amis = [
        f"{_show_value(ami.get('image'))} {_show_value(ami.get('region'))}".strip()
        for ami in without_nulls(output.get("amis", ()))
    ]
    uris = [
        str(_show_value(uri))
        for container in without_nulls(output.get("containers", ()))
        for uri in without_nulls(container.get("imageUris", ()))
    ]
    return ", ".join([*amis, *uris])


def _recipe(item: Item) -> Cell:
    return _show_value(item.get("imageRecipeArn") or item.get("containerRecipeArn"))


def _packages(item: Item) -> str:
    """Return the vulnerable packages with their versions."""
    details = item.get("packageVulnerabilityDetails") or {}
    return ", ".join(
        f"{_show_value(package.get('name'))} {_show_value(package.get('version'))}".strip()
        for package in without_nulls(details.get("vulnerablePackages", ()))
    )


def _steps(item: Item) -> str:
    """Return the number of steps, and how many of them have ended in which way."""
    total = item.get("totalStepCount")
    endings = [
        f"{count} {ending.lower()}"
        for ending in ("Succeeded", "Failed", "Skipped")
        if (count := item.get(f"totalSteps{ending}"))
    ]
    return ": ".join(filter(None, ["" if total is None else str(total), ", ".join(endings)]))


_COLUMNS: Mapping[str, Sequence[Column]] = {
    "LifecycleExecutionResource": (
        _fixed("ID", "resourceId"),
        Column("TYPE", _kind),
        _fixed("REGION", "region"),
        _fixed("ACCOUNT", "accountId"),
        _fixed("ACTION", "action.name"),
        _fixed("STATUS", "state.status"),
        _member("STARTED", "startTime"),
        Column("TOOK", _duration),
        _prose("REASON", "state.reason"),
    ),
    "LifecyclePolicySummary": (
        _fixed("NAME", "name"),
        _fixed("STATUS", "status"),
        _member("RESOURCES", "resourceType"),
        _member("LAST RUN", "dateLastRun"),
        _member("UPDATED", "dateUpdated"),
        _member("CREATED", "dateCreated"),
        _prose("DESCRIPTION", "description"),
    ),
    "LifecycleExecution": (
        _fixed("ID", "lifecycleExecutionId"),
        _fixed("STATUS", "state.status"),
        _member("STARTED", "startTime"),
        Column("TOOK", _duration),
        _member("IMPACT", "resourcesImpactedSummary.hasImpactedResources"),
        _member("POLICY", "lifecyclePolicyArn"),
        _prose("REASON", "state.reason"),
    ),
    "ImageVersion": (
        _fixed("NAME", "name"),
        _fixed("VERSION", "version"),
        _member("TYPE", "type"),
        _member("PLATFORM", "platform"),
        _member("OS", "osVersion"),
        _member("CREATED", "dateCreated"),
        _member("OWNER", "owner"),
        _member("BUILD", "buildType"),
        _member("SOURCE", "imageSource"),
    ),
    "ImageSummary": (
        _fixed("IMAGE", "arn"),
        _fixed("STATUS", "state.status"),
        _member("TYPE", "type"),
        _member("PLATFORM", "platform"),
        _member("OS", "osVersion"),
        _member("CREATED", "dateCreated"),
        _member("BUILD", "buildType"),
        Column("OUTPUT", _build_output),
        _prose("REASON", "state.reason"),
    ),
    "ImagePipeline": (
        _fixed("NAME", "name"),
        _fixed("STATUS", "status"),
        _member("PLATFORM", "platform"),
        _member("LAST RUN", "dateLastRun"),
        _member("RESULT", "lastRunStatus"),
        _member("FAILURES", "consecutiveFailures"),
        _member("NEXT RUN", "dateNextRun"),
        _member("SCHEDULE", "schedule.scheduleExpression"),
        Column("RECIPE", _recipe),
        _prose("DESCRIPTION", "description"),
    ),
    "ImageScanFinding": (
        _fixed("VULNERABILITY", "packageVulnerabilityDetails.vulnerabilityId"),
        _fixed("SEVERITY", "severity"),
        _member("SCORE", "inspectorScore"),
        _member("IMAGE", "imageBuildVersionArn"),
        _member("FIX", "fixAvailable"),
        _member("FIRST OBSERVED", "firstObservedAt"),
        Column("PACKAGES", _packages),
        _member("REMEDIATION", "remediation.recommendation.text"),
        _prose("DESCRIPTION", "description"),
    ),
    "WorkflowExecutionMetadata": (
        _fixed("ID", "workflowExecutionId"),
        _fixed("STATUS", "status"),
        _member("WORKFLOW", "workflowBuildVersionArn"),
        _member("STARTED", "startTime"),
        Column("TOOK", _duration),
        Column("STEPS", _steps),
        _prose("MESSAGE", "message"),
    ),
    "WorkflowStepMetadata": (
        _fixed("NAME", "name"),
        _fixed("STATUS", "status"),
        _member("ACTION", "action"),
        _member("STARTED", "startTime"),
        Column("TOOK", _duration),
        _member("ROLLBACK", "rollbackStatus"),
        _member("ID", "stepExecutionId"),
        _prose("MESSAGE", "message"),
    ),
}


def _columns_for_members(items: Sequence[Item]) -> list[Column]:
    """Return a column for each member of the items, the first of them fixed, the prose last."""
    paths = dict.fromkeys(path for item in items for path in _members_of(item))
    if "arn" in paths:
        # It has the version in it, and the number of the build.
        paths = {"arn": None} | {path: None for path in paths if path not in _IN_ARN}
    names = Counter(path.rpartition(".")[2] for path in paths)
    columns: list[Column] = []
    for path in sorted(paths, key=lambda path: path.rpartition(".")[2] in _PROSE):
        name = path.rpartition(".")[2]
        title = in_words(name if names[name] == 1 else path).upper()
        # An ARN is shown by its name.
        title = title.removesuffix(" ARN")
        columns.append(_member(title, path, may_move=bool(columns)))
    if columns and columns[-1].title.lower() in _PROSE:
        columns[-1] = columns[-1]._replace(is_prose=True)
    return columns
