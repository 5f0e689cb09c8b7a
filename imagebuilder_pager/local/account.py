"""What the local service has to list: an account's lifecycle policies and executions.

Resources stay what they are on the wire, dictionaries with the API's member names and timestamps
in epoch seconds, so that a test can give the service any resource at all, odd ones included.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Account", "Execution", "load_account"]


WireDict = Mapping[str, Any]
"""A structure as the service writes it in JSON."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a lifecycle policy.

    `lifecycle_execution_state` is `{"status": ..., "reason": ...}`, `resources` are the image
    resources it acts on, and `associated` maps the `resourceId` of such an image to the AMIs or
    container images that came from it. The policy's ARN and the times (epoch seconds) are what
    the service lists about the execution itself.
    """

    lifecycle_execution_id: str
    lifecycle_execution_state: WireDict
    resources: tuple[WireDict, ...] = ()
    children_by_parent: Mapping[str, tuple[WireDict, ...]] = field(default_factory=dict)
    lifecycle_policy_arn: str | None = None
    start_time: float | None = None
    end_time: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The execution as it stands in an account file."""
        members = {
            "lifecycleExecutionId": self.lifecycle_execution_id,
            "lifecyclePolicyArn": self.lifecycle_policy_arn,
            "lifecycleExecutionState": dict(self.lifecycle_execution_state),
            "startTime": self.start_time,
            "endTime": self.end_time,
            "resources": [dict(resource) for resource in self.resources],
            "associated": {
                parent: [dict(resource) for resource in resources]
                for parent, resources in self.children_by_parent.items()
            },
        }
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Account:
    """An account's lifecycle policies (the API's `LifecyclePolicy`) and their executions."""

    executions: tuple[Execution, ...] = ()
    policies: tuple[WireDict, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The account as it stands in a file: what `load_account` reads, once it is JSON."""
        return {
            "policies": [dict(policy) for policy in self.policies],
            "executions": [execution.to_dict() for execution in self.executions],
        }


def load_account(path: str | os.PathLike[str]) -> Account:
    """Read an account from a JSON file.

    The file is an object with `executions` and, if it likes, `policies`. An execution has
    `lifecycleExecutionId` and `lifecycleExecutionState`, and may have `resources`, `associated`,
    `lifecyclePolicyArn`, `startTime` and `endTime`; see `Execution`. Resources are not looked
    into: they are served as they are.

    Raises `ValueError`, naming the file and the place in it, if that is not what it holds, and
    `OSError` if it cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        return _account(json.loads(content))
    except RecursionError:
        raise ValueError(f"{os.fspath(path)}: the JSON is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError(f"{os.fspath(path)}: not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{os.fspath(path)}: not valid JSON: {error}") from None
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def _account(document: object) -> Account:
    members = _object(document, "the document", {"policies", "executions"})
    if "executions" not in members:
        raise ValueError("executions is missing")
    executions: dict[str, Execution] = {}
    for index, item in enumerate(_list(members["executions"], "executions")):
        execution = _execution(item, f"executions[{index}]")
        if execution.lifecycle_execution_id in executions:
            raise ValueError(
                f"executions[{index}].lifecycleExecutionId: "
                f"{execution.lifecycle_execution_id} is there twice"
            )
        executions[execution.lifecycle_execution_id] = execution
    policies = _objects(members.get("policies", []), "policies")
    return Account(tuple(executions.values()), policies)


def _execution(item: object, where: str) -> Execution:
    required = ("lifecycleExecutionId", "lifecycleExecutionState")
    optional = ("resources", "associated", "lifecyclePolicyArn", "startTime", "endTime")
    members = _object(item, where, {*required, *optional})
    for name in required:
        if name not in members:
            raise ValueError(f"{where}.{name} is missing")
    for name in ("lifecycleExecutionId", "lifecyclePolicyArn"):
        if name in members and not isinstance(members[name], str):
            raise ValueError(f"{where}.{name} is not a string")
    for name in ("startTime", "endTime"):
        if name in members and type(members[name]) not in (int, float):
            raise ValueError(f"{where}.{name} is not a number of seconds")
    associated = _object(members.get("associated", {}), f"{where}.associated")
    return Execution(
        lifecycle_execution_id=members["lifecycleExecutionId"],
        lifecycle_execution_state=_object(
            members["lifecycleExecutionState"], f"{where}.lifecycleExecutionState"
        ),
        resources=_objects(members.get("resources", []), f"{where}.resources"),
        children_by_parent={
            parent: _objects(resources, f"{where}.associated[{parent!r}]")
            for parent, resources in associated.items()
        },
        lifecycle_policy_arn=members.get("lifecyclePolicyArn"),
        start_time=members.get("startTime"),
        end_time=members.get("endTime"),
    )


def _object(item: object, where: str, names: set[str] | None = None) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ValueError(f"{where} is not an object")
    if names is not None and (unknown := sorted(item.keys() - names)):
        raise ValueError(f"{where} has unknown members: {', '.join(unknown)}")
    return item


def _list(item: object, where: str) -> list[Any]:
    if not isinstance(item, list):
        raise ValueError(f"{where} is not a list")
    return item


def _objects(item: object, where: str) -> tuple[WireDict, ...]:
    return tuple(_object(x, f"{where}[{i}]") for i, x in enumerate(_list(item, where)))
