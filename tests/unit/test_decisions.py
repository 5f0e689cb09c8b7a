"""No decision of the package is made by the words of an error's message."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.fakes.sources import FILES, parse, path_in_package

_ERROR_TYPE = re.compile(r"\w*(Error|Exception|Problem)\b")
#: What looks at the words of a text, beside comparisons.
_LOOKING = {
    *("startswith", "endswith", "find", "rfind", "index", "rindex", "count"),
    *("partition", "rpartition", "split", "rsplit", "removeprefix"),
    *("match", "search", "fullmatch", "findall", "finditer"),
}


def find_decisions(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that look at the words of an error, or at a text made of them.

    The errors are the names of ``except`` clauses, parameters with the type of an error or of a
    problem, and the variables of loops over one of them.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = {
                argument.arg
                for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                if argument.annotation and _ERROR_TYPE.search(ast.unparse(argument.annotation))
            }
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names = {node.name}
        else:
            continue
        if not names:
            continue
        names |= {
            inner.target.id
            for inner in ast.walk(node)
            if isinstance(inner, ast.For | ast.comprehension) and isinstance(inner.target, ast.Name)
            if any(isinstance(of, ast.Name) and of.id in names for of in ast.walk(inner.iter))
        }
        texts: set[str] = set()
        for inner in ast.walk(node):
            if isinstance(inner, ast.Assign | ast.NamedExpr) and _has_words(
                inner.value, names, texts
            ):
                targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
                texts |= {target.id for target in targets if isinstance(target, ast.Name)}
        for inner in ast.walk(node):
            if any(_has_words(looked_at, names, texts) for looked_at in _looked_at(inner)):
                yield inner.lineno  # type: ignore[attr-defined]  # a comparison or a call


def _looked_at(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in _LOOKING:
            return [node.func.value, *node.args]
        if isinstance(node.func, ast.Name) and node.func.id in _LOOKING:
            return node.args
    return []


def _has_words(node: ast.expr, errors: set[str], texts: set[str]) -> bool:
    """Return whether an expression has the text of an error in it."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id in texts:
            return True
        if isinstance(inner, ast.Attribute):
            of, is_text = inner.value, inner.attr in {"args", "msg"}
        elif isinstance(inner, ast.FormattedValue):
            of, is_text = inner.value, True
        elif isinstance(inner, ast.Call) and inner.args and isinstance(inner.func, ast.Name):
            of, is_text = inner.args[0], inner.func.id in {"str", "repr"}
        else:
            continue
        # The error itself, or a problem of it.
        while isinstance(of, ast.Attribute | ast.Subscript):
            of = of.value
        if is_text and isinstance(of, ast.Name) and of.id in errors:
            return True
    return False


def test_no_decision_is_made_by_the_words_of_an_error() -> None:
    found = {path_in_package(file): list(find_decisions(parse(file))) for file in FILES}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "decision",
    [
        'if "SSL" in str(error): ...',
        'if str(error).startswith("x"): ...',
        'name, _, _ = str(error).partition(": ")',
        'if error.args[0] == "x": ...',
        "if error.msg in (1, 2): ...",
        'text = f"{error}: x"\n    if re.search("x", text): ...',
        'if "x" in (text := repr(error)): ...',
        'text = str(error) or "x"\n    if "SSL" in text: ...',
        'if str(error.problem).startswith("x"): ...',
        'if str(error.problems[0]) == "x": ...',
        'for problem in error.problems:\n        if "x" in str(problem): ...',
        'names = [str(p).partition(": ")[0] for p in error.problems]',
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        "try: ...\nexcept ValueError as error:\n    {}",
        "def f(error: ValueError | None):\n    {}",
        "async def f(a, *, error: 'exceptions.PagerError'):\n    {}",
    ],
)
def test_such_a_decision_is_found(around: str, decision: str) -> None:
    assert list(find_decisions(ast.parse(around.format(decision))))


@pytest.mark.parametrize(
    "line",
    [
        "if error.errno == 2: ...",
        'if error.problem.parameter == "x": ...',
        "raise OSError(str(error)) from None",
        'text = f"x: {error}"',
        "reason = str(error).splitlines()[0]",
    ],
)
def test_all_else_is_allowed(line: str) -> None:
    assert not list(find_decisions(ast.parse(f"try: ...\nexcept ValueError as error:\n    {line}")))
