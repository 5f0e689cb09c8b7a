"""The entry point of the command: from arguments to an exit code. Every error ends up here."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from .args import (
    OTHER_COMMANDS,
    RICH_OUTPUTS,
    STREAMING_OUTPUTS,
    TIMESTAMP_FORMATS,
    WHOLE_PAGE_OUTPUTS,
    CommandParser,
    outputs_of,
    parse,
)
from .exit_codes import ConfigurationError, UsageError, describe_error
from .options import COMMANDS
from .signals import SignalReceived, Signals
from .terminal import Progress, ResumeState, write_stderr

if TYPE_CHECKING:
    import argparse

    from .._aws.config.shared_config import SharedConfig
    from .listing import Listing


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; ``--help`` and ``--version`` raise SystemExit.

    Without ``argv`` the command is all that the process does: it reads ``sys.argv``, and collects
    no garbage while it starts.
    """
    if "_ARGCOMPLETE" in os.environ:
        from .completion import complete

        complete()
    is_main_process = argv is None
    argv = list(sys.argv[1:] if argv is None else argv)
    if len(argv) == 2 and "help" in argv:
        # In either order, and also for the commands that read their own arguments.
        argv = [*(one for one in argv if one != "help"), "--help"]
    if argv[:1] == ["local"]:
        return _run_local(argv[1:])
    resume_state, code = ResumeState(), 0
    try:
        with Signals() as signals:
            if argv[:1] == ["lifecycle-report"]:
                from .lifecycle_report.args import parse as parse_report

                report_options = parse_report(argv[1:])
                # The arguments are good: from here on, the imports are heavy.
                from .lifecycle_report.command import run_report

                code = run_report(report_options)
            elif argv[:1] == ["demo"]:
                code = _run_demo(argv[1:])
            else:
                _list(argv, resume_state, signals, is_main_process=is_main_process)
            resume_state.print_token()
    except SignalReceived as received:
        resume_state.print_token()
        return received.code
    except BrokenPipeError:
        # The reader has enough. How much of it was read is not known: there is no token.
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends here
        code, message = describe_error(error, url=resume_state.url, profile=resume_state.profile)
        if "--debug" in argv:
            import traceback

            write_stderr(traceback.format_exc())
        write_stderr(f"\n{message}\n")
        resume_state.print_token()
        return code
    finally:
        if is_main_process:
            gc.enable()
    return code


def _require_local(command: str) -> None:
    """Raise :class:`ConfigurationError` in the lean wheel, which leaves the local service out."""
    from importlib.util import find_spec

    if find_spec("..local", __package__) is None:
        raise ConfigurationError(
            f"{command} is a command of imagebuilder-pager, and not of imagebuilder-pager-lean; "
            "install the one in place of the other"
        )


def _run_local(argv: Sequence[str]) -> int:
    try:
        _require_local("local")
    except ConfigurationError as error:
        write_stderr(f"\n{error}\n")
        return error.code
    from ..local.__main__ import main as serve

    return serve(argv)


def _run_demo(argv: Sequence[str]) -> int:
    text = OTHER_COMMANDS["demo"].capitalize()
    CommandParser(prog="imagebuilder-pager demo", description=text).parse_args(argv)
    _require_local("demo")
    from ..local.demo import main as demo

    try:
        return demo()
    except BrokenPipeError:
        # At exit, Python would write the rest of the buffer once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _list(
    argv: Sequence[str], resume_state: ResumeState, signals: Signals, *, is_main_process: bool
) -> None:
    if is_main_process:
        # Importing makes many objects and no garbage: looking for some would take a tenth of the
        # time.
        gc.disable()
    options = parse(argv)
    # The arguments are good: from here on, the imports are heavy.
    from .._aws.config.shared_config import SharedConfig
    from .connection import open_client
    from .logs import logging_to_stderr
    from .request import build_request

    profile = SharedConfig(options.profile)
    resume_state.profile = profile.profile_name
    output = _resolve_output(options, profile)
    timestamps = _resolve_timestamps(options, profile)
    request = build_request(options, output)
    if output in RICH_OUTPUTS:
        from .rich_formats.console import require_rich

        require_rich(output)
    with logging_to_stderr(debug=options.debug), open_client(options, profile) as client:
        from .listing import Listing, iso8601
        from .stdout import Stdout

        if options.no_verify_ssl and client.endpoint_url.startswith("https:"):
            write_stderr("Warning: --no-verify-ssl: TLS certificates are not verified\n")
        # This loads the models of the operation's family, while a connection is made.
        operation = COMMANDS[options.command]
        resume_state.url = client.endpoint_url + operation.rest_json.path
        if is_main_process:
            gc.freeze()
            gc.enable()
        # One page alone has the service's token in it, where the output shows all of the page.
        resume_state.prints_token = not (request.no_paginate and output in WHOLE_PAGE_OUTPUTS)
        stdout = Stdout()
        # On one terminal, lines that come in would be mixed with the progress.
        is_mixed = output in STREAMING_OUTPUTS and sys.stdout.isatty()
        with Progress(wanted=not is_mixed) as progress:
            listing = Listing(
                client,
                operation,
                request,
                iso8601 if timestamps == "iso8601" else attrgetter("raw"),
                resume_state,
                signals,
                stdout,
                on_page=progress.count_page,
            )
            _write(output, listing, options, progress)


def _resolve_output(options: argparse.Namespace, profile: SharedConfig) -> str:
    """Return the output of the option or the profile."""
    resolved = None
    output: str | None = options.output
    if output is None:
        resolved = profile.get("AWS_DEFAULT_OUTPUT", key="output")
        output = "json" if resolved is None else resolved.value
    allowed = outputs_of(options.command)
    if output not in allowed:
        message = f"not an output of {options.command}; allowed: {', '.join(allowed)}"
        if resolved is None:
            raise UsageError(f"--output {output}: {message}")
        raise ConfigurationError(
            f"Unknown output type: {output}, from {resolved.source}: {message}"
        )
    return output


def _resolve_timestamps(options: argparse.Namespace, profile: SharedConfig) -> str:
    """Return the format of timestamps, of the option or the profile."""
    resolved = profile.get(key="cli_timestamp_format")
    configured = "wire" if resolved is None else resolved.value
    timestamps: str = options.cli_timestamp_format or configured
    if timestamps not in TIMESTAMP_FORMATS:
        raise ConfigurationError(
            f'Unknown cli_timestamp_format value: {timestamps}, valid values are "none", '
            '"wire" or "iso8601"'
        )
    return timestamps


def _write(output: str, listing: Listing, options: argparse.Namespace, progress: Progress) -> None:
    if output == "json":
        from .formats.json import write_json

        write_json(listing)
    elif output == "jsonl":
        from .formats.json import write_jsonl

        write_jsonl(listing, options.checkpoint)
    elif output == "text":
        from .formats.text import format_text

        listing.write(listing.raw_result_parts(), format_text)
    elif output == "yaml-stream":
        from .formats.yaml_stream import format_yaml_entry

        listing.write(listing.raw_pages(), format_yaml_entry)
    else:
        from .rich_formats.console import RichWriter

        writer = RichWriter(listing.stdout, options.color, progress.stop)
        if output == "table":
            from .rich_formats.table import show_table as show
        elif output == "summary":
            from .rich_formats.summary import show_summary as show
        else:
            from .rich_formats.tree import show_tree as show
        show(writer, listing)
