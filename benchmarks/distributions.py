"""The installed distributions, with their requirements and files."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath

__all__ = ["LIBRARY", "ROOT", "files_of", "requirements_of"]

LIBRARY = "imagebuilder-pager"
ROOT = Path(__file__).parents[1]


def requirements_of(
    name: str, site_packages: Path | None = None
) -> list[importlib.metadata.Distribution]:
    """Return the distribution of that name and all its run-time requirements, as installed.

    They are read from this environment, or from ``site_packages`` of another one. A requirement
    that is not installed is not needed on this Python or platform. Raises ``PackageNotFoundError``
    if the distribution itself is not installed.
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


def files_of(distribution: importlib.metadata.Distribution) -> Iterator[tuple[Path, PurePath]]:
    """Yield each installed file of a distribution, with its path relative to site-packages."""
    if distribution.name == LIBRARY:
        # An editable install has only a link to this checkout.
        for path in sorted((ROOT / "imagebuilder_pager").rglob("*")):
            if path.is_file():
                yield path, path.relative_to(ROOT)
    for record in distribution.files or ():
        relative, path = PurePath(record), Path(str(distribution.locate_file(record)))
        is_ours = relative.parts[0] == "imagebuilder_pager"
        if path.is_file() and not (is_ours or ".." in relative.parts or relative.suffix == ".pth"):
            yield path, relative
