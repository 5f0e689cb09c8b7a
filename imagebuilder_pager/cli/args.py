"""The options, as the AWS CLI has them, and those that it has not.

Nothing but argparse is imported here: ``--help``, ``--version`` and wrong arguments are answered
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
    "ListRequest",
    "build_request",
    "make_parser",
    "parse",
]


#: The outputs that are made for reading, which need rich.
RICH_OUTPUTS = ("table", "summary", "tree")
#: The outputs that are written while the pages come in.
STREAMING_OUTPUTS = ("jsonl", "text", "yaml-stream")
OUTPUTS = ("json", "text", "table", "yaml-stream", "jsonl", "summary", "tree")
TIMESTAMP_FORMATS = ("wire", "iso8601", "none")

_PROGRAM = "imagebuilder-pager"
_LIST = "list-lifecycle-execution-resources"


class _Parser(argparse.ArgumentParser):
    """Says what is wrong by an exception, so that one place decides on the exit code."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.format_usage()}\n{_PROGRAM}: error: {message}")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options as a namespace; those that were not given are None, or False for a switch.

    Raises :class:`UsageError`, and ``SystemExit`` after ``--help`` and ``--version``.
    """
    parser = make_parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        # The AWS CLI's words.
        raise UsageError(f"{parser.format_usage()}\nUnknown options: {', '.join(unknown)}")
    if options.command is None:
        parser.error("the following arguments are required: COMMAND")
    if options.command != _LIST:
        parser.error(f"{options.command} is to be the first argument, and demo the only one")
    if options.lifecycle_execution_id is None and options.cli_input_json is None:
        parser.error("the following arguments are required: --lifecycle-execution-id")
    return options


def make_parser() -> argparse.ArgumentParser:
    """The parser by itself: what makes shell completions wants it."""
    parser = _Parser(
        prog=_PROGRAM,
        usage=f"{_PROGRAM} COMMAND [options]",
        description="Lists what EC2 Image Builder's lifecycle policies have done, with the options "
        "and the output of\n`aws imagebuilder`.",
        epilog=f"`{_PROGRAM} COMMAND --help` has the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_globals(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    summary = "the resources that a run of a lifecycle policy has picked"
    listing = commands.add_parser(
        _LIST,
        usage=f"{_PROGRAM} {_LIST} --lifecycle-execution-id ID [options]",
        help=summary,
        description=f"Lists {summary}.",
        allow_abbrev=False,
    )
    _add_listing(listing)
    _add_globals(listing, default=argparse.SUPPRESS)
    commands.add_parser("local", help="start Image Builder on this machine", add_help=False)
    commands.add_parser("demo", help="page through a local Image Builder")
    return parser


def _add_listing(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what to list")
    what.add_argument("--lifecycle-execution-id", metavar="ID", help="lce-..., required")
    what.add_argument(
        "--parent-resource-id", metavar="ARN", help="only what belongs to this image resource"
    )
    what.add_argument(
        "--cli-input-json",
        metavar="JSON",
        help="the parameters as JSON, or file://PATH of it; other options override them",
    )
    pages = parser.add_argument_group("how much, and from where")
    pages.add_argument("--max-items", type=int, metavar="N", help="stop after so many")
    pages.add_argument("--page-size", type=int, metavar="N", help="ask for so many at a time")
    pages.add_argument("--starting-token", metavar="TOKEN", help="go on where NextToken says")
    pages.add_argument(
        "--max-results", type=int, metavar="N", help="the size of a page, for one call alone"
    )
    pages.add_argument(
        "--next-token", metavar="TOKEN", help="the service's own token, for one call alone"
    )
    pages.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="with --output jsonl: keep in this file how far the listing has come, and go on from "
        "there when the file exists",
    )


def _add_globals(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """The options that may stand before and after the command, like the AWS CLI's.

    ``default`` is SUPPRESS after the command, so that what stood before it is kept.
    """
    shown = parser.add_argument_group("what to show")
    shown.add_argument("--output", choices=OUTPUTS, default=default, help="json, if not set up")
    shown.add_argument("--query", metavar="JMESPATH", default=default, help="pick from the result")
    shown.add_argument(
        "--no-paginate", action="store_true", default=default or False, help="make one call alone"
    )
    shown.add_argument(
        "--cli-timestamp-format",
        choices=TIMESTAMP_FORMATS,
        default=default,
        help="timestamps as they came (wire, none), or in ISO 8601",
    )
    shown.add_argument(
        "--color",
        choices=("on", "off", "auto"),
        default=default or "auto",
        help="colours in table, summary and tree",
    )
    where = parser.add_argument_group("whom to ask")
    where.add_argument("--region", default=default)
    where.add_argument("--profile", default=default, help="a profile of AWS's shared files")
    where.add_argument("--endpoint-url", metavar="URL", default=default)
    where.add_argument("--no-verify-ssl", action="store_true", default=default or False)
    where.add_argument("--ca-bundle", metavar="FILE", default=default)
    for name in ("connect", "read"):
        where.add_argument(
            f"--cli-{name}-timeout",
            type=int,
            metavar="SECONDS",
            default=default,
            help="60, if not given; 0 for none",
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
    """One listing as it was asked for.

    ``parameters`` have their wire names, and with them ``PaginationConfig`` where there is one;
    ``one_call`` says that there is no pagination. ``query`` is a compiled JMESPath expression.
    """

    parameters: dict[str, Any]
    no_paginate: bool
    query: Any

    @property
    def starting_token(self) -> str | None:
        """The token to go on from, if one was given."""
        config = self.parameters.get("PaginationConfig")
        token = config.get("StartingToken") if isinstance(config, dict) else None
        return token if isinstance(token, str) else None

    def with_starting_token(self, token: str | None) -> dict[str, Any]:
        """The parameters, to go on from another token."""
        config = self.parameters.get("PaginationConfig") or {}
        return {**self.parameters, "PaginationConfig": {**config, "StartingToken": token}}


def build_request(options: argparse.Namespace, output: str) -> ListRequest:
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
    return ListRequest(parameters, one_call, _compiled(options.query))


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
                with open(path, encoding="utf-8") as file:  # noqa: PTH123 - without pathlib
                    text = file.read()
            except (OSError, ValueError) as error:
                raise UsageError(
                    f"Error parsing parameter '--cli-input-json': Unable to load paramfile "
                    f"{given}: {error}"
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
