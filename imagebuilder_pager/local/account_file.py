"""An account from a JSON file.

The rule: pydantic reads the file by the classes of the account. Then the models check its
structures. Both take long to import, and are imported only for a file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .._validation import describe_invalid_value
from .account import Account

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


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
    places: dict[str, int] = {}
    for index, execution in enumerate(account.executions):
        if places.setdefault(execution.lifecycle_execution_id, index) != index:
            given = f"{execution.lifecycle_execution_id} is there twice"
            raise ValueError(f"executions[{index}].lifecycleExecutionId: {given}")
    if account.strict:
        raise_problems(_account_problems(account), STRICT_HINT)
    return account


def _problem_of_file(error: ErrorDetails) -> str:
    parts = (f"[{one}]" if isinstance(one, int) else f".{one}" for one in error["loc"])
    path = "".join(parts).removeprefix(".") or "the document"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])  # of the pages, which have their paths
    if error["type"] in {"missing", "unexpected_keyword_argument"}:
        return f"{path}: {'missing' if error['type'] == 'missing' else 'unknown member'}"
    if error["type"] == "json_invalid":  # accepted by json alone, such as half a surrogate pair
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
