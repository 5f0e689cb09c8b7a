"""The slim folder: what a program that uses the library imports, and nothing else.

    python tools/slim.py build/slim
    python tools/slim.py build/slim --with cli local
    python tools/slim.py build/slim-lean --lean

The folder is for ``sys.path``. It is copied from the environment that runs this script, so nothing
is downloaded. Left out are the command line, the fleet, the local service and the walk (``--with``
adds them), botocore's data, tests, type stubs, bytecode and commands. Each ``.dist-info`` keeps its
metadata, which vulnerability scanners read, and its licences, which have to be distributed too.

The lean folder is for ``http_client=H11Client()``: it has the distributions of
``requirements-lean.txt`` alone, and of Pydantic neither version 1 nor the plugin for mypy.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path, PurePath

LIBRARY = "imagebuilder-pager"
ROOT = Path(__file__).parents[1]
LEAN_REQUIREMENTS = ROOT / "requirements-lean.txt"

#: The parts of the library that a program does not import.
OPTIONAL_PARTS = {
    "cli": ("imagebuilder_pager/cli", "imagebuilder_pager/__main__.py"),
    "fleet": ("imagebuilder_pager/fleet",),
    "local": ("imagebuilder_pager/local", "imagebuilder_pager/pytest_plugin.py"),
    "walk": ("imagebuilder_pager/lifecycle_walk",),
}
# Pydantic imports its version 1 only for a class with version 1's __get_validators__.
_EXCLUDED_FROM_LEAN = ("pydantic/v1", "pydantic/mypy.py")
_EXCLUDED_SUFFIXES = frozenset({".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h"})
_EXCLUDED_NAMES = frozenset({"__pycache__", "tests", "test"})
_LICENCE = re.compile(r"(?i)licen[cs]e|copying|notice|authors")

_LIST_FROM = """
import sys
folder, url, *lean = sys.argv[1:]
sys.path.insert(0, folder)
from imagebuilder_pager import H11Client, ImageBuilder
arguments = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "endpoint_url": url}
if lean:
    arguments["http_client"] = H11Client()
with ImageBuilder("us-west-2", **arguments) as client:
    for resource in client.get_paginator("list_lifecycle_execution_resources").paginate(
        lifecycleExecutionId="lce-12345678-1234-1234-1234-123456789012"
    ).items():
        print(resource.resource_id)
"""


def requirements_of(
    name: str, site_packages: Path | None = None
) -> list[importlib.metadata.Distribution]:
    """Return the distribution of that name and all its run-time requirements, as installed.

    They are those of the environment that runs this, or of another one's ``site_packages``. A
    requirement that is not installed is not needed on this Python or platform; for the first,
    ``PackageNotFoundError`` is raised.
    """
    path = sys.path if site_packages is None else [str(site_packages)]
    found: dict[str, importlib.metadata.Distribution] = {}
    names = [name]
    while names:
        name = re.sub(r"[-_.]+", "-", names.pop()).lower()
        distribution = next(iter(importlib.metadata.distributions(name=name, path=path)), None)
        if distribution is None and not found:
            raise importlib.metadata.PackageNotFoundError(name)
        if distribution is None or name in found:
            continue
        found[name] = distribution
        for requirement in distribution.requires or ():
            specifier, _, marker = requirement.partition(";")
            match = re.match(r"[\w.-]+", specifier)
            if match is not None and "extra" not in marker:
                names.append(match[0])
    return list(found.values())


def lean_requirements() -> list[importlib.metadata.Distribution]:
    """Return the library's distribution and those of ``requirements-lean.txt``, as installed."""
    lines = LEAN_REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    names = [line.partition("==")[0] for line in lines if line and not line.startswith("#")]
    return [importlib.metadata.distribution(name) for name in (LIBRARY, *names)]


def files_of(distribution: importlib.metadata.Distribution) -> Iterator[tuple[Path, PurePath]]:
    """Yield each installed file of a distribution, with its path relative to site-packages."""
    if distribution.name == LIBRARY:
        # An editable install has no files of the library but a link to this checkout.
        for path in sorted((ROOT / "imagebuilder_pager").rglob("*")):
            if path.is_file():
                yield path, path.relative_to(ROOT)
    for record in distribution.files or ():
        relative, path = PurePath(record), Path(str(distribution.locate_file(record)))
        is_ours = relative.parts[0] == "imagebuilder_pager"
        if path.is_file() and not (is_ours or ".." in relative.parts or relative.suffix == ".pth"):
            yield path, relative


def is_included(relative: PurePath, parts: Collection[str] = (), *, lean: bool = False) -> bool:
    """Tell whether a file of site-packages belongs into a slim folder with these parts."""
    excluded = ["botocore/data", *(_EXCLUDED_FROM_LEAN if lean else ())]
    for part in OPTIONAL_PARTS.keys() - parts:
        excluded += OPTIONAL_PARTS[part]
    if any(relative.is_relative_to(path) for path in excluded):
        return False
    top, *below = relative.parts
    if top.endswith(".dist-info"):
        is_licence = _LICENCE.search("/".join(below)) is not None
        return bool(below) and (relative.name == "METADATA" or is_licence)
    return relative.suffix not in _EXCLUDED_SUFFIXES and not _EXCLUDED_NAMES & set(relative.parts)


def build(target: Path, parts: Collection[str] = (), *, lean: bool = False) -> int:
    """Build the folder, in place of an older one, and return the size of its files in bytes.

    ``parts`` are keys of ``OPTIONAL_PARTS``. ``lean`` builds the lean folder. Raises
    ``FileExistsError`` for a folder with other content.
    """
    if target.exists():
        if any(target.iterdir()) and not (target / "imagebuilder_pager").is_dir():
            raise FileExistsError(f"{target} exists, and is not a slim folder")
        shutil.rmtree(target)
    size = 0
    for distribution in lean_requirements() if lean else requirements_of(LIBRARY):
        for path, relative in files_of(distribution):
            if is_included(relative, parts, lean=lean):
                copy = target / relative
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
                size += copy.stat().st_size
    return size


def check(target: Path, *, lean: bool = False) -> list[str]:
    """List from a local server with nothing but the folder, and return the ids of the resources.

    ``lean`` lists with ``H11Client``. Raises ``CalledProcessError`` if the listing fails.
    """
    from imagebuilder_pager.local import LocalImageBuilder, LocalServer, generate_account

    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.upper().endswith("_PROXY")
    }
    with LocalServer(LocalImageBuilder(generate_account(resources=60))) as server:
        arguments = [str(target.resolve()), server.url, *(["lean"] if lean else [])]
        # Isolated and without site-packages: only the folder and the standard library.
        listing = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c", _LIST_FROM, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return listing.stdout.split()


def main() -> int:
    """Build the folder as the command line says, and print its size."""
    parser = argparse.ArgumentParser(description="Build a folder for sys.path.")
    parser.add_argument("target", type=Path, help="the folder to build, such as build/slim")
    parser.add_argument("--with", dest="parts", nargs="+", choices=OPTIONAL_PARTS, default=())
    parser.add_argument("--lean", action="store_true", help="build it for H11Client alone")
    parser.add_argument("--check", action="store_true", help="list with it from a local server")
    options = parser.parse_args()
    target: Path = options.target
    try:
        size = build(target, options.parts, lean=options.lean)
    except FileExistsError as error:
        parser.error(str(error))
    print(f"{target}: {size / 1e6:.1f} MB")
    if options.check:
        print(f"Listed {len(check(target, lean=options.lean))} resources with it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
