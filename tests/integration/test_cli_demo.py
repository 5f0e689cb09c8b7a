"""The demo: it goes from policies to resources, and ends with the command line's summary."""

import os
import re
import subprocess
import sys

from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID


def test_the_demo_goes_from_policies_to_resources_and_ends_with_the_summary() -> None:
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
    policies, executions = before.partition(" executions of retire-old-amis")[::2]
    for name in ("retire-old-amis", "trim-container-images", "retire-windows-amis"):
        assert re.search(rf"^  {name} +(EN|DIS)ABLED +last run 202[45]-", policies, re.MULTILINE)
    assert re.search(r"^  trim-sandbox-images +ENABLED +-$", policies, re.MULTILINE)
    listed = re.findall(
        r"^  (lce-[0-9a-f-]{36}) ([A-Z_]+) +([0-9-]{10})$", executions, re.MULTILINE
    )
    assert listed[0] == (EXAMPLE_EXECUTION_ID, "IN_PROGRESS", "2025-03-03")
    assert [date for *_, date in listed] == sorted((date for *_, date in listed), reverse=True)
    assert len(listed) == 5
    assert f"The resources of {EXAMPLE_EXECUTION_ID}," in executions
    assert before.count("Stopped at MaxItems.") == 2
    assert "The listing is complete: 140 resources." in before
    assert "def list_executions(" in before
    assert "def list_resources(" in before
    assert command
    first, _, rest = summary.partition("\n\n")
    assert first == (
        "list-lifecycle-execution-resources "
        f"--lifecycle-execution-id {EXAMPLE_EXECUTION_ID} --output summary"
    )
    for words in ("140 images", "TOTAL", "us-west-2", "Time", "What failed, and why"):
        assert words in rest
