"""The code of the reference: how an operation is called, what comes back, and examples."""

from __future__ import annotations

import enum
import json
from typing import Any

from imagebuilder_pager.operations import Operation

from .service_model import Catalogue, attribute_name

__all__ = [
    "EXAMPLE_VALUES",
    "PAGE_PARAMS",
    "Spelling",
    "example",
    "request_syntax",
    "response_syntax",
]

_ARN = "arn:aws:imagebuilder:us-west-2:123456789012"

#: A valid value of each parameter that some operation requires.
EXAMPLE_VALUES = {
    "imageBuildVersionArn": f"{_ARN}:image/web-base/1.4.0/2",
    "imagePipelineArn": f"{_ARN}:image-pipeline/web-base",
    "lifecycleExecutionId": "lce-12345678-1234-1234-1234-123456789012",
    "lifecyclePolicyArn": f"{_ARN}:lifecycle-policy/retire-old-amis",
    "resourceArn": f"{_ARN}:lifecycle-policy/retire-old-amis",
    "workflowExecutionId": "wf-12345678-1234-1234-1234-123456789012",
}

#: Members that an example prints, the first two that an item has.
_SHOWN = (
    *("arn", "resourceId", "lifecycleExecutionId", "workflowExecutionId", "stepExecutionId"),
    *("packageName", "title", "severity", "status", "packageVersion", "version", "startTime"),
    *("name", "region", "dateCreated"),
)
_PLACEHOLDERS = {
    "string": '"string"',
    "integer": "123",
    "long": "123",
    "double": "1.23",
    "boolean": "True",
    "timestamp": "datetime(2015, 1, 1)",
}
#: The parameters of one page, which a paginator sets by itself.
PAGE_PARAMS = ("maxResults", "nextToken")

_CONFIG = {"MaxItems": 123, "PageSize": 123, "StartingToken": "string"}


class Spelling(enum.Enum):
    """The spelling of parameters and members."""

    BOTO3 = "boto3"
    SNAKE_CASE = "snake_case"

    def of(self, name: str) -> str:
        """Return the name of a parameter in this spelling."""
        return name if self is Spelling.BOTO3 else attribute_name(name).removesuffix("_")


def request_syntax(operation: Operation[Any], catalogue: Catalogue, spelling: Spelling) -> str:
    """Return the call with all of its parameters and placeholders."""
    request = catalogue.shapes[catalogue.input_and_output(operation)[0]]
    paginated = operation.pagination is not None
    own = [name for name in request["members"] if not paginated or name not in PAGE_PARAMS]
    lines = [
        f"    {spelling.of(name)}="
        f"{_value(request['members'][name]['shape'], catalogue, spelling, '    ')},\n"
        for name in own
    ]
    if not paginated:
        return f"response = client.{operation.method_name}(\n{''.join(lines)})\n"
    config = {k: v for k, v in _CONFIG.items() if operation.limit_key or k != "PageSize"}
    lines.append(f"    PaginationConfig={json.dumps(config)},\n")
    call = f'client.get_paginator("{operation.method_name}").paginate'
    return f"pages = {call}(\n{''.join(lines)})\n"


def response_syntax(operation: Operation[Any], catalogue: Catalogue) -> str:
    """Return the response as a dictionary with placeholders."""
    name = catalogue.input_and_output(operation)[1]
    return _value(name, catalogue, Spelling.BOTO3, "") + "\n"


def _value(name: str, catalogue: Catalogue, spelling: Spelling, indent: str) -> str:
    """Return a placeholder of a shape; a structure or a list takes several lines."""
    shape = catalogue.shapes[name]
    inner = f"{indent}    "
    if shape["type"] == "structure":
        lines = [
            f'{inner}"{spelling.of(member)}": '
            f"{_value(reference['shape'], catalogue, spelling, inner)},\n"
            for member, reference in shape["members"].items()
        ]
        return f"{{\n{''.join(lines)}{indent}}}"
    if shape["type"] == "list":
        item = catalogue.shapes[shape["member"]["shape"]]
        if item["type"] not in {"structure", "list"}:
            return f"[{_value(shape['member']['shape'], catalogue, spelling, indent)}]"
        value = _value(shape["member"]["shape"], catalogue, spelling, inner)
        return f"[\n{inner}{value},\n{indent}]"
    if shape["type"] == "map":
        return f'{{"string": {_value(shape["value"]["shape"], catalogue, spelling, inner)}}}'
    if "enum" in shape:
        return " | ".join(f'"{value}"' for value in shape["enum"])
    return _PLACEHOLDERS[shape["type"]]


def example(
    operation: Operation[Any], catalogue: Catalogue, spelling: Spelling = Spelling.SNAKE_CASE
) -> str:
    """Return a program that calls the operation and prints what comes."""
    request, response = map(catalogue.shapes.get, catalogue.input_and_output(operation))
    assert request is not None
    assert response is not None
    params = ", ".join(
        f'{spelling.of(name)}="{EXAMPLE_VALUES[name]}"' for name in request.get("required", ())
    )
    head = (
        "from imagebuilder_pager import ImageBuilder\n\n"
        'with ImageBuilder(region_name="us-west-2") as client:\n'
    )
    if operation.pagination is None:
        ((member, reference),) = response["members"].items()
        call = _call(f"response = client.{operation.method_name}", params, "    ")
        access = f'["{member}"]' if spelling is Spelling.BOTO3 else f".{attribute_name(member)}"
        shown = _shown("item", catalogue.shapes[reference["shape"]], spelling)
        return f"{head}{call}    item = response{access}\n    print({shown})\n"
    assert operation.result_key is not None
    item = catalogue.shapes[catalogue.item_type(operation)]
    call = f'paginator = client.get_paginator("{operation.method_name}")\n'
    pages = _call("pages = paginator.paginate", params, "    ")
    if spelling is Spelling.SNAKE_CASE:
        loop = f"    for item in pages.items():\n        print({_shown('item', item, spelling)})\n"
    else:
        loop = (
            "    for page in pages:\n"
            f'        for item in page["{operation.result_key}"]:\n'
            f"            print({_shown('item', item, spelling)})\n"
        )
    return f"{head}    {call}{pages}{loop}"


def _call(function: str, params: str, indent: str) -> str:
    line = f"{indent}{function}({params})\n"
    if len(line) <= 101:
        return line
    return f"{indent}{function}(\n{indent}    {params}\n{indent})\n"


def _shown(access: str, shape: dict[str, Any], spelling: Spelling) -> str:
    """Return the expressions of two members, or of all of the item where it has none of those."""
    names = [name for name in _SHOWN if name in shape["members"]][:2]
    if not names:
        return access if spelling is Spelling.BOTO3 else f"{access}.to_dict()"
    if spelling is Spelling.BOTO3:
        return ", ".join(f'{access}["{name}"]' for name in names)
    return ", ".join(f"{access}.{attribute_name(name)}" for name in names)
