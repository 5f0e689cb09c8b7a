"""The entry point of the command: from arguments to an exit code. Every error ends up here."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .args import (
    RICH_OUTPUTS,
    STREAMING_OUTPUTS,
    TIMESTAMP_FORMATS,
    WHOLE_PAGE_OUTPUTS,
    outputs_of,
    parse,
)
from .exit_codes import ConfigurationError, UsageError, describe_error
from .options import COMMANDS
from .resume_state import ResumeState
from .signals import SignalReceived, Signals
from .terminal import write_stderr

if TYPE_CHECKING:
    import argparse

    from .._aws.config.shared_config import SharedConfig
    from .context import ListContext
    from .rich_formats.console import RichWriter


class _Formats(NamedTuple):
    output: str
    timestamps: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; ``--help`` and ``--version`` raise SystemExit.

    Without ``argv`` the command is all that the process does: it reads ``sys.argv``, and collects
    no garbage while it starts.
    """
    is_main_process = argv is None
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv[1:] == ["help"]:
        argv[1] = "--help"  # also for the commands that read their own arguments
    if argv[:1] == ["help"] and len(argv) == 2:  # the AWS CLI's other order
        argv = [argv[1], "--help"]
    if argv[:1] == ["local"]:
        from ..local.__main__ import main as serve

        return serve(argv[1:])
    if argv == ["demo"]:
        return _run_demo()
    resume_state, code = ResumeState(), 0
    try:
        with Signals() as signals:
            if argv[:1] == ["lifecycle-report"]:
                from .lifecycle_report.command import run_report

                code = run_report(argv[1:])
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


def _run_demo() -> int:
    from ..local.demo import main as demo

    try:
        return demo()
    except KeyboardInterrupt:
        return SignalReceived(signal.SIGINT).code
    except BrokenPipeError:
        # At exit, Python would write once more what print has left in its buffer.
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
    from ..client import ImageBuilder
    from .connection import make_http_client, resolve_arguments
    from .logs import configure_logging, showing_mismatches
    from .request import build_request

    profile = SharedConfig(options.profile)
    resume_state.profile = profile.profile_name
    formats = _resolve_formats(options, profile)
    request = build_request(options, formats.output)
    if formats.output in RICH_OUTPUTS:
        from .rich_formats.console import require_rich

        require_rich(formats.output)
    configure_logging(debug=options.debug)
    with (
        showing_mismatches(debug=options.debug),
        make_http_client(options, profile) as http_client,
        ImageBuilder(**resolve_arguments(options), http_client=http_client) as image_builder,
    ):
        from .client import RawImageBuilder, iso8601, raw_timestamp
        from .context import ListContext

        if options.no_verify_ssl and image_builder.endpoint_url.startswith("https:"):
            write_stderr("Warning: --no-verify-ssl: TLS certificates are not verified\n")
        # This loads the models of the operation's family, while a connection is made.
        operation = COMMANDS[options.command]
        resume_state.url = image_builder.endpoint_url + operation.rest_json.path
        if is_main_process:
            gc.freeze()
            gc.enable()
        # One page alone has the service's token in it, where the output shows all of the page.
        resume_state.print_token_on_exit = not (
            request.no_paginate and formats.output in WHOLE_PAGE_OUTPUTS
        )
        format_timestamp = iso8601 if formats.timestamps == "iso8601" else raw_timestamp
        client = RawImageBuilder(image_builder)
        context = ListContext(client, operation, request, format_timestamp, resume_state, signals)
        _write(context, formats.output, options)


def _resolve_formats(options: argparse.Namespace, profile: SharedConfig) -> _Formats:
    """Return the formats of the output and of its timestamps, of the options or the profile."""
    resolved = None
    output = options.output
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
    timestamps = options.cli_timestamp_format
    if timestamps is None:
        resolved = profile.get(key="cli_timestamp_format")
        timestamps = "wire" if resolved is None else resolved.value
        if timestamps not in TIMESTAMP_FORMATS:
            raise ConfigurationError(
                f'Unknown cli_timestamp_format value: {timestamps}, valid values are "none", '
                '"wire" or "iso8601"'
            )
    return _Formats(output, timestamps)


def _write(context: ListContext, output: str, options: argparse.Namespace) -> None:
    from .progress import Progress
    from .stdout import Stdout

    stdout = Stdout()
    # On one terminal, lines that come in would be mixed with the progress.
    wanted = not (output in STREAMING_OUTPUTS and sys.stdout.isatty())
    with Progress(wanted=wanted) as progress:
        context.client.on_page = progress.count_page
        if output == "jsonl":
            from .formats.jsonl import write_jsonl

            write_jsonl(context, stdout, options.checkpoint)
        elif output in RICH_OUTPUTS:
            from .rich_formats.console import RichWriter

            _show(output, context, RichWriter(stdout, options.color, progress.stop))
        elif output == "text":
            from .formats.text import write_text

            write_text(context, stdout)
        elif output == "yaml-stream":
            from .formats.yaml_stream import write_yaml_stream

            write_yaml_stream(context, stdout)
        else:
            from .formats.json import write_json

            write_json(context, stdout)


def _show(output: str, context: ListContext, writer: RichWriter) -> None:
    if output == "table" and context.request.query is not None:
        from .rich_formats.query_table import show_query_result

        show_query_result(writer, context.request.apply_query(context.raw_result()))
    elif output == "table":
        from .rich_formats.table import show_table

        show_table(writer, context)
    elif output == "summary":
        from .rich_formats.summary import show_summary

        show_summary(writer, context)
    else:
        from .rich_formats.tree import show_tree

        show_tree(writer, context)
