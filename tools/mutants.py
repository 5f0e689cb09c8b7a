"""Break the code at random places, one at a time, and print which breaks the tests catch.

``python -m tools.mutants --seed 1 --count 40``. A mutant is a copy of the tree with one other
operator or constant in a module of ``_aws`` or ``pagination``. The tests that import the module run
against it, until the first failure or until they have used 60 seconds of CPU. The nearest tests in
the graph of imports run first.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MUTATED = ("imagebuilder_pager/_aws", "imagebuilder_pager/pagination")
SECONDS = 60
FILES_PER_RUN = 8
SWAPS: dict[type[Any], type[Any]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
}


def find_mutants(source: str) -> Iterator[tuple[Any, str]]:
    """Yield the expressions of a module that can be mutated, each with its replacement."""
    tree = ast.parse(source)
    in_strings = {
        node for s in ast.walk(tree) if isinstance(s, ast.JoinedStr) for node in ast.walk(s)
    }
    for node in ast.walk(tree):
        if node in in_strings:
            continue
        new: Any = copy.deepcopy(node)
        match new:
            case ast.Compare(ops=[op]):
                new.ops = [SWAPS[type(op)]()]
            case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in SWAPS:
                new.op = SWAPS[type(op)]()
            case ast.UnaryOp(op=ast.Not()):
                new = new.operand
            case ast.Constant(value=bool(value)):
                new.value = not value
            case ast.Constant(value=int(value) | float(value)):
                new.value = value + 1
            case _:
                continue
        yield node, f"({ast.unparse(new)})"


def mutate(source: str, node: Any, replacement: str) -> str:
    """Return the source with one expression replaced."""
    lines = source.encode().splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    text = source.encode()
    return (text[:start] + replacement.encode() + text[end:]).decode()


def find_imports(file: Path, root: Path) -> Iterator[Path]:
    """Yield the files of the tree that a file imports, also in functions and for type checkers."""
    for node in ast.walk(ast.parse(file.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            folder = file.parents[node.level - 1].relative_to(root).parts if node.level else ()
            base = ".".join([*folder, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            path = root.joinpath(*name.split("."))
            yield from (f for f in (path.with_suffix(".py"), path / "__init__.py") if f.is_file())


def find_tests(root: Path) -> dict[Path, list[Path]]:
    """Return the test files that import each module, the nearest first."""
    files = [
        file for part in ("imagebuilder_pager", "tests") for file in (root / part).rglob("*.py")
    ]
    imports = {file: set(find_imports(file, root)) for file in files}
    found: dict[Path, list[tuple[int, Path]]] = defaultdict(list)
    for test in sorted(file for file in files if file.name.startswith("test_")):
        seen, level, distance = {test}, {test}, 0
        while level:
            level = {other for file in level for other in imports.get(file, ())} - seen
            seen |= level
            distance += 1
            for file in level:
                found[file].append((distance, test))
    return {file: [test for _, test in sorted(pairs)] for file, pairs in found.items()}


def cpu_seconds() -> float:
    """Return the CPU time of all ended child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def find_failure(root: Path, tests: list[Path]) -> str | None:
    """Run test files until a test fails, and return the test; None if none fails in time."""
    end = cpu_seconds() + SECONDS
    for first in range(0, len(tests), FILES_PER_RUN):
        left = int(end - cpu_seconds())
        if left <= 0:
            break
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        command += [str(test) for test in tests[first : first + FILES_PER_RUN]]
        limit = f'ulimit -t {left}; exec "$@"'
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", limit, "sh", *command],
                cwd=root,
                env=os.environ | {"PYTHONPATH": str(root)},
                capture_output=True,
                text=True,
                timeout=5 * SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            break
        if done.returncode in {1, 2, 3, 4}:
            named = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
            return named[1] if named else "pytest did not start"
    return None


def main() -> None:
    """Run the tests against each mutant, and print a line for each."""
    parser = argparse.ArgumentParser(description="Break the code at random places.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=40)
    args = parser.parse_args()
    caught = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        ignored = shutil.ignore_patterns(".*", "__pycache__", "build")
        shutil.copytree(Path(__file__).parents[1], root, ignore=ignored, dirs_exist_ok=True)
        tests = find_tests(root)
        modules = sorted(file for part in MUTATED for file in (root / part).rglob("*.py"))
        places = [(file, *mutant) for file in modules for mutant in find_mutants(file.read_text())]
        for file, node, replacement in random.Random(args.seed).sample(places, args.count):  # noqa: S311
            source = file.read_text()
            file.write_text(mutate(source, node, replacement))
            failure = find_failure(root, tests.get(file, []))
            file.write_text(source)
            caught += failure is not None
            place = f"{file.relative_to(root)}:{node.lineno}"
            print(
                f"{place}: {ast.unparse(node)} -> {replacement}: {failure or 'NOT CAUGHT'}",
                flush=True,
            )
    print(f"{caught} of {args.count} caught")


if __name__ == "__main__":
    main()
