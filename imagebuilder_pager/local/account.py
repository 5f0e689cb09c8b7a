"""The data of the local service: an account's lifecycle policies, executions, images, pipelines.

Resources are kept as they are on the wire: dictionaries with the API's member names, and timestamps
in epoch seconds. So a test can give the service any resource, invalid ones included.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._operations import OPERATIONS

WireDict = Mapping[str, Any]
"""A structure of the API as it is in JSON."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a lifecycle policy.

    - ``lifecycle_execution_id``: its id.
    - ``lifecycle_execution_state``: its state, ``{"status": ..., "reason": ...}``.
    - ``resources``: the images that it acts on. Default: none.
    - ``children_by_parent``: the AMIs or container images made from an image, by the image's
      ``resourceId``. Default: none.
    - ``lifecycle_policy_arn``: the ARN of its policy. Default: None.
    - ``start_time``: its start, in epoch seconds. Default: None.
    - ``end_time``: its end, in epoch seconds. Default: None.
    """

    lifecycle_execution_id: str
    lifecycle_execution_state: WireDict
    resources: tuple[WireDict, ...] = ()
    children_by_parent: Mapping[str, tuple[WireDict, ...]] = field(default_factory=dict)
    lifecycle_policy_arn: str | None = None
    start_time: float | None = None
    end_time: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the execution in the form of an account file."""
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
    """The resources of one AWS account in one region.

    - ``executions``: the runs of its policies, each an :class:`Execution`. Default: none.
    - ``policies``: the API's ``LifecyclePolicy`` structures. Default: none.
    - ``images``: the API's ``ImageSummary`` structures, each a build of a version, and each
      version's oldest build first. An image of an owner other than ``account_id`` is Amazon's or
      shared by another account. Default: none.
    - ``pipelines``: the API's ``ImagePipeline`` structures. Default: none.
    - ``pages``: the responses to operations, by name: ``{"ListWorkflows": [page, page]}``. They
      replace what the account has. A page is served as it is, or in parts where ``maxResults`` is
      smaller, whatever the filters; the service makes its ``nextToken``. An operation that is not
      paginated has one page. Default: none.
    - ``account_id``: the account's id. Default: 123456789012.

    Raises ``ValueError`` for pages of an unknown operation, and where there are none or too many.
    """

    executions: tuple[Execution, ...] = ()
    policies: tuple[WireDict, ...] = ()
    images: tuple[WireDict, ...] = ()
    pipelines: tuple[WireDict, ...] = ()
    pages: Mapping[str, Sequence[WireDict]] = field(default_factory=dict)
    account_id: str = "123456789012"

    def __post_init__(self) -> None:
        paginated = {operation.name: operation.pagination for operation in OPERATIONS.values()}
        for name, pages in self.pages.items():
            if name not in paginated:
                raise ValueError(
                    f"pages: there is no operation {name!r}; there are {', '.join(paginated)}"
                )
            if isinstance(pages, (str, Mapping)) or not all(isinstance(p, Mapping) for p in pages):
                raise ValueError(f"pages[{name!r}] is not a list of pages, each a dictionary")
            if not pages or (paginated[name] is None and len(pages) > 1):
                allowed = "1" if paginated[name] is None else "1 or more"
                raise ValueError(f"pages[{name!r}] has {len(pages)} pages, not {allowed}")
        object.__setattr__(self, "pages", {name: tuple(p) for name, p in self.pages.items()})

    def to_dict(self) -> dict[str, Any]:
        """Return the account in the form that ``load_account`` reads from JSON."""
        return {
            "accountId": self.account_id,
            "policies": [dict(policy) for policy in self.policies],
            "executions": [execution.to_dict() for execution in self.executions],
            "images": [dict(image) for image in self.images],
            "pipelines": [dict(pipeline) for pipeline in self.pipelines],
            "pages": {name: [dict(page) for page in pages] for name, pages in self.pages.items()},
        }


