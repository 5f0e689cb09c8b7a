"""Builds a folder with the library and all it needs, and nothing else, to be put on ``sys.path``.

    python tools/slim.py build/slim

It copies from the environment that it runs in, so that the versions are the installed ones and
nothing is fetched. Left out are botocore's data (the service models of all of AWS), tests, type
stubs, bytecode, commands, and of a ``.dist-info`` everything but the metadata, which scanners for
known flaws read, and the licences, which have to go where the code goes.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath

__all__ = ["build", "files_of", "keeps", "requirements_of"]

LIBRARY = "imagebuilder-pager"
ROOT = Path(__file__).parents[1]

#: The part of a package that nothing here uses, where it is large and stands for itself.
UNUSED = ("botocore/data",)
_SUFFIXES = frozenset({".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h"})
_FOLDERS = frozenset({"__pycache__", "tests", "test"})
_LICENCE = re.compile(r"(?i)licen[cs]e|copying|notice|authors")


def requirements_of(name: str) -> list[importlib.metadata.Distribution]:
    """The distribution of that name, and all that it needs at run time, as they are installed.

    Raises ``PackageNotFoundError`` if the first is not installed; what else is not is not needed
    on this Python or platform.
    """
    found: dict[str, importlib.metadata.Distribution] = {}
    names = [name]
    while names:
        name = re.sub(r"[-_.]+", "-", names.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if not found:
                raise
            continue
        for requirement in distribution.requires or ():
            wanted, _, marker = requirement.partition(";")
            match = re.match(r"[\w.-]+", wanted)
            if match is not None and "extra" not in marker:
                names.append(match[0])
    return list(found.values())


def files_of(distribution: importlib.metadata.Distribution) -> Iterator[tuple[Path, PurePath]]:
    """The installed files of a distribution: where each is, and its place in site-packages."""
    site_packages = Path(str(distribution.locate_file(""))).resolve()
    if distribution.name == LIBRARY:
        # It may be installed as a link to this checkout.
        for path in sorted((ROOT / "imagebuilder_pager").rglob("*")):
            if path.is_file():
                yield path, path.relative_to(ROOT)
    for record in distribution.files or ():
        place = PurePath(record)
        if ".." in place.parts or place.suffix == ".pth" or place.parts[0] == "imagebuilder_pager":
            continue
        path = site_packages / place
        if path.is_file():
            yield path, place


def keeps(place: PurePath) -> bool:
    """Whether a file of site-packages is in the slim folder."""
    if any(place.is_relative_to(unused) for unused in UNUSED):
        return False
    top, *below = place.parts
    if top.endswith(".dist-info"):
        return bool(below) and (place.name == "METADATA" or bool(_LICENCE.search("/".join(below))))
    return place.suffix not in _SUFFIXES and not _FOLDERS & set(place.parts)


def build(target: Path) -> int:
    """Builds the folder, in place of what was there; returns the bytes of its files.

    Raises ``FileExistsError`` for a folder that is not one of its making.
    """
    if target.exists():
        if any(target.iterdir()) and not (target / "imagebuilder_pager").is_dir():
            raise FileExistsError(f"{target} is there, and is no slim folder")
        shutil.rmtree(target)
    size = 0
    for distribution in requirements_of(LIBRARY):
        for path, place in files_of(distribution):
            if keeps(place):
                copy = target / place
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
                size += copy.stat().st_size
    return size


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Builds a folder with imagebuilder_pager and all it needs, and nothing else."
    )
    parser.add_argument("target", type=Path, help="the folder to build, such as build/slim")
    target: Path = parser.parse_args().target
    try:
        size = build(target)
    except FileExistsError as error:
        parser.error(str(error))
    print(f"{target}: {size / 1e6:.1f} MB")
    for path in sorted(target.iterdir()):
        if not path.name.endswith(".dist-info"):
            files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
            print(f"  {sum(p.stat().st_size for p in files) / 1e3:8.0f} kB  {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
