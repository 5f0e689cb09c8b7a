"""The options of the command line: the AWS CLI's, and some of its own.

This module imports nothing but argparse: ``--help``, ``--version`` and wrong arguments are answered
before anything heavy is loaded.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from .._version import __version__
from .exit_codes import UsageError

__all__ = [
    "OUTPUTS",
    "RICH_OUTPUTS",
    "STREAMING_OUTPUTS",
    "WHOLE_PAGE_OUTPUTS",
    "ListRequest",
    "build_request",
    "make_parser",
    "parse",
]


#: The outputs that are made for reading, which need rich.
RICH_OUTPUTS = ("table", "summary", "tree")
#: The outputs that are written while the pages come in.
STREAMING_OUTPUTS = ("jsonl", "text", "yaml-stream")
#: The outputs that have each member of a page, the service's own token included.
WHOLE_PAGE_OUTPUTS = ("json", "text", "yaml-stream")
OUTPUTS = ("json", "text", "table", "yaml-stream", "jsonl", "summary", "tree")
TIMESTAMP_FORMATS = ("wire", "iso8601", "none")

_PROGRAM = "imagebuilder-pager"
_LIST = "list-lifecycle-execution-resources"


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises its errors, so that one place decides on the exit code."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.format_usage()}\n{_PROGRAM}: error: {message}")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options; those that were not given are None, or False for a switch.

    Raises :class:`UsageError`, and ``SystemExit`` after ``--help`` and ``--version``.
    """
    parser = make_parser()
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        # The AWS CLI's words.
        raise UsageError(f"{parser.format_usage()}\nUnknown options: {', '.join(unknown)}")
    if options.command is None:
        parser.error("the following arguments are required: COMMAND")
    if options.command != _LIST:
        parser.error(f"{options.command} must be the first argument, and demo takes no others")
    if options.lifecycle_execution_id is None and options.cli_input_json is None:
        parser.error("the following arguments are required: --lifecycle-execution-id")
    return options


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; tools for shell completion ask for it."""
    parser = _Parser(
        prog=_PROGRAM,
        usage=f"{_PROGRAM} COMMAND [options]",
        description="List what EC2 Image Builder's lifecycle policies have done, with the options "
        "and the output of\n`aws imagebuilder`.",
        epilog=f"`{_PROGRAM} COMMAND --help` has the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_global_options(parser, parser.add_argument_group("Pagination"))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    list_parser = commands.add_parser(
        _LIST,
        usage=f"{_PROGRAM} {_LIST} --lifecycle-execution-id ID [options]",
        help="list the resources that a run of a lifecycle policy has picked",
        description="List the resources that a run of a lifecycle policy has picked.",
        allow_abbrev=False,
    )
    pagination = _add_list_options(list_parser)
    _add_global_options(list_parser, pagination, default=argparse.SUPPRESS)
    commands.add_parser(
        "lifecycle-report",
        help="report what lifecycle policies have done, in one account or in many",
        add_help=False,
    )
    commands.add_parser("local", help="start Image Builder on this machine", add_help=False)
    commands.add_parser("demo", help="page through a local Image Builder")
    return parser


def _add_list_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    request = parser.add_argument_group("Request")
    request.add_argument("--lifecycle-execution-id", metavar="ID", help="lce-..., required")
    request.add_argument(
        "--parent-resource-id", metavar="ARN", help="only what belongs to this image resource"
    )
    request.add_argument(
        "--cli-input-json",
        metavar="JSON",
        help="the parameters as JSON, or file://PATH of a JSON file; other options override them",
    )
    pagination = parser.add_argument_group("Pagination")
    pagination.add_argument("--max-items", type=int, metavar="N", help="stop after N items")
    pagination.add_argument("--page-size", type=int, metavar="N", help="items in each page")
    pagination.add_argument(
        "--starting-token", metavar="TOKEN", help="resume at the NextToken of an earlier run"
    )
    pagination.add_argument(
        "--max-results", type=int, metavar="N", help="items in the page; turns pagination off"
    )
    pagination.add_argument(
        "--next-token", metavar="TOKEN", help="the service's own token; turns pagination off"
    )
    pagination.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="with --output jsonl: save the progress in this file, and resume from it where it "
        "exists",
    )
    return pagination


def _add_global_options(
    parser: argparse.ArgumentParser,
    pagination: argparse._ArgumentGroup,
    default: str | None = None,
) -> None:
    """Add the options that may stand before and after the command, as in the AWS CLI.

    ``default`` is SUPPRESS after the command, so that what stood before it is kept.
    """
    pagination.add_argument(
        "--no-paginate",
        action="store_true",
        default=default or False,
        help="send one request, for one page",
    )
    output = parser.add_argument_group("Output")
    output.add_argument(
        "--output", choices=OUTPUTS, default=default, help="default: json, or as configured"
    )
    output.add_argument(
        "--query", metavar="JMESPATH", default=default, help="a JMESPath query to filter the result"
    )
    output.add_argument(
        "--cli-timestamp-format",
        choices=TIMESTAMP_FORMATS,
        default=default,
        help="timestamps as the service sent them (wire, none), or in ISO 8601",
    )
    output.add_argument(
        "--color",
        choices=("on", "off", "auto"),
        default=default or "auto",
        help="colours in table, summary and tree",
    )
    connection = parser.add_argument_group("Connection")
    connection.add_argument("--region", default=default, help="default: as configured")
    connection.add_argument(
        "--profile", default=default, help="a profile of the AWS configuration files"
    )
    connection.add_argument(
        "--endpoint-url", metavar="URL", default=default, help="default: the region's"
    )
    connection.add_argument(
        "--no-verify-ssl",
        action="store_true",
        default=default or False,
        help="do not verify TLS certificates",
    )
    connection.add_argument(
        "--ca-bundle",
        metavar="FILE",
        default=default,
        help="CA certificates to verify with, in PEM",
    )
    for name in ("connect", "read"):
        connection.add_argument(
            f"--cli-{name}-timeout",
            type=int,
            metavar="SECONDS",
            default=default,
            help="default: 60; 0 for no timeout",
        )
    parser.add_argument(
        "--debug", action="store_true", default=default or False, help="log to standard error"
    )
    parser.add_argument("--version", action="version", version=_version())


def _version() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{_PROGRAM}/{__version__} Python/{python} {sys.platform}"


_PARAMETERS = {
    "lifecycleExecutionId": "lifecycle_execution_id",
    "parentResourceId": "parent_resource_id",
    "maxResults": "max_results",
    "nextToken": "next_token",
}
_CONFIG = {"StartingToken": "starting_token", "PageSize": "page_size", "MaxItems": "max_items"}


class ListRequest(NamedTuple):
    """The request that the options make.

    ``parameters`` are under their wire names, with ``PaginationConfig`` where there is one.
    ``no_paginate`` turns pagination off. ``query`` is a compiled JMESPath expression, or None.
    """

    parameters: dict[str, Any]
    no_paginate: bool
    query: Any

    def with_starting_token(self, token: str | None) -> ListRequest:
        """Return the same request, resumed at another token."""
        config = self.parameters.get("PaginationConfig") or {}
        config = {**config, "StartingToken": token}
        return self._replace(parameters={**self.parameters, "PaginationConfig": config})

    def apply_query(self, value: Any) -> Any:
        """Return what the query makes of a value; without a query, the value."""
        return value if self.query is None else self.query.search(value)


def build_request(options: argparse.Namespace, output: str) -> ListRequest:
    """Return the request of the options.

    As in the AWS CLI, ``--max-results`` and ``--next-token`` turn pagination off, and options
    override ``--cli-input-json``. Raises :class:`UsageError` for options that exclude each other.
    """
    named = {wire: getattr(options, name) for wire, name in _PARAMETERS.items()}
    parameters = {wire: value for wire, value in named.items() if value is not None}
    no_paginate = bool(options.no_paginate or {"maxResults", "nextToken"} & parameters.keys())
    config = {key: getattr(options, name) for key, name in _CONFIG.items()}
    config = {key: value for key, value in config.items() if value is not None}
    if no_paginate and config:
        used = ", ".join("--" + _CONFIG[key].replace("_", "-") for key in config)
        raise UsageError(
            "Error during pagination: Cannot specify --no-paginate along with pagination "
            f"arguments: {used}"
        )
    if config:
        parameters["PaginationConfig"] = config
    if options.cli_input_json is not None:
        parameters = {**_by_wire_name(_read_json(options.cli_input_json)), **parameters}
    if options.checkpoint is not None:
        _validate_checkpoint(options, output, no_paginate)
    if options.query is not None and output in {"summary", "tree"}:
        raise UsageError(f"--query: not with --output {output}, which shows whole resources")
    return ListRequest(parameters, no_paginate, _compile_query(options.query))


def _validate_checkpoint(options: argparse.Namespace, output: str, no_paginate: bool) -> None:
    excluded = {
        "--starting-token": options.starting_token is not None,
        "--no-paginate, --max-results and --next-token": no_paginate,
    }
    if output != "jsonl":
        raise UsageError(f"--checkpoint: only with --output jsonl, not with {output}")
    for name, is_given in excluded.items():
        if is_given:
            raise UsageError(f"--checkpoint: not together with {name}")


def _compile_query(query: str | None) -> Any:
    if query is None:
        return None
    import jmespath

    try:
        return jmespath.compile(query)
    except jmespath.exceptions.JMESPathError as error:
        raise UsageError(f"Bad value for --query {query}: {error}") from None


def _by_wire_name(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters under their wire names, except for one given under both."""
    wire_names = {name: wire for wire, name in _PARAMETERS.items() if wire not in parameters}
    return {wire_names.get(name, name): value for name, value in parameters.items()}


def _read_json(argument: str) -> dict[str, Any]:
    text = argument
    for prefix in ("file://", "fileb://"):
        if argument.startswith(prefix):
            # Path.expanduser raises where there is no home directory, as in many a container.
            path = os.path.expandvars(os.path.expanduser(argument[len(prefix) :]))  # noqa: PTH111 - as the AWS CLI does
            try:
                with open(path, encoding="utf-8") as file:  # noqa: PTH123 - without pathlib
                    text = file.read()
            except (OSError, ValueError) as error:
                raise UsageError(
                    f"Error parsing parameter '--cli-input-json': Unable to load paramfile "
                    f"{argument}: {error}"
                ) from None
    import json

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
