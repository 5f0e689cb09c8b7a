"""The files of a release: the source distribution and both wheels.

    python -m tools.dist dist

Both wheels are built from the files of the source distribution, the lean one with
``pyproject-lean.toml`` as its ``pyproject.toml``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build(target: Path) -> None:
    """Build the source distribution, and both wheels from its files, in a folder."""
    _build("sdist", ROOT, target)
    (sdist,) = target.glob("*.tar.gz")
    with tempfile.TemporaryDirectory(prefix="sources-") as folder:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        (sources,) = Path(folder).iterdir()
        _build("wheel", sources, target)
        shutil.copyfile(sources / "pyproject-lean.toml", sources / "pyproject.toml")
        _build("wheel", sources, target)


def _build(kind: str, sources: Path, target: Path) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}"]
    subprocess.run([*command, "--outdir", target, sources], check=True)


def main() -> None:
    """Build the files twice, and compare their bytes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", type=Path, help="the folder; a release in it is removed")
    target: Path = parser.parse_args().target
    for path in target.glob("imagebuilder_pager*"):
        path.unlink()
    build(target)
    with tempfile.TemporaryDirectory(prefix="again-") as folder:
        build(Path(folder))
        for again in sorted(Path(folder).iterdir()):
            path = target / again.name
            if path.read_bytes() != again.read_bytes():
                sys.exit(f"{path} differs in a second build")
            print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
