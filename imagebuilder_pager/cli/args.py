"""The arguments of the command line: the AWS CLI's options, and a few more.

The rule: only the parser of a command that is in the arguments is made, and nothing heavy is
imported, so that ``--help``, ``--version`` and wrong arguments take little time. The
options of a command are made in :mod:`.options`, from the row of its operation.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

from .. import __version__
from .._rows import title_of
from .._validation import did_you_mean
from .exit_codes import UsageError
from .options import COMMANDS, add_request_options, metavar, option_name

#: The outputs that are made for reading, which need rich.
RICH_OUTPUTS = ("table", "summary", "tree")
#: The outputs that are written while the pages come in.
STREAMING_OUTPUTS = ("jsonl", "text", "yaml-stream")
#: The outputs that have each member of a page, the service's own token included.
WHOLE_PAGE_OUTPUTS = ("json", "text", "yaml-stream")
OUTPUTS = ("json", "text", "table", "yaml-stream", "jsonl", "summary", "tree")
TIMESTAMP_FORMATS = ("wire", "iso8601", "none")

_PROGRAM = "imagebuilder-pager"
# The outputs that are made for one command's items.
_OUTPUTS_OF_RESOURCES = ("summary", "tree")
_RESOURCES = "list-lifecycle-execution-resources"
OTHER_COMMANDS = {
    "lifecycle-report": "report what lifecycle policies have done, in one account or in many",
    "local": "start Image Builder on this machine",
    "demo": "page through a local Image Builder",
}


class CommandParser(argparse.ArgumentParser):
    """An argument parser that raises its errors, so that one place decides on the exit code.

    An error of a misspelt name has the similar one.
    """

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.format_usage()}\n{self.prog}: error: {message}")

    def knows(self, argument: str) -> bool:
        """Say whether an argument is an option of the parser, also with its value."""
        return argument.partition("=")[0] in self._option_string_actions

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Raise the error of arguments that the parser does not know, in the AWS CLI's words."""
        options = [argument.partition("=")[0] for argument in unknown if argument.startswith("-")]
        text = f"Unknown options: {', '.join(unknown)}"
        if similar := did_you_mean(self._option_string_actions, *options):
            text += f"; {similar}"
        raise UsageError(f"{self.format_usage()}\n{text}")

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse ignores that a disk is full.
        print(message, end="", file=file, flush=True)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        # The words of argparse differ from one Python to another.
        if action.choices is not None and value not in action.choices:
            allowed = list(map(str, action.choices))
            text = f"{value!r} given; allowed: {', '.join(allowed)}"
            if similar := did_you_mean(allowed, value):
                text += f"; {similar}"
            raise argparse.ArgumentError(action, text)


class _MainParser(CommandParser):
    """The parser of the command line; its help lists the commands by family."""

    def format_help(self) -> str:
        self.description = _list_commands()
        return super().format_help()


