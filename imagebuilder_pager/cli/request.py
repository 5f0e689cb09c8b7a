"""The request of a command: from its options to parameters, and which exclude each other.

Values are read as the AWS CLI reads them: as text, as JSON, in its shorthand, or from a file by
``file://``. Whether the service takes them is for the service to say.
"""

from __future__ import annotations

import argparse
import os
from typing import Any, NamedTuple

from .._params import Param
from .._validation import importing
from .exit_codes import UsageError
from .options import COMMANDS, option_name

_CONFIG = {"StartingToken": "starting_token", "PageSize": "page_size", "MaxItems": "max_items"}
_MAX_FILE_CHARACTERS = 1024 * 1024  # a request has some hundred
_MAX_SHOWN = 200  # characters of a value, in an error


class ListRequest(NamedTuple):
    """The request that the options make.

    ``parameters`` are under their wire names, with ``PaginationConfig`` where there is one.
    ``no_paginate`` says that there is one page: pagination is off, or the operation has none.
    ``query`` is a compiled JMESPath expression, or None.
    """

    parameters: dict[str, Any]
    no_paginate: bool
    query: Any

    def apply_query(self, value: Any) -> Any:
        """Return the result of the query on a value; without a query, the value."""
        return value if self.query is None else self.query.search(value)


def build_request(options: argparse.Namespace, output: str) -> ListRequest:
    """Return the request of the options.

    As in the AWS CLI, ``--max-results`` and ``--next-token`` turn pagination off, and options
    override ``--cli-input-json``. Raises :class:`UsageError` for options that exclude each other,
    and for values that cannot be read.
    """
    operation = COMMANDS[options.command]
    parameters = {
        name: _read_value(option_name(name), param, value)
        for name, param in operation.params.items()
        if (value := getattr(options, name)) is not None
    }
    no_paginate = not operation.is_paginated or bool(
        options.no_paginate or parameters.keys() - set(operation.listing_params)
    )
    config = {key: getattr(options, name) for key, name in _CONFIG.items()}
    config = {key: value for key, value in config.items() if value is not None}
    if token := config.get("StartingToken"):
        config["StartingToken"] = _read_file("--starting-token", token)
    if no_paginate and config:
        used = ", ".join("--" + _CONFIG[key].replace("_", "-") for key in config)
        raise UsageError(
            "Error during pagination: Cannot specify --no-paginate along with pagination "
            f"arguments: {used}"
        )
    if config:
        parameters["PaginationConfig"] = config
    if options.cli_input_json is not None:
        parameters = {**_read_input(options.cli_input_json), **parameters}
    if options.checkpoint is not None and output != "jsonl":
        raise UsageError(f"--checkpoint: only with --output jsonl, not with {output}")
    if options.checkpoint is not None and options.starting_token is not None:
        raise UsageError("--checkpoint: not together with --starting-token")
    if options.checkpoint is not None and no_paginate:
        excluded = "--no-paginate, --max-results and --next-token"
        raise UsageError(f"--checkpoint: not together with {excluded}")
    if options.query is not None and output in {"summary", "tree"}:
        raise UsageError(f"--query: not with --output {output}, which shows whole resources")
    query = _compile_query(options.query)
    return ListRequest(parameters, no_paginate, query)


def _compile_query(query: str | None) -> Any:
    if query is None:
        return None
    with importing("jmespath", purpose="--query", otherwise="leave it out"):
        import jmespath

    try:
        return jmespath.compile(query)
    except jmespath.exceptions.JMESPathError as error:
        raise UsageError(f"Bad value for --query {query}: {error}") from None


def _read_input(argument: str) -> dict[str, Any]:
    """Return the parameters of ``--cli-input-json``."""
    parameters = _read_json("cli-input-json", _read_file("--cli-input-json", argument))
    if not isinstance(parameters, dict):
        raise UsageError("Error parsing parameter 'cli-input-json': Not a JSON object")
    return parameters


def _read_value(option: str, param: Param, value: Any) -> Any:
    """Return the value of an option, by the kind of its parameter."""
    if param.members:
        return _read_structure(option, param, _read_file(option, value))
    if param.type == "boolean":
        return value
    if param.item is None:
        text = _read_file(option, value)
        return _read_integer(option, text) if param.type == "integer" else text
    values = [_read_file(option, value[0])] if len(value) == 1 else value
    if len(values) == 1 and values[0].lstrip().startswith("["):
        return _read_json(option, values[0])
    return [_read_structure(option, param.item, text) for text in values]


def _read_integer(option: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(
            f"{option}: {text[:_MAX_SHOWN]!r} given; allowed: a whole number"
        ) from None


def _read_structure(option: str, param: Param, text: str) -> Any:
    if text.lstrip().startswith(("{", "[")):
        return _read_json(option, text)
    from .shorthand import parse_shorthand

    return parse_shorthand(option, param.members, text)


def _read_file(option: str, argument: str) -> str:
    """Return the text of the file that ``file://`` names, or the argument itself."""
    for prefix in ("file://", "fileb://"):
        if argument.startswith(prefix):
            # Path.expanduser raises where there is no home directory, as in many a container.
            path = os.path.expandvars(os.path.expanduser(argument[len(prefix) :]))  # noqa: PTH111 - as the AWS CLI does
            try:
                with open(path, encoding="utf-8") as file:  # noqa: PTH123 - without pathlib
                    text = file.read(_MAX_FILE_CHARACTERS + 1)
                if len(text) > _MAX_FILE_CHARACTERS:
                    raise ValueError("more than 1,048,576 characters")
                return text
            except (OSError, ValueError) as error:
                raise UsageError(
                    f"Error parsing parameter '{option}': Unable to load paramfile "
                    f"{argument}: {error}"
                ) from None
    return argument


def _read_json(option: str, text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"Error parsing parameter '{option}': Invalid JSON: {error}\n"
            f"JSON received: {text[:_MAX_SHOWN]}"
        ) from None
