"""Another Python, in a Debian that has it: what make test runs, in a root, installed as by a user.

    python tools/python_root.py build/python-3.14 --suite forky     make the root
    python tools/python_root.py build/python-3.14                   run the tests in it
    python tools/python_root.py build/python-3.14 tests/unit -q     run some

The root is made by mmdebstrap. In it, pip installs the checkout as a wheel with its dev
requirements in a new environment; the tests then see that, and of the checkout only themselves.
Needs Linux, root and the package registry. ``make test-all`` uses the roots that there are.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["main"]

ROOT = Path(__file__).parents[1]
_PACKAGES = ("ca-certificates", "git", "make", "openssl", "python3", "python3-venv")
_INSTALL = """
set -e
cd /src
python3 -m venv --clear /opt/venv
PIP_CONSTRAINT=constraints.txt /opt/venv/bin/python -m pip install -q '.[dev]'
"""
# Isolated from the checkout's package, so that the installed one is tested.
_TEST = """
import sys, pytest
sys.path.append("/src")
sys.exit(pytest.main(["-o", "pythonpath=", *sys.argv[1:]]))
"""


def _make(root: Path, suite: str) -> None:
    command = ["mmdebstrap", "--mode=root", "--variant=apt", f"--include={','.join(_PACKAGES)}"]
    # Development suites may be older than their own date of expiry.
    command += ['--aptopt=Acquire::Check-Valid-Until "false"', suite, str(root)]
    subprocess.run(command, check=True)


def _copy_checkout(root: Path) -> None:
    """Copy what git has, with what is changed or new in the checkout."""
    target = root / "src"
    shutil.rmtree(target, ignore_errors=True)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def _run(root: Path, *command: str) -> int:
    """Run a command in the root, with /proc and /dev, which end with it; return its exit code."""
    mounts = f"mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev"
    inside = ["unshare", "--mount", "--propagation", "private", "sh", "-ec"]
    inside += [f'{mounts}; exec chroot {root} "$@"', "sh", *command]
    environment = {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin:/usr/sbin",
        "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    return subprocess.run(inside, check=False, env={**os.environ, **environment}).returncode


def main() -> int:
    """Make the root, or run the tests in it."""
    parser = argparse.ArgumentParser(description="Run the tests in a root with another Python.")
    parser.add_argument("root", type=Path)
    parser.add_argument("--suite", help="make the root, from this Debian, such as forky")
    options, pytest_args = parser.parse_known_args()
    root: Path = options.root.resolve()
    if options.suite is not None:
        _make(root, options.suite)
        return 0
    for file in ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt"):
        if Path(file).exists():  # for pip, and for the tests that resolve localhost
            shutil.copyfile(file, root / file.removeprefix("/"))
    _copy_checkout(root)
    if status := _run(root, "/bin/sh", "-c", _INSTALL):
        return status
    python = ("/opt/venv/bin/python", "-P", "-c", _TEST)
    return _run(root, "/bin/sh", "-c", 'cd /src && exec "$@"', "sh", *python, *pytest_args)


if __name__ == "__main__":
    sys.exit(main())
