"""The data of the local service: an account's lifecycle policies, executions, images, pipelines.

Resources are dictionaries with the API's member names; timestamps are datetimes, or epoch seconds
as on the wire. Pages and the structures of a file are checked, unless the account is not strict:
then a test can give the service any resource, invalid ones included.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .routes import require_operation
from .wire import WireDict, copy_as_wire

_NOT_OF_THE_SERVICE = ("ResponseMetadata", "NextToken")  # what clients add to a response


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
            "lifecycleExecutionState": self.lifecycle_execution_state,
            "startTime": self.start_time,
            "endTime": self.end_time,
            "resources": self.resources,
            "associated": self.children_by_parent,
        }
        document: dict[str, Any] = copy_as_wire(members)
        return {name: value for name, value in document.items() if value is not None}


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
      paginated has one page. A page may come from a client: ``ResponseMetadata`` is left out.
      Default: none.
    - ``account_id``: the account's id. Default: 123456789012.
    - ``strict``: whether a page may only have the members and types of its response model. An
      account that a file describes is checked as a whole. Default: True.

    A timestamp is a datetime, in UTC where it has no zone, or epoch seconds.

    Raises ``ValueError`` for pages of an unknown operation, where there are none or too many, for
    values that JSON does not have and, if ``strict``, for what does not match; the message has the
    path of each.
    """

    executions: tuple[Execution, ...] = ()
    policies: tuple[WireDict, ...] = ()
    images: tuple[WireDict, ...] = ()
    pipelines: tuple[WireDict, ...] = ()
    pages: Mapping[str, Sequence[WireDict]] = field(default_factory=dict)
    account_id: str = "123456789012"
    strict: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.pages, Mapping):
            raise ValueError(f"pages: a {type(self.pages).__name__} given; allowed: a dictionary")
        given: Mapping[str, Sequence[WireDict]] = {
            name: pages if isinstance(pages, (str, Mapping)) else _as_tuple(name, pages)
            for name, pages in self.pages.items()
        }
        for name, pages in given.items():
            try:
                operation = require_operation(name)
            except ValueError as error:
                raise ValueError(f"pages: {error}") from None
            if isinstance(pages, (str, Mapping)) or not all(isinstance(p, Mapping) for p in pages):
                raise ValueError(f"pages[{name!r}] is not a list of pages, each a dictionary")
            if not pages or (not operation.is_paginated and len(pages) > 1):
                allowed = "1 or more" if operation.is_paginated else "1"
                raise ValueError(f"pages[{name!r}] has {len(pages)} pages, not {allowed}")
        if self.strict and given:
            given = {name: [_without_own(p) for p in pages] for name, pages in given.items()}
            from .wire_check import check_pages

            check_pages(given)
            for name, pages in given.items():
                key = require_operation(name).result_key
                for index, page in enumerate(pages):
                    if key is not None and page.get(key) is None:
                        raise ValueError(
                            f"{name}[{index}] has no {key}; an empty page is {{{key!r}: []}}"
                        )
        copied = {
            name: tuple(_copy_page(page, f"{name}[{index}]") for index, page in enumerate(pages))
            for name, pages in given.items()
        }
        object.__setattr__(self, "pages", copied)

    def to_dict(self) -> dict[str, Any]:
        """Return the account in the form that ``load_account`` reads from JSON."""
        members = {
            "accountId": self.account_id,
            "policies": self.policies,
            "executions": [execution.to_dict() for execution in self.executions],
            "images": self.images,
            "pipelines": self.pipelines,
            "pages": self.pages,
        }
        document: dict[str, Any] = copy_as_wire(members)
        return document if self.strict else {**document, "strict": False}


def _without_own(page: WireDict) -> dict[str, Any]:
    """Return the members of a page without those that a client has added."""
    return {name: value for name, value in page.items() if name not in _NOT_OF_THE_SERVICE}


def _copy_page(page: WireDict, path: str) -> dict[str, Any]:
    try:
        copied: dict[str, Any] = copy_as_wire(page)
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from None
    return copied


def load_account(path: str | os.PathLike[str]) -> Account:
    """Read an account from a JSON file.

    The file is an object with ``executions`` and, optionally, ``policies``, ``images``,
    ``pipelines``, ``pages``, ``accountId`` and ``strict``; see ``Account``. An execution has
    ``lifecycleExecutionId`` and ``lifecycleExecutionState``. Optional are ``resources``,
    ``associated`` (the children by parent), ``lifecyclePolicyArn``, ``startTime`` and ``endTime``;
    see ``Execution``. Every structure may only have the members and types of the API, unless
    ``strict`` is false. docs/local-service.md has an example.

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
    names = {"accountId", "policies", "executions", "images", "pipelines", "pages", "strict"}
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
    strict = members.get("strict", True)
    if not isinstance(strict, bool):
        raise ValueError("strict is neither true nor false")
    lists = {
        name: _as_objects(members.get(name, []), name)
        for name in ("policies", "images", "pipelines")
    }
    pages = {
        name: _as_objects(given, f"pages[{name!r}]")
        for name, given in _as_object(members.get("pages", {}), "pages").items()
    }
    account = Account(
        tuple(executions.values()), **lists, pages=pages, account_id=account_id, strict=strict
    )
    if strict:
        from .wire_check import check_structures

        check_structures(_structures(account))
    return account


def _structures(account: Account) -> Iterator[tuple[str, str, WireDict]]:
    """Yield all structures but the pages: the path in the file, the model's name, the members."""
    for name, model, structures in (
        ("policies", "LifecyclePolicy", account.policies),
        ("images", "ImageSummary", account.images),
        ("pipelines", "ImagePipeline", account.pipelines),
    ):
        for index, structure in enumerate(structures):
            yield f"{name}[{index}]", model, structure
    for number, execution in enumerate(account.executions):
        path = f"executions[{number}]"
        state = execution.lifecycle_execution_state
        yield f"{path}.lifecycleExecutionState", "LifecycleExecutionState", state
        lists = {f"associated[{p!r}]": r for p, r in execution.children_by_parent.items()}
        for name, resources in {"resources": execution.resources, **lists}.items():
            for index, resource in enumerate(resources):
                yield f"{path}.{name}[{index}]", "LifecycleExecutionResource", resource


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


def _as_tuple(name: str, pages: object) -> tuple[WireDict, ...]:
    try:
        return tuple(pages)  # type: ignore[arg-type]  # what is no iterable is refused
    except TypeError:
        raise ValueError(f"pages[{name!r}] is not a list of pages, each a dictionary") from None
