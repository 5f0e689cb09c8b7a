"""What the options ask for: parameters, a ``PaginationConfig``, an output; checked together."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from .failures import UsageError

__all__ = ["Asked", "understand"]

_PARAMETERS = {
    "lifecycleExecutionId": "lifecycle_execution_id",
    "parentResourceId": "parent_resource_id",
    "maxResults": "max_results",
    "nextToken": "next_token",
}
_CONFIG = {"StartingToken": "starting_token", "PageSize": "page_size", "MaxItems": "max_items"}


class Asked(NamedTuple):
    """One listing as it was asked for.

    ``parameters`` have their wire names, and with them ``PaginationConfig`` where there is one;
    ``one_call`` says that there is no pagination. ``query`` is a compiled JMESPath expression.
    """

    parameters: dict[str, Any]
    one_call: bool
    query: Any

    @property
    def starting_token(self) -> str | None:
        """The token to go on from, if one was given."""
        config = self.parameters.get("PaginationConfig")
        token = config.get("StartingToken") if isinstance(config, dict) else None
        return token if isinstance(token, str) else None

    def going_on(self, token: str | None) -> dict[str, Any]:
        """The parameters, to go on from another token."""
        config = self.parameters.get("PaginationConfig") or {}
        return {**self.parameters, "PaginationConfig": {**config, "StartingToken": token}}


def understand(options: argparse.Namespace, output: str) -> Asked:
    """What was asked for. Raises :class:`UsageError` for what does not go together.

    As in the AWS CLI, ``--max-results`` and ``--next-token`` turn pagination off, and what
    ``--cli-input-json`` says holds where no option says otherwise.
    """
    given = {wire: getattr(options, name) for wire, name in _PARAMETERS.items()}
    parameters = {wire: value for wire, value in given.items() if value is not None}
    one_call = bool(options.no_paginate or {"maxResults", "nextToken"} & parameters.keys())
    config = {key: getattr(options, name) for key, name in _CONFIG.items()}
    config = {key: value for key, value in config.items() if value is not None}
    if one_call and config:
        used = ", ".join("--" + _CONFIG[key].replace("_", "-") for key in config)
        raise UsageError(
            "Error during pagination: Cannot specify --no-paginate along with pagination "
            f"arguments: {used}"
        )
    if config:
        parameters["PaginationConfig"] = config
    if options.cli_input_json is not None:
        parameters = {**_read_json(options.cli_input_json), **parameters}
    if options.checkpoint is not None:
        _check_checkpoint(options, output, one_call)
    if options.query is not None and output in {"summary", "tree"}:
        raise UsageError(f"--query: not with --output {output}, which shows whole resources")
    return Asked(parameters, one_call, _compiled(options.query))


def _check_checkpoint(options: argparse.Namespace, output: str, one_call: bool) -> None:
    others = {
        "--query": options.query is not None,
        "--starting-token": options.starting_token is not None,
        "--no-paginate, --max-results and --next-token": one_call,
    }
    if output != "jsonl":
        raise UsageError(f"--checkpoint: only with --output jsonl, not with {output}")
    for other, is_given in others.items():
        if is_given:
            raise UsageError(f"--checkpoint: not together with {other}")


def _compiled(query: str | None) -> Any:
    if query is None:
        return None
    import jmespath

    try:
        return jmespath.compile(query)
    except jmespath.exceptions.JMESPathError as error:
        raise UsageError(f"Bad value for --query {query}: {error}") from None


def _read_json(given: str) -> dict[str, Any]:
    text = given
    for prefix in ("file://", "fileb://"):
        if given.startswith(prefix):
            # Path.expanduser raises where there is no home directory, as in many a container.
            path = os.path.expandvars(os.path.expanduser(given[len(prefix) :]))  # noqa: PTH111 - as the AWS CLI does
            try:
                text = Path(path).read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                raise UsageError(
                    f"Error parsing parameter '--cli-input-json': Unable to load paramfile "
                    f"{given}: {error}"
                ) from None
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"Error parsing parameter 'cli-input-json': Invalid JSON: {error}\n"
            f"JSON received: {text[:200]}"
        ) from None
    if not isinstance(parsed, dict):
        raise UsageError("Error parsing parameter 'cli-input-json': Not a JSON object")
    return parsed
