"""Shell completion, by argcomplete. Nothing imports it unless a shell asks."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from .args import OTHER_COMMANDS, make_parsers
from .lifecycle_report.args import make_parser
from .options import COMMANDS


def make_full_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands with all their options."""
    report = make_parser(datetime.now(UTC))
    return make_parsers([*COMMANDS, *OTHER_COMMANDS], report=report)[0]


def complete() -> None:
    """Write the completions of the environment's line and exit, if argcomplete is installed."""
    try:
        import argcomplete
    except ModuleNotFoundError:
        return
    argcomplete.autocomplete(make_full_parser())
