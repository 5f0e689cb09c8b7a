"""What make container does where it cannot run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_without_its_tools_it_says_which_are_missing_and_succeeds(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "tools/container.py", "--work", tmp_path / "work"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("Missing: mmdebstrap, chroot, mount, unshare")
    assert ran.stdout.endswith("The container was not run.\n")
    assert not (tmp_path / "work").exists()
