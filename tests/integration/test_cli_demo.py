"""The demo: it ends with the summary that the command line prints."""

import os
import subprocess
import sys

from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID


def test_the_demo_ends_with_the_summary() -> None:
    environment = {**os.environ, "COLUMNS": "100"}
    ran = subprocess.run(
        [sys.executable, "-m", "imagebuilder_pager", "demo"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    before, command, summary = ran.stdout.partition("$ imagebuilder-pager ")
    assert before.count("Stopped at MaxItems.") == 2
    assert "The listing is complete: 140 resources." in before
    assert "def list_resources(" in before
    assert command
    first, _, rest = summary.partition("\n\n")
    assert first == (
        "list-lifecycle-execution-resources "
        f"--lifecycle-execution-id {EXAMPLE_EXECUTION_ID} --output summary"
    )
    for words in ("140 images", "TOTAL", "us-west-2", "Time", "What failed, and why"):
        assert words in rest
