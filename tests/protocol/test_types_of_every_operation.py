"""What a type checker knows of every operation: a program that uses all of them, and its mistakes.

The program is made from botocore's service model, so that nothing of ours says what is right.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
import botocore.model
import pytest

from imagebuilder_pager._operations import OPERATIONS
from tests.fakes.type_checkers import Messages, mypy_cache, run_mypy, run_pyright

HEAD = """
from imagebuilder_pager import AsyncImageBuilder, ImageBuilder

sync_client = ImageBuilder("us-west-2")
async_client = AsyncImageBuilder("us-west-2")


async def main() -> None:
"""


def literal(shape: Any) -> str:
    """A value of a parameter, as source."""
    if shape.type_name == "list":
        return f"[{literal(shape.member)}]"
    if shape.type_name == "structure":
        members = (f"{name!r}: {literal(member)}" for name, member in shape.members.items())
        return f"{{{', '.join(members)}}}"
    if getattr(shape, "enum", None):
        return repr(shape.enum[0])
    return {"string": "'text'", "integer": "5", "boolean": "True"}[shape.type_name]


def lines_of(operation: botocore.model.OperationModel) -> Iterator[str]:
    """Lines that use an operation in every way; ``# R:`` is a type, ``# E:`` an error."""
    shape: Any = operation.input_shape
    method = botocore.xform_name(operation.name)
    response = f"{operation.name}Response"
    params = {name: literal(member) for name, member in shape.members.items()}
    arguments = ", ".join(f"{name}={value}" for name, value in params.items())
    yield f"reveal_type(sync_client.{method}({arguments}))  # R: {response}"
    yield f"reveal_type(await async_client.{method}({arguments}))  # R: {response}"
    if OPERATIONS[method].is_paginated:
        result_key = OPERATIONS[method].result_key
        assert operation.output_shape is not None
        items: Any = operation.output_shape.members[result_key or ""]
        pages = f"PageIterator[{response}, {items.member.name}]"
        config = "PaginationConfig={'MaxItems': 5}"
        for client, prefix in (("sync_client", ""), ("async_client", "Async")):
            call = f"{client}.get_paginator({method!r}).paginate"
            yield f"reveal_type({call}({arguments}, {config}))  # R: {prefix}{pages}"
            yield f"{call}({arguments}, colour='red')  # E: colour"
            wrong_key = "PaginationConfig={'MaxItem': 5}"
            yield f"{call}({arguments}, {wrong_key})  # E: MaxItem|PaginationConfig"
            yield f"{client}.{method}({arguments}, {config})  # E: PaginationConfig"
    for name in shape.required_members:
        rest = ", ".join(f"{key}={params[key]}" for key in params if key != name)
        yield f"sync_client.{method}({rest})  # E: {name}"
        yield f"await async_client.{method}({rest})  # E: {name}"
    for name, value in params.items():
        others = [f"{key}={params[key]}" for key in params if key != name]
        misspelt, wrong = f"{name}x={value}", f"{name}=object()"
        snake_case = f"{botocore.xform_name(name)}={value}"
        mistakes = [misspelt, wrong, *([snake_case] * (botocore.xform_name(name) != name))]
        for mistake in mistakes:
            call = f"sync_client.{method}({', '.join([mistake, *others])})"
            yield f"{call}  # E: {mistake.partition('=')[0]}|{method}"


@pytest.fixture(scope="module")
def program(service_model: botocore.model.ServiceModel) -> list[str]:
    lines = [
        f"    {line}"
        for operation in OPERATIONS.values()
        for line in lines_of(service_model.operation_model(operation.name))
    ]
    return [*HEAD.splitlines(), *lines]


@pytest.fixture(scope="module")
def folder(program: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("types")
    (folder / "program.py").write_text("\n".join(program))
    return folder


@pytest.fixture(scope="module")
def of_mypy(
    folder: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Messages:
    return run_mypy(folder, mypy_cache(request, tmp_path_factory))


@pytest.fixture(scope="module")
def of_pyright(folder: Path) -> Messages:
    return run_pyright(folder)


def marked(program: list[str], mark: str) -> dict[int, str]:
    """The lines with a mark, and what stands behind it."""
    lines = enumerate(program, start=1)
    return {number: line.partition(mark)[2] for number, line in lines if mark in line}


def by_line(messages: dict[tuple[str, int], list[str]]) -> dict[int, str]:
    return {line: texts[0] for (_, line), texts in messages.items()}


def type_in(text: str) -> str:
    """The type that a checker reveals, without modules."""
    return re.sub(r"\b[\w.]+\.(?=\w)", "", text).rstrip('"').rpartition('"')[2]


def test_every_operation_has_its_types(program: list[str], of_mypy: Messages) -> None:
    expected = marked(program, "# R: ")
    assert len(expected) >= 4 * len(OPERATIONS) - 4
    notes = by_line(of_mypy["note"])
    assert {line: type_in(notes.get(line, "")) for line in expected} == expected


def test_pyright_reveals_the_same_types(program: list[str], of_pyright: Messages) -> None:
    revealed = by_line(of_pyright["information"])
    assert {line: type_in(text) for line, text in revealed.items()} == marked(program, "# R: ")


def test_every_mistake_is_an_error_and_nothing_else_is(
    program: list[str], of_mypy: Messages
) -> None:
    expected = marked(program, "# E: ")
    errors = by_line(of_mypy["error"])
    assert errors.keys() == expected.keys()
    for line, pattern in expected.items():
        assert re.search(pattern, errors[line]), (program[line - 1], errors[line])


def test_pyright_finds_the_same_mistakes_and_no_others(
    program: list[str], of_pyright: Messages
) -> None:
    assert by_line(of_pyright["error"]).keys() == marked(program, "# E: ").keys()
