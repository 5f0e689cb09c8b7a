"""The command: from arguments to an exit code. Every error ends up here."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .args import OUTPUTS, RICH_OUTPUTS, STREAMING_OUTPUTS, parse
from .exit_codes import ConfigurationError, describe_error
from .resume_state import ResumeState
from .signals import SignalReceived, Signals

if TYPE_CHECKING:
    import argparse

    from ..aws.config.shared_config import SharedConfig
    from .context import ListContext


__all__ = ["main"]


class _Formats(NamedTuple):
    output: str
    timestamps: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code; ``--help`` and ``--version`` raise SystemExit.

    Without ``arguments`` it is the whole of the process, and decides on its garbage collection.
    """
    alone = arguments is None
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["local"]:
        from ..local.__main__ import main as serve

        return serve(given[1:])
    if given == ["demo"]:
        return _demonstrate()
    place = ResumeState()
    debug = "--debug" in given
    try:
        with Signals() as signals:
            _list(given, place, signals, alone=alone)
            place.print_token()
    except SignalReceived as stop:
        place.print_token()
        return stop.code
    except BrokenPipeError:
        # Whoever read has enough. How much of it was read, nobody knows: there is no token.
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends here
        code, words = describe_error(error, url=place.url, profile=place.profile)
        if debug:
            import traceback

            traceback.print_exc()
        if sys.stderr is not None:
            sys.stderr.write(f"\n{words}\n")
        place.print_token()
        return code
    finally:
        if alone:
            gc.enable()
    return 0


def _demonstrate() -> int:
    from ..local.demo import main as demonstrate

    try:
        return demonstrate()
    except KeyboardInterrupt:
        return 128 + 2
    except BrokenPipeError:
        # What print has in its buffer would be written once more at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _list(given: Sequence[str], place: ResumeState, signals: Signals, *, alone: bool) -> None:
    if alone:
        # What is loaded from here on is no garbage: looking for any would take a tenth of the time,
        # while there is more and more of it, and once more at the end.
        gc.disable()
    options = parse(given)
    # Now it is worth loading what takes its time.
    from ..aws.config.shared_config import SharedConfig
    from .args import build_request
    from .client import resolve_settings

    profile = SharedConfig(options.profile)
    place.profile = profile.profile_name
    formats = _from_settings(options, profile)
    asked = build_request(options, formats.output)
    if formats.output in RICH_OUTPUTS:
        from .rich_formats.console import require_rich

        require_rich(formats.output)
    _set_up_logging(debug=options.debug)
    with resolve_settings(options, profile) as target:
        from ..operations import LIST_LIFECYCLE_EXECUTION_RESOURCES as OPERATION
        from .client import RawImageBuilder, iso8601, raw_timestamp
        from .context import ListContext

        with RawImageBuilder(**target.arguments, direct=target.direct) as client:
            if alone:
                gc.freeze()
                gc.enable()
            place.url = client.endpoint_url + OPERATION.rest_json.path
            place.print_token_on_exit = formats.output != "json"
            format_time = iso8601 if formats.timestamps == "iso8601" else raw_timestamp
            _write(ListContext(client, asked, format_time, place, signals), formats.output, options)


def _from_settings(options: argparse.Namespace, profile: SharedConfig) -> _Formats:
    """The output and the format of timestamps; as in the AWS CLI, a profile may set them."""
    output = options.output
    if output is None:
        found = profile.get("AWS_DEFAULT_OUTPUT", key="output")
        output = "json" if found is None else found.value
        if output not in OUTPUTS:
            raise ConfigurationError(
                f"Unknown output type: {output}, from {found.source if found else ''}; allowed: "
                + ", ".join(OUTPUTS)
            )
    timestamps = options.cli_timestamp_format
    if timestamps is None:
        found = profile.get(key="cli_timestamp_format")
        timestamps = "wire" if found is None else found.value
        if timestamps not in {"wire", "none", "iso8601"}:
            raise ConfigurationError(
                f'Unknown cli_timestamp_format value: {timestamps}, valid values are "none", '
                '"wire" or "iso8601"'
            )
    return _Formats(output, timestamps)


def _write(listing: ListContext, output_name: str, options: argparse.Namespace) -> None:
    from .progress import Progress
    from .stdout import Output

    output = Output()
    with Progress(
        wanted=not (output_name in STREAMING_OUTPUTS and sys.stdout.isatty())
    ) as progress:
        listing.client.on_page = progress.count
        if output_name == "jsonl":
            from .formats.jsonl import write_lines

            write_lines(listing, output, options.checkpoint)
        elif output_name in RICH_OUTPUTS:
            from .rich_formats import show

            show(output_name, listing, output, color=options.color, done=progress.stop)
        elif output_name == "text":
            from .formats.text import write_text

            write_text(listing, output)
        elif output_name == "yaml-stream":
            from .formats.yaml_stream import write_yaml_stream

            write_yaml_stream(listing, output)
        else:
            from .formats.json import write_json

            write_json(listing, output)


def _set_up_logging(*, debug: bool) -> None:
    import logging

    for name in ("imagebuilder_pager", "httpx"):
        logger = logging.getLogger(name)
        if debug:
            handler: logging.Handler = logging.StreamHandler()
            form = "%(asctime)s - %(threadName)s - %(name)s - %(levelname)s - %(message)s"
            handler.setFormatter(logging.Formatter(form))
            logger.setLevel(logging.DEBUG)
        else:
            # Python would print warnings, such as of a retry, for want of another handler.
            handler = logging.NullHandler()
        logger.addHandler(handler)
