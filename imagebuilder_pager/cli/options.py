"""The options of a command: one for each parameter of its operation, as in the AWS CLI."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from typing import Any

from .._operations import OPERATIONS
from .._rows import Operation

#: The operation of every command, by the command's name.
COMMANDS: Mapping[str, Operation] = {
    name.replace("_", "-"): operation for name, operation in OPERATIONS.items()
}

_SHORTHAND = "name=NAME,values=VALUE,VALUE or JSON"
#: What a value is called in the help, by the end of its parameter's name.
_METAVARS = {"Arn": "ARN", "ResourceId": "ARN", "Id": "ID", "Results": "N", "Token": "TOKEN"}


def option_name(param_name: str) -> str:
    """Return the option of a parameter: ``--by-name`` for ``byName``."""
    return "--" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", param_name).lower()


def metavar(param_name: str) -> str:
    """Return the placeholder of a value of the parameter in the help."""
    ends = (metavar for end, metavar in _METAVARS.items() if param_name.endswith(end))
    return next(ends, param_name.removesuffix("s").upper())


def add_request_options(parser: argparse.ArgumentParser, operation: Operation) -> None:
    """Add the options of the request and of its pagination; a parameter has its wire name."""
    request = parser.add_argument_group("Request")
    for name in operation.listing_params:
        _add_option(request, operation, name)
    request.add_argument(
        "--cli-input-json",
        metavar="JSON",
        help="the parameters as JSON, or file://PATH of a JSON file; other options override them",
    )
    if not operation.is_paginated:
        return
    pagination = parser.add_argument_group("Pagination")
    pagination.add_argument("--max-items", type=int, metavar="N", help="stop after N items")
    if operation.limit_key is not None:
        pagination.add_argument("--page-size", type=int, metavar="N", help="items in each page")
    pagination.add_argument(
        "--starting-token", metavar="TOKEN", help="resume at the NextToken of an earlier run"
    )
    for name in operation.params:
        if name not in operation.listing_params:
            _add_option(pagination, operation, name)
    pagination.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="with --output jsonl: save the progress in this file, and resume from it where it "
        "exists",
    )


def _add_option(group: Any, operation: Operation, name: str) -> None:
    param = operation.params[name]
    option, text = option_name(name), param.text.replace("`", "").removesuffix(".")
    text = text[0].lower() + text[1:] if text[1:2].islower() else text
    if param.enum:
        text += f": {', '.join(param.enum)}"
    if param.required:
        text += "; required"
    if name not in operation.listing_params:
        text += "; turns pagination off"
    structure = param.item or param
    if structure.members:
        text += f": {'one or more, each ' if param.item else ''}{_SHORTHAND}"
    if param.type == "boolean":
        # Of both, the last one counts.
        negative = option.replace("--", "--no-", 1)
        group.add_argument(option, dest=name, action="store_true", default=None, help=text)
        group.add_argument(negative, dest=name, action="store_false", default=None)
        return
    # For argparse, a percent sign begins a placeholder.
    text = text.replace("%", "%%")
    nargs = "*" if param.type == "list" else None
    added = group.add_argument(option, dest=name, metavar=metavar(name), nargs=nargs, help=text)
    # For argcomplete: choices would refuse the values that the service has added since.
    added.completer = lambda **_: param.enum
