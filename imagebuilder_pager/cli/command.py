"""The command: from arguments to an exit code. Every error ends up here."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .arguments import OUTPUTS, PEOPLES_OUTPUTS, STREAMS, parse
from .failures import SurroundingsError, explain
from .place import Place
from .signals import Signals, StoppedError

if TYPE_CHECKING:
    import argparse

    from ..aws.profile import Profile
    from .listing import Listing

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
    place = Place()
    debug = "--debug" in given
    try:
        with Signals() as signals:
            _list(given, place, signals, alone=alone)
            place.tell()
    except StoppedError as stop:
        place.tell()
        return stop.code
    except BrokenPipeError:
        # Whoever read has enough. How much of it was read, nobody knows: there is no token.
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends here
        code, words = explain(error, url=place.url, profile=place.profile)
        if debug:
            import traceback

            traceback.print_exc()
        if sys.stderr is not None:
            sys.stderr.write(f"\n{words}\n")
        place.tell()
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


def _list(given: Sequence[str], place: Place, signals: Signals, *, alone: bool) -> None:
    if alone:
        # What is loaded from here on is no garbage: looking for any would take a tenth of the time,
        # while there is more and more of it, and once more at the end.
        gc.disable()
    options = parse(given)
    # Now it is worth loading what takes its time.
    from ..aws.profile import Profile
    from .asked import understand
    from .target import choose_target

    profile = Profile(options.profile)
    place.profile = profile.name
    formats = _from_settings(options, profile)
    asked = understand(options, formats.output)
    if formats.output in PEOPLES_OUTPUTS:
        from .people.console import check_rich

        check_rich(formats.output)
    _set_up_logging(debug=options.debug)
    with choose_target(options, profile) as target:
        from .listing import OPERATION, Listing
        from .wire import WireImageBuilder, iso8601, unchanged

        with WireImageBuilder(**target.arguments, direct=target.direct) as client:
            if alone:
                gc.freeze()
                gc.enable()
            place.url = client.endpoint_url + OPERATION.call.path
            place.shown = formats.output != "json"
            format_time = iso8601 if formats.timestamps == "iso8601" else unchanged
            _write(Listing(client, asked, format_time, place, signals), formats.output, options)


def _from_settings(options: argparse.Namespace, profile: Profile) -> _Formats:
    """The output and the format of timestamps; as in the AWS CLI, a profile may set them."""
    output = options.output
    if output is None:
        found = profile.find("AWS_DEFAULT_OUTPUT", key="output")
        output = "json" if found is None else found.value
        if output not in OUTPUTS:
            raise SurroundingsError(
                f"Unknown output type: {output}, from {found.source if found else ''}; allowed: "
                + ", ".join(OUTPUTS)
            )
    timestamps = options.cli_timestamp_format
    if timestamps is None:
        found = profile.find(key="cli_timestamp_format")
        timestamps = "wire" if found is None else found.value
        if timestamps not in {"wire", "none", "iso8601"}:
            raise SurroundingsError(
                f'Unknown cli_timestamp_format value: {timestamps}, valid values are "none", '
                '"wire" or "iso8601"'
            )
    return _Formats(output, timestamps)


def _write(listing: Listing, output_name: str, options: argparse.Namespace) -> None:
    from .output import Output
    from .progress import Progress

    output = Output()
    with Progress(wanted=not (output_name in STREAMS and sys.stdout.isatty())) as progress:
        listing.client.on_page = progress.count
        if output_name == "jsonl":
            from .lines import write_lines

            write_lines(listing, output, options.checkpoint)
        elif output_name in PEOPLES_OUTPUTS:
            from .people import show

            show(output_name, listing, output, color=options.color, done=progress.stop)
        else:
            from . import plain

            write = {
                "json": plain.write_json,
                "text": plain.write_text,
                "yaml-stream": plain.write_yaml_stream,
            }[output_name]
            write(listing, output)


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
