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
from mypy import api

from imagebuilder_pager.operations import OPERATIONS

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
    for spell in (str, botocore.xform_name):
        params = {spell(name): literal(member) for name, member in shape.members.items()}
        arguments = ", ".join(f"{name}={value}" for name, value in params.items())
        yield f"reveal_type(sync_client.{method}({arguments}))  # R: {response}"
        yield f"reveal_type(await async_client.{method}({arguments}))  # R: {response}"
        paginated = OPERATIONS[method].pagination is not None
        if paginated:
            result_key = OPERATIONS[method].result_key
            assert operation.output_shape is not None
            items: Any = operation.output_shape.members[result_key or ""]
            pages = f"PageIterator[{response}, {items.member.name}]"
            config = "PaginationConfig={'MaxItems': 5}"
            for client, prefix in (("sync_client", ""), ("async_client", "Async")):
                call = f"{client}.get_paginator({method!r}).paginate"
                yield f"reveal_type({call}({arguments}, {config}))  # R: {prefix}{pages}"
                yield f"{call}({arguments}, colour='red')  # E: colour|overload"
                yield f"{client}.{method}({arguments}, {config})  # E: PaginationConfig|overload"
        for name in shape.required_members:
            rest = ", ".join(f"{key}={params[key]}" for key in params if key != spell(name))
            yield f"sync_client.{method}({rest})  # E: overload"
            yield f"await async_client.{method}({rest})  # E: overload"
        for name, value in params.items():
            others = [f"{key}={params[key]}" for key in params if key != name]
            misspelt, wrong = f"{name}x={value}", f"{name}=object()"
            for mistake in (misspelt, wrong):
                call = f"sync_client.{method}({', '.join([mistake, *others])})"
                yield f"{call}  # E: {mistake.partition('=')[0]}|{method}|overload"


@pytest.fixture(scope="module")
def program(service_model: botocore.model.ServiceModel) -> list[str]:
    lines = [
        f"    {line}"
        for operation in OPERATIONS.values()
        for line in lines_of(service_model.operation_model(operation.name))
    ]
    return [*HEAD.splitlines(), *lines]


@pytest.fixture(scope="module")
def messages(
    program: list[str], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[int, str]:
    """What mypy says, by line of the program."""
    file = tmp_path_factory.mktemp("types") / "program.py"
    file.write_text("\n".join(program))
    cache = getattr(request.config, "cache", None)  # pytest can do without
    cache_dir = cache.mkdir("mypy") if cache is not None else tmp_path_factory.mktemp("mypy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPYPATH", str(Path(__file__).parents[2]))
        options = ["--strict", "--config-file=", f"--cache-dir={cache_dir}", "--no-error-summary"]
        out, errors, _ = api.run([*options, "--no-pretty", str(file)])
    assert errors == ""
    found: dict[int, str] = {}
    for line in out.splitlines():
        match = re.match(r".*program\.py:(\d+): (?:note|error): (.*)", line)
        if match:
            found.setdefault(int(match[1]), match[2])
    return found


def test_every_operation_has_its_types_in_both_spellings(
    program: list[str], messages: dict[int, str]
) -> None:
    expected = {
        number: line.partition("# R: ")[2]
        for number, line in enumerate(program, start=1)
        if "# R: " in line
    }
    assert len(expected) >= 4 * len(OPERATIONS)
    found = {
        number: re.sub(r"\b[\w.]+\.(?=\w)", "", messages.get(number, "")).partition('"')[2][:-1]
        for number in expected
    }
    assert found == expected


def test_every_mistake_is_an_error_and_nothing_else_is(
    program: list[str], messages: dict[int, str]
) -> None:
    expected = {
        number: line.partition("# E: ")[2]
        for number, line in enumerate(program, start=1)
        if "# E: " in line
    }
    errors = {
        number: text for number, text in messages.items() if not text.startswith("Revealed type")
    }
    assert errors.keys() == expected.keys()
    for number, pattern in expected.items():
        assert re.search(pattern, errors[number]), (program[number - 1], errors[number])
