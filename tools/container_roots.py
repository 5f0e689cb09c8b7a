"""The roots that make container builds: a Debian to build in, and what is copied out of it.

A root holds Python, the shared libraries that it maps, the standard library's files on a list,
certificates, a program and what it imports; no shell, no package manager, nothing else.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable
from pathlib import Path, PurePath
from typing import Literal

from tools.slim import ROOT, is_included

__all__ = ["UID", "add_package_files", "make_build_root", "make_root", "pip_install", "run_in"]

#: The user that programs run as; distroless images call it nonroot.
UID = 65532
_PACKAGES = ("python3", "ca-certificates")


def make_build_root(folder: Path, suite: str) -> None:
    """Build a Debian with Python, apt and dpkg by mmdebstrap, or keep the one that is there."""
    if (folder / "usr" / "bin" / "python3").exists():
        return
    command = ["mmdebstrap", "--mode=root", "--variant=apt", f"--include={','.join(_PACKAGES)}"]
    # Development suites may be older than their own date of expiry.
    command += ['--aptopt=Acquire::Check-Valid-Until "false"', suite, str(folder)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def pip_install(target: Path, version: str, *requirements: str | Path) -> None:
    """Install wheels for that version of Python and this processor, without bytecode."""
    command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    command += ["--target", str(target), "--no-compile", "--only-binary", ":all:"]
    command += ["--python-version", version, "--platform", f"manylinux2014_{platform.machine()}"]
    subprocess.run([*command, *map(str, requirements)], check=True, cwd=ROOT)


def run_in(
    root: Path, command: Iterable[str], environment: dict[str, str], *, is_root: bool = False
) -> str:
    """Run a command in a root, as a user without rights, and return its output.

    Raises ``CalledProcessError`` if it fails.
    """

    def enter() -> None:
        os.chroot(root)
        os.chdir("/")
        if not is_root:
            os.setgroups([])
            os.setgid(UID)
            os.setuid(UID)

    return subprocess.run(
        [*command],
        env=environment,
        preexec_fn=enter,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    ).stdout


def make_root(
    build_root: Path, root: Path, stdlib: Collection[str], libraries: Iterable[str], bundle: str
) -> None:
    """Copy Python, its libraries and the listed files of its standard library out of a build root.

    ``stdlib``: paths relative to the standard library's folder. ``libraries``: absolute paths as a
    process maps them. ``bundle``: the certificates to trust, in PEM.
    """
    shutil.rmtree(root, ignore_errors=True)
    python = (build_root / "usr/bin/python3").readlink().name
    paths = [f"usr/bin/{python}", "usr/bin/python3", "lib", "lib64"]
    paths += [f"usr/lib/{python}/{path}" for path in stdlib]
    for library in libraries:
        file = build_root / library.removeprefix("/")
        names = [path for path in file.parent.iterdir() if path.resolve() == file.resolve()]
        paths += [str(name.relative_to(build_root)) for name in names]
    loaders = (build_root / "usr" / "lib64").glob("*")
    paths += [str(path.relative_to(build_root)) for path in loaders]
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(build_root / path, root / path, follow_symlinks=False)
    for folder in ("app", "dev", "etc/ssl/certs", "proc", "tmp"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "etc/passwd").write_text(f"nonroot:x:{UID}:{UID}:nonroot:/:/nonexistent\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "etc/ssl/certs/ca-certificates.crt").write_text(bundle)


def add_package_files(
    source: Path, target: Path, *, slim: Literal["slim", "lean"] | None = None
) -> None:
    """Copy site-packages: as pip left it or, with ``slim``, what belongs into that folder."""
    for path in sorted(source.rglob("*")):
        relative = PurePath(path.relative_to(source))
        if path.is_file() and (slim is None or is_included(relative, lean=slim == "lean")):
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target / relative)