def outputs_of(command_name: str) -> tuple[str, ...]:
    """Return the outputs that a command has."""
    if command_name == _RESOURCES:
        return OUTPUTS
    return tuple(output for output in OUTPUTS if output not in _OUTPUTS_OF_RESOURCES)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options, and the name of the command as ``command``.

    Those that were not given are None, or False for a switch. The members of the request are under
    their wire names. Raises :class:`UsageError`, and ``SystemExit`` after ``--help`` and
    ``--version``.
    """
    names: Collection[str] = [name for name in COMMANDS if name in argv]
    others = [name for name in OTHER_COMMANDS if name in argv]
    if not (names or all(argument.startswith("-") for argument in argv)):
        # For an unknown command, the error lists all commands.
        parser, parsers = make_parsers([*COMMANDS, *OTHER_COMMANDS])
    else:
        parser, parsers = make_parsers(names)
    if names:
        # The value of an unknown option would be taken for the command.
        before = argv[: min(map(argv.index, names))]
        unknown = [one for one in before if one.startswith("--") and not parser.knows(one)]
        if unknown:
            parser.refuse(unknown)
    elif others and argv[0].startswith("-"):
        parser.error(f"{others[0]} must be the first argument; its own options follow it")
    options, unknown = parser.parse_known_args(argv)
    if options.command is None:
        parser.error("the following arguments are required: COMMAND")
    parser = parsers.get(options.command, parser)
    if options.command == "help" or options.help == "help":
        parser.print_help()
        parser.exit()
    # The AWS CLI ignores an empty argument, too.
    if unknown := [*unknown, *filter(None, [options.help])]:
        parser.refuse(unknown)
    missing = [
        name
        for name, param in COMMANDS[options.command].params.items()
        if param.required and getattr(options, name) is None
    ]
    # As in the AWS CLI, ``--cli-input-json=JSON`` in one argument leaves them required.
    if missing and "--cli-input-json" not in argv:
        required = ", ".join(map(option_name, missing))
        parser.error(f"the following arguments are required: {required}")
    return options


def make_parsers(
    names: Collection[str], *, report: CommandParser | None = None
) -> tuple[CommandParser, dict[str, CommandParser]]:
    """Return the parser of the command line, and those of the named commands, by their names.

    With ``report``, the parser of ``lifecycle-report``, all is there that completion needs.
    """
    parser = _MainParser(
        prog=_PROGRAM,
        usage=f"{_PROGRAM} COMMAND [options]",
        epilog=f"`{_PROGRAM} COMMAND help` has the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    # A command that is not paginated has none of these.
    parser.set_defaults(max_items=None, page_size=None, starting_token=None, checkpoint=None)
    _add_global_options(parser, OUTPUTS)
    commands = parser.add_subparsers(
        dest="command",
        metavar="COMMAND",
        parser_class=CommandParser,
        help=argparse.SUPPRESS,
    )
    parsers = {}
    for name in names:
        if name in OTHER_COMMANDS:
            parents = [] if report is None or name != "lifecycle-report" else [report]
            text = OTHER_COMMANDS[name]
            commands.add_parser(name, help=text, parents=parents, add_help=False)
            continue
        operation = COMMANDS[name]
        summary = f"{operation.method_name.partition('_')[0]} {operation.returns}"
        required = "".join(
            f"{option_name(name)} {metavar(name)} "
            for name, param in operation.params.items()
            if param.required
        )
        parsers[name] = commands.add_parser(
            name,
            help=summary,
            prog=_PROGRAM,  # errors begin with it
            usage=f"{_PROGRAM} {name} {required}[options]",
            description=f"{summary[0].upper()}{summary[1:]}.",
            allow_abbrev=False,
        )
        add_request_options(parsers[name], operation)
        # As in the AWS CLI, it also takes a ``--`` at the end, which ends the options.
        parsers[name].add_argument("help", nargs="?", help=argparse.SUPPRESS)
        # Options that stood before the command are kept.
        _add_global_options(parsers[name], outputs_of(name), default=argparse.SUPPRESS)
    commands.add_parser("help", help="show this help", add_help=False)
    return parser, parsers


def _list_commands() -> str:
    """Return the first part of the help: the commands by family, each with its summary."""
    import shutil
    import textwrap

    width = shutil.get_terminal_size().columns - 2
    summaries = {name: operation.returns for name, operation in COMMANDS.items()} | OTHER_COMMANDS
    name_width = max(map(len, summaries)) + 4
    families: dict[str, list[str]] = {}
    for name, operation in COMMANDS.items():
        families.setdefault(title_of(operation.family), []).append(name)
    families |= {"Reports": ["lifecycle-report"], "On this machine": ["local", "demo"]}
    lines = [
        "List what EC2 Image Builder has, with the options and the output of `aws imagebuilder`."
    ]
    for title, names in families.items():
        lines += ["", f"{title}:"]
        for name in names:
            lines += textwrap.wrap(
                summaries[name],
                max(width, name_width + 20),
                initial_indent=f"  {name}".ljust(name_width),
                subsequent_indent=" " * name_width,
            )
    return "\n".join(lines)


def _add_global_options(
    parser: argparse.ArgumentParser, outputs: tuple[str, ...], default: str | None = None
) -> None:
    """Add the options that may be before and after the command, as in the AWS CLI."""

    def add_switch(group: Any, name: str, text: str | None = None) -> None:
        group.add_argument(name, action="store_true", default=default or False, help=text)

    output = parser.add_argument_group("Output")
    output.add_argument(
        "--output", choices=outputs, default=default, help="default: json, or as configured"
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
    output.add_argument(
        "--on-invalid-response",
        choices=("raise", "warn"),
        default=default or "raise",
        help="where a response is not as documented: end with an error (the default), or warn and "
        "continue with the response as sent",
    )
    add_switch(output, "--no-paginate", "send one request, for one page")
    connection = parser.add_argument_group("Connection")
    for name, value, text in (
        ("--region", None, "default: as configured"),
        ("--profile", None, "a profile of the AWS configuration files"),
        ("--endpoint-url", "URL", "default: the region's"),
        ("--ca-bundle", "FILE", "CA certificates to verify with, in PEM"),
    ):
        connection.add_argument(name, metavar=value, default=default, help=text)
    add_switch(connection, "--no-verify-ssl", "do not verify TLS certificates")
    for name in ("connect", "read"):
        connection.add_argument(
            f"--cli-{name}-timeout",
            type=int,
            metavar="SECONDS",
            default=default,
            help="default: 60; 0 for no timeout",
        )
    add_switch(parser, "--debug", "log to standard error")
    ignored = parser.add_argument_group("Without effect, for command lines of the AWS CLI")
    add_switch(ignored, "--no-cli-pager")
    add_switch(ignored, "--v2-debug")
    ignored.add_argument("--cli-binary-format", metavar="FORMAT", default=default)
    python = ".".join(map(str, sys.version_info[:3]))
    version = f"{_PROGRAM}/{__version__} Python/{python} {sys.platform}"
    parser.add_argument("--version", action="version", version=version)
