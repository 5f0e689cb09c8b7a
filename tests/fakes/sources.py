"""The files of the package, each parsed once."""

import ast
import functools
from pathlib import Path

import imagebuilder_pager

PACKAGE = Path(imagebuilder_pager.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


@functools.cache
def parse(file: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(file.read_text(encoding="utf-8"))


def path_in_package(file: Path) -> str:
    """Return the path of a file, relative to the package."""
    return file.relative_to(PACKAGE).as_posix()
