"""The data of the local service: an account's lifecycle policies, executions, images, pipelines.

Resources are dictionaries with the API's member names. Timestamps are datetimes, or epoch seconds
as on the wire. The rule: pages and the structures of a file have only the members and types of the
API. An account with ``strict=False`` may have any others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .wire import WireDict, copy_as_wire


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
        return _to_dict(self, _EXECUTION)


@dataclass(frozen=True, slots=True)
class Account:
    """The resources of one AWS account in one region.

    - ``executions``: the runs of its policies, each an :class:`Execution`. Default: none.
    - ``policies``: the API's ``LifecyclePolicy`` structures. Default: none.
    - ``images``: the API's ``ImageSummary`` structures. Each is a build; the oldest build of a
      version comes first. An image with an owner other than ``account_id`` is Amazon's or is shared
      by another account. Default: none.
    - ``pipelines``: the API's ``ImagePipeline`` structures. Default: none.
    - ``pages``: the responses to operations, by name: ``{"ListWorkflows": [page, page]}``. They
      replace the account's data. Filters are ignored. A page with more items than ``maxResults`` is
      served in parts. The service adds the ``nextToken`` and removes ``ResponseMetadata``, so a
      page may come from a client. An operation without pagination has one page. Default: none.
    - ``account_id``: the account's id. Default: 123456789012.
    - ``strict``: whether pages are checked by their response models. In a file, it holds for all
      structures. Default: True.

    A timestamp is epoch seconds or a datetime; without a zone, it is in UTC.

    Raises ``ValueError`` for pages of an unknown operation, for no pages or too many, for values
    that JSON does not have and, if ``strict``, for values that do not match. The message has the
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
        if self.pages != {}:
            from .wire_check import read_pages

            object.__setattr__(self, "pages", read_pages(self.pages, strict=self.strict))

    def to_dict(self) -> dict[str, Any]:
        """Return the account in the form that ``load_account`` reads from JSON."""
        document = _to_dict(self, _ACCOUNT)
        if self.strict:
            del document["strict"]
        return document


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
        account = Account(**_parse(json.loads(content), "", _ACCOUNT, ("executions",)))
        if account.strict:
            from .wire_check import check_structures

            check_structures(_structures(account))
    except RecursionError:
        raise ValueError(f"{os.fspath(path)}: the JSON is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError(f"{os.fspath(path)}: not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{os.fspath(path)}: not valid JSON: {error}") from None
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None
    return account


def _structures(account: Account) -> Iterator[tuple[str, str, WireDict]]:
    """Yield all structures but the pages: the path in the file, the model's name, the members."""
    lists: dict[str, tuple[str, Iterable[WireDict]]] = {
        "policies": ("LifecyclePolicy", account.policies),
        "images": ("ImageSummary", account.images),
        "pipelines": ("ImagePipeline", account.pipelines),
    }
    for number, execution in enumerate(account.executions):
        path = f"executions[{number}]"
        state = execution.lifecycle_execution_state
        yield f"{path}.lifecycleExecutionState", "LifecycleExecutionState", state
        lists[f"{path}.resources"] = ("LifecycleExecutionResource", execution.resources)
        for parent, children in execution.children_by_parent.items():
            place = f"{path}.associated[{parent!r}]"
            lists[place] = ("LifecycleExecutionResource", children)
    for path, (model, structures) in lists.items():
        for index, structure in enumerate(structures):
            yield f"{path}[{index}]", model, structure


def _typed(problem: str, *types: type) -> Callable[[object, str], Any]:
    """Return a function that returns a value of one of the types, and else raises an error."""

    def read(item: object, path: str) -> Any:
        if type(item) not in types:
            raise ValueError(f"{path} is {problem}")
        return item

    return read


_as_string = _typed("not a string", str)
_as_seconds = _typed("not a number of seconds", int, float)
_as_object = _typed("not an object", dict)
_as_list = _typed("not a list", list)


def _as_objects(item: object, path: str) -> tuple[WireDict, ...]:
    return tuple(_as_object(x, f"{path}[{i}]") for i, x in enumerate(_as_list(item, path)))


def _as_lists(item: object, path: str) -> dict[str, tuple[WireDict, ...]]:
    return {key: _as_objects(x, f"{path}[{key!r}]") for key, x in _as_object(item, path).items()}


def _as_executions(item: object, path: str) -> tuple[Execution, ...]:
    executions: dict[str, Execution] = {}
    required = ("lifecycleExecutionId", "lifecycleExecutionState")
    for index, given in enumerate(_as_list(item, path)):
        place = f"{path}[{index}]"
        execution = Execution(**_parse(given, place, _EXECUTION, required))
        identifier = execution.lifecycle_execution_id
        if executions.setdefault(identifier, execution) is not execution:
            raise ValueError(f"{place}.lifecycleExecutionId: {identifier} is there twice")
    return tuple(executions.values())


_Members = Mapping[str, tuple[str, Callable[[object, str], Any]]]
#: The members of a file, each with its name in Python and the function that reads it.
_EXECUTION: _Members = {
    "lifecycleExecutionId": ("lifecycle_execution_id", _as_string),
    "lifecyclePolicyArn": ("lifecycle_policy_arn", _as_string),
    "lifecycleExecutionState": ("lifecycle_execution_state", _as_object),
    "startTime": ("start_time", _as_seconds),
    "endTime": ("end_time", _as_seconds),
    "resources": ("resources", _as_objects),
    "associated": ("children_by_parent", _as_lists),
}
_ACCOUNT: _Members = {
    "accountId": ("account_id", _as_string),
    "policies": ("policies", _as_objects),
    "executions": ("executions", _as_executions),
    "images": ("images", _as_objects),
    "pipelines": ("pipelines", _as_objects),
    "pages": ("pages", _as_lists),
    "strict": ("strict", _typed("neither true nor false", bool)),
}


def _parse(item: object, path: str, members: _Members, required: Collection[str]) -> dict[str, Any]:
    """Return the members as arguments of their class. The path of the document is ""."""
    given = _as_object(item, path or "the document")
    if unknown := sorted(given.keys() - members.keys()):
        raise ValueError(f"{path or 'the document'} has unknown members: {', '.join(unknown)}")
    prefix = f"{path}." if path else ""
    for name in required:
        if name not in given:
            raise ValueError(f"{prefix}{name} is missing")
    return {members[name][0]: members[name][1](given[name], prefix + name) for name in given}


def _to_dict(part: Account | Execution, members: _Members) -> dict[str, Any]:
    found = {name: getattr(part, attribute) for name, (attribute, _) in members.items()}
    if isinstance(part, Account):
        found["executions"] = [execution.to_dict() for execution in part.executions]
    document: dict[str, Any] = copy_as_wire(found)
    return {name: value for name, value in document.items() if value is not None}
