"""The data of the local service: an account's lifecycle policies, executions, images, pipelines.

Resources are dictionaries with the API's member names. Timestamps are datetimes, or epoch seconds
as on the wire. The rule: pages and the structures of a file have only the members and types of the
API. An account with ``strict=False`` may have any others. pydantic and the models, which check
this, take long to import and are imported only for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .._validation import describe_invalid_value
from .wire import WireDict, copy_as_wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails


def _wire_name(name: str) -> str:
    """Return the name of an attribute in a file."""
    first, *words = name.split("_")
    return "associated" if name == "children_by_parent" else first + "".join(map(str.title, words))


#: For pydantic, which reads a file.
_CONFIG: dict[str, Any] = {
    "alias_generator": _wire_name,
    "allow_inf_nan": False,
    "extra": "forbid",
}


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

    __pydantic_config__: ClassVar[dict[str, Any]] = _CONFIG

    lifecycle_execution_id: str
    lifecycle_execution_state: WireDict
    resources: tuple[WireDict, ...] = ()
    children_by_parent: Mapping[str, tuple[WireDict, ...]] = field(default_factory=dict)
    lifecycle_policy_arn: str | None = None
    start_time: float | None = None
    end_time: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the execution in the form of an account file."""
        return _to_dict(self)


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

    __pydantic_config__: ClassVar[dict[str, Any]] = _CONFIG

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
        document = _to_dict(self)
        if self.strict:
            del document["strict"]
        return document


def _to_dict(part: Account | Execution) -> dict[str, Any]:
    values = {_wire_name(one.name): getattr(part, one.name) for one in fields(part)}
    if isinstance(part, Account):
        values["executions"] = [execution.to_dict() for execution in part.executions]
    document: dict[str, Any] = copy_as_wire(values)
    return {name: value for name, value in document.items() if value is not None}


def load_account(path: str | os.PathLike[str]) -> Account:
    """Read an account from a JSON file.

    The file is an object with ``executions`` and, optionally, ``policies``, ``images``,
    ``pipelines``, ``pages``, ``accountId`` and ``strict``. docs/local-service.md has their members
    and an example. Every structure may only have the members and types of the API, unless
    ``strict`` is false.

    Raises ``OSError`` if the file cannot be read, and ``ValueError`` for any other content. The
    message names the file and the member.
    """
    try:
        return _read(Path(path).read_text("utf-8-sig"))
    except RecursionError:
        problem = "the JSON is nested too deeply"
    except UnicodeDecodeError:
        problem = "not UTF-8 text"
    except json.JSONDecodeError as error:
        problem = f"not valid JSON: {error}"
    except ValueError as error:
        problem = str(error)
    raise ValueError(f"{os.fspath(path)}: {problem}")


def _read(text: str) -> Account:
    from pydantic import TypeAdapter, ValidationError

    from .wire_check import STRICT_HINT, raise_problems

    document = json.loads(text)
    if isinstance(document, dict) and "executions" not in document:
        raise ValueError("executions: missing")
    try:
        account = TypeAdapter(Account).validate_json(text, strict=True)
    except ValidationError as error:
        raise_problems(map(_problem_of_file, error.errors(include_url=False)))
        raise
    ids: set[str] = set()
    for index, execution in enumerate(account.executions):
        if execution.lifecycle_execution_id in ids:
            given = f"{execution.lifecycle_execution_id} is there twice"
            raise ValueError(f"executions[{index}].lifecycleExecutionId: {given}")
        ids.add(execution.lifecycle_execution_id)
    if account.strict:
        raise_problems(_account_problems(account), STRICT_HINT)
    return account


def _problem_of_file(error: ErrorDetails) -> str:
    parts = (f"[{one}]" if isinstance(one, int) else f".{one}" for one in error["loc"])
    path = "".join(parts).removeprefix(".") or "the document"
    match error["type"]:
        case "value_error":
            return str(error["ctx"]["error"])  # of the pages, which have their paths
        case "missing":
            return f"{path}: missing"
        case "unexpected_keyword_argument":
            return f"{path}: unknown member"
        case "json_invalid":  # accepted by json alone, such as half a surrogate pair
            return f"not valid JSON: {error['ctx']['error']}"
    allowed = error["msg"].removeprefix("Input should be ").replace("a valid array", "a list")
    return str(describe_invalid_value(path, error["input"], allowed))


def _account_problems(account: Account) -> Iterator[str]:
    """Yield the problems of all structures but the pages."""
    from .. import models
    from .wire_check import check_value

    resources = list[models.LifecycleExecutionResource]
    yield from check_value(list[models.LifecyclePolicy], account.policies, "policies")
    yield from check_value(list[models.ImageSummary], account.images, "images")
    yield from check_value(list[models.ImagePipeline], account.pipelines, "pipelines")
    for number, execution in enumerate(account.executions):
        path, state = f"executions[{number}]", execution.lifecycle_execution_state
        yield from check_value(
            models.LifecycleExecutionState, state, f"{path}.lifecycleExecutionState"
        )
        yield from check_value(resources, execution.resources, f"{path}.resources")
        children = execution.children_by_parent
        yield from check_value(dict[str, resources], children, f"{path}.associated")