def load_account(path: str | os.PathLike[str]) -> Account:
    """Read an account from a JSON file.

    The file is an object with ``executions`` and, optionally, ``policies``, ``images``,
    ``pipelines``, ``pages`` and ``accountId``; see ``Account``. An execution has
    ``lifecycleExecutionId`` and ``lifecycleExecutionState``. Optional are ``resources``,
    ``associated`` (the children by parent), ``lifecyclePolicyArn``, ``startTime`` and ``endTime``;
    see ``Execution``. Resources are not validated: they are served as they are.

    Raises ``OSError`` if the file cannot be read, and ``ValueError`` for any other content. The
    message names the file and the member.
    """
    content = Path(path).read_bytes()
    try:
        return _parse_account(json.loads(content))
    except RecursionError:
        raise ValueError(f"{os.fspath(path)}: the JSON is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError(f"{os.fspath(path)}: not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{os.fspath(path)}: not valid JSON: {error}") from None
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def _parse_account(document: object) -> Account:
    names = {"accountId", "policies", "executions", "images", "pipelines", "pages"}
    members = _as_object(document, "the document", names)
    if "executions" not in members:
        raise ValueError("executions is missing")
    executions: dict[str, Execution] = {}
    for index, item in enumerate(_as_list(members["executions"], "executions")):
        execution = _parse_execution(item, f"executions[{index}]")
        if execution.lifecycle_execution_id in executions:
            raise ValueError(
                f"executions[{index}].lifecycleExecutionId: "
                f"{execution.lifecycle_execution_id} is there twice"
            )
        executions[execution.lifecycle_execution_id] = execution
    account_id = members.get("accountId", Account().account_id)
    if not isinstance(account_id, str):
        raise ValueError("accountId is not a string")
    lists = {
        name: _as_objects(members.get(name, []), name)
        for name in ("policies", "images", "pipelines")
    }
    pages = {
        name: _as_objects(given, f"pages[{name!r}]")
        for name, given in _as_object(members.get("pages", {}), "pages").items()
    }
    return Account(tuple(executions.values()), **lists, pages=pages, account_id=account_id)


def _parse_execution(item: object, path: str) -> Execution:
    required = ("lifecycleExecutionId", "lifecycleExecutionState")
    optional = ("resources", "associated", "lifecyclePolicyArn", "startTime", "endTime")
    members = _as_object(item, path, {*required, *optional})
    for name in required:
        if name not in members:
            raise ValueError(f"{path}.{name} is missing")
    for name in ("lifecycleExecutionId", "lifecyclePolicyArn"):
        if name in members and not isinstance(members[name], str):
            raise ValueError(f"{path}.{name} is not a string")
    for name in ("startTime", "endTime"):
        if name in members and type(members[name]) not in (int, float):
            raise ValueError(f"{path}.{name} is not a number of seconds")
    associated = _as_object(members.get("associated", {}), f"{path}.associated")
    return Execution(
        lifecycle_execution_id=members["lifecycleExecutionId"],
        lifecycle_execution_state=_as_object(
            members["lifecycleExecutionState"], f"{path}.lifecycleExecutionState"
        ),
        resources=_as_objects(members.get("resources", []), f"{path}.resources"),
        children_by_parent={
            parent: _as_objects(resources, f"{path}.associated[{parent!r}]")
            for parent, resources in associated.items()
        },
        lifecycle_policy_arn=members.get("lifecyclePolicyArn"),
        start_time=members.get("startTime"),
        end_time=members.get("endTime"),
    )


def _as_object(item: object, path: str, names: set[str] | None = None) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ValueError(f"{path} is not an object")
    if names is not None and (unknown := sorted(item.keys() - names)):
        raise ValueError(f"{path} has unknown members: {', '.join(unknown)}")
    return item


def _as_list(item: object, path: str) -> list[Any]:
    if not isinstance(item, list):
        raise ValueError(f"{path} is not a list")
    return item


def _as_objects(item: object, path: str) -> tuple[WireDict, ...]:
    return tuple(_as_object(x, f"{path}[{i}]") for i, x in enumerate(_as_list(item, path)))
