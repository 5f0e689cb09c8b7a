"""Shell completion, by argcomplete. Nothing imports it unless a shell asks."""

from __future__ import annotations

import argparse
import contextlib
from datetime import UTC, datetime

from .args import OTHER_COMMANDS, make_parsers
from .lifecycle_report.args import make_parser as make_report_parser
from .options import COMMANDS


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands with all their options."""
    report = make_report_parser(datetime.now(UTC))
    return make_parsers([*COMMANDS, *OTHER_COMMANDS], report=report)[0]


def complete() -> None:
    """Write the completions of the line in the environment, and exit, if argcomplete is there."""
    with contextlib.suppress(ModuleNotFoundError):
        import argcomplete

        argcomplete.autocomplete(make_parser())
