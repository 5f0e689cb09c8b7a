"""The worker for the command ``lifecycle-report``."""

from __future__ import annotations

import os
import sys

from .common import Stopwatch


def report(database: str, output: str) -> None:
    """Run the command offline, as its own process does, and discard its output."""
    from imagebuilder_pager.cli.main import main

    command = ["lifecycle-report", "--offline", "--database", database, "--output", output]
    sys.argv = ["imagebuilder-pager", *command]
    stopwatch = Stopwatch()
    stdout, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    code = main()
    os.dup2(stdout, 1)
    assert code == 0
    stopwatch.report(0)
