"""The reference: each page has all members of boto3's page, and its examples run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.docs.method
import botocore.docs.paginator
import pytest
from botocore.docs.bcdoc.restdoc import DocumentStructure

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager._rows import Operation
from imagebuilder_pager.local import Account, LocalImageBuilder, LocalServer
from imagebuilder_pager.models import shapes
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tools.reference import EXAMPLE_VALUES
from tools.service_model import ServiceModel

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
CODE = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MODEL = ServiceModel()
every_operation = pytest.mark.parametrize("name", OPERATIONS)


def page_of(name: str) -> str:
    return (FOLDER / f"{OPERATIONS[name].name}.md").read_text(encoding="utf-8")


def code_of(name: str, language: str) -> list[str]:
    return [code for kind, code in CODE.findall(page_of(name)) if kind == language]


def sample(shape_name: str, path: str) -> Any:
    """Return a value of a shape with every member; its texts are paths."""
    shape = MODEL.shapes[shape_name]
    match shape["type"]:
        case "structure":
            return {
                member: EXAMPLE_VALUES.get(member) or sample(reference["shape"], f"{path}.{member}")
                for member, reference in shape["members"].items()
            }
        case "list":
            return [sample(shape["member"]["shape"], f"{path}[{n}]") for n in range(2)]
        case "map":
            return {"a key": sample(shape["value"]["shape"], f"{path}[a key]")}
    if shape["type"] == "string":
        return shape.get("enum", [path])[0]
    return {"boolean": True, "timestamp": 1740967200}.get(shape["type"], 7)


def sample_pages(operation: Operation) -> list[dict[str, Any]]:
    response = f"{operation.name}Response"
    return [sample(response, f"page {n}") for n in range(2 if operation.pagination else 1)]


@pytest.fixture(scope="module")
def service() -> LocalImageBuilder:
    pages = {operation.name: sample_pages(operation) for operation in OPERATIONS.values()}
    return LocalImageBuilder(Account(pages=pages))


@pytest.fixture
def local_service(
    service: LocalImageBuilder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalImageBuilder]:
    """Set the environment so that a program finds the local service in place of AWS."""
    with LocalServer(service) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IMAGEBUILDER", server.url)
        for name, value in LOCAL_CREDENTIALS.items():
            monkeypatch.setenv(name.upper(), value)
        yield service


@every_operation
def test_the_examples_run_and_print_the_same(
    local_service: LocalImageBuilder, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = OPERATIONS[name]
    printed = []
    examples = code_of(name, "python")
    for source in examples:
        before = local_service.requests
        exec(compile(source, f"{name}.md", "exec"), {"__name__": "__main__"})
        assert local_service.requests - before == (2 if operation.pagination else 1)
        printed.append(capsys.readouterr().out.splitlines())
        # Two items on each of two pages.
        assert len(printed[-1]) == (4 if operation.pagination else 1)
        assert all(printed[-1])
        assert name in source
    assert len(examples) == 2
    if "print(item)" not in examples[1]:
        assert printed[0] == printed[1]


@every_operation
def test_the_syntaxes_have_every_parameter_and_every_member(name: str) -> None:
    operation = OPERATIONS[name]
    members = MODEL.shapes[f"{operation.name}Request"]["members"]
    expected = [*members]
    if operation.pagination:
        own = [member for member in members if member not in ("maxResults", "nextToken")]
        expected = [*own, "PaginationConfig"]
    requests, responses = (ast.parse(code).body for code in code_of(name, "text"))
    match requests, responses:
        case [ast.Assign(value=ast.Call(keywords=keywords))], [ast.Expr(value=response)]:
            assert [keyword.arg for keyword in keywords] == expected
            assert keys_of(response) == keys_in(sample_pages(operation)[0])
        case _:
            pytest.fail("other code")


def keys_of(node: ast.expr) -> Any:
    """Return the keys of a dictionary in code, including inner dictionaries."""
    if isinstance(node, ast.Dict):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        if keys == ["string"]:
            return {}
        return {key: keys_of(value) for key, value in zip(keys, node.values, strict=True)}
    return keys_of(node.elts[0]) if isinstance(node, ast.List) else {}


def keys_in(value: Any) -> Any:
    if isinstance(value, dict):
        return {} if "a key" in value else {key: keys_in(inner) for key, inner in value.items()}
    return keys_in(value[0]) if isinstance(value, list) else {}


@every_operation
def test_every_attribute_of_the_response_table_exists(name: str) -> None:
    """The paths lead to values in a response, as keys and as attributes."""
    operation = OPERATIONS[name]
    response: Any = operation.response.model_validate(sample_pages(operation)[0])
    response["ResponseMetadata"] = {"HTTPStatusCode": 200, "HTTPHeaders": {}}
    structure = page_of(name).partition("## Response structure")[2].partition("## Errors")[0]
    rows = re.findall(r"^\| `([^`]*)` \| `([^`]*)` \| [^|]* \|", structure, re.MULTILINE)
    assert len(rows) > 2
    for key, attribute in rows:
        if key == "NextToken":
            assert attribute == "resume_token"
            continue
        by_key = by_attribute = response
        for step, attribute_step in zip(key.split("."), attribute.split("."), strict=True):
            by_key = by_key[step.rstrip("[]")]
            by_attribute = getattr(by_attribute, attribute_step.rstrip("[]"))
            for _ in range(step.count("[]")):
                by_key, by_attribute = by_key[0], by_attribute[0]
        assert by_key == by_attribute
        assert by_key or isinstance(by_key, shapes.Shape)


@pytest.fixture(scope="module")
def boto3_client() -> Any:
    return boto3.session.Session().client("imagebuilder", region_name="us-west-2")


def boto3s_page(operation: Operation, boto3_client: Any) -> str:
    section = DocumentStructure("section", target="html")
    model = boto3_client.meta.service_model
    if operation.pagination is None:
        botocore.docs.method.document_model_driven_method(
            section=section,
            method_name=operation.method_name,
            operation_model=model.operation_model(operation.name),
            event_emitter=boto3_client.meta.events,
        )
    else:
        botocore.docs.paginator.document_paginate_method(
            section=section,
            paginator_name=operation.name,
            event_emitter=boto3_client.meta.events,
            service_model=model,
            paginator_config=boto3_client.get_paginator(operation.method_name)._pagination_cfg,
        )
    return section.flush_structure().decode()


@every_operation
def test_a_page_has_every_member_of_boto3s_page(name: str, boto3_client: Any) -> None:
    theirs = boto3s_page(OPERATIONS[name], boto3_client)
    page = page_of(name)
    parameters = re.findall(r":param (\w+):", theirs)
    members = re.findall(r"- \*\*(\w+)\*\* \*\(", theirs)
    assert parameters
    assert len(members) > 2
    for member in {*parameters, *members}:
        assert re.search(rf"[`.]{member}\b", page), member
    required = re.findall(r":param (\w+): \*\*\[REQUIRED\]\*\*", theirs)
    assert re.findall(r"^\| `(\w+)`[^|]*, required \|", page, re.MULTILINE) == required


@every_operation
def test_a_page_has_the_errors_and_the_iam_action(name: str) -> None:
    operation = OPERATIONS[name]
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| [^|]+ \|$", page_of(name), re.MULTILINE)
    shapes = MODEL.shapes
    assert rows == [
        (error, str(shapes[error]["error"]["httpStatusCode"])) for error in operation.errors
    ]
    assert f"| IAM action | `imagebuilder:{operation.name}` |" in page_of(name)


def test_the_index_links_to_every_page_once() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"^\| \[(\w+)\]\(\1\.md\) \|", index, re.MULTILINE)
    assert sorted(linked) == sorted(operation.name for operation in OPERATIONS.values())
