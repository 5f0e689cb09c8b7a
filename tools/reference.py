"""The pages of ``docs/reference/``: one for each operation, and an index.

The words are those of ``words.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagebuilder_pager._rows import title_of
from imagebuilder_pager.models import exceptions
from imagebuilder_pager.pagination.config import MAX_PREFETCH

from .service_model import PACKAGE, OperationModel, ServiceModel, attribute_name
from .words import FILTERS, describe_member

FOLDER = PACKAGE.parent / "docs" / "reference"
_SCALARS = {"long": "integer", "double": "number", "float": "number", "timestamp": "datetime"}
_AWS_PAGE = "https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_{}.html"


def _table(headings: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cell or ' ' for cell in line)} |" for line in lines)


def _code(text: str) -> str:
    # A bar would end the cell, also inside of code.
    return f"`{text.replace('|', chr(92) + '|')}`"


class _Page:
    """The page of one operation."""

    def __init__(self, model: ServiceModel, operation: OperationModel) -> None:
        self._model = model
        self._operation = operation
        self._request, self._response = operation.request, operation.response

    def text(self) -> str:
        """Return the page in Markdown."""
        operation = self._operation
        verb = "Lists" if operation.result_key else "Returns"
        parts = [
            f"# {operation.name}",
            f"{verb} {operation.returns}. [All operations](README.md)",
            _table(("", ""), self._facts()),
            "## Example",
            f"```python\n{example(operation, self._model, as_dictionary=False)}```",
            "With pages as dictionaries:",
            f"```python\n{example(operation, self._model, as_dictionary=True)}```",
            "## Request syntax",
            f"```text\n{request_syntax(operation, self._model)}```",
        ]
        if operation.result_key:
            params = "`maxResults` and `nextToken`" if operation.limit_key else "`nextToken`"
            parts.append(
                f"`client.{operation.method_name}(...)` returns one page. It takes {params} in "
                "place of `PaginationConfig`."
            )
        parts += ["## Parameters", *self._parameters()]
        parts += [
            "## Response syntax",
            f"```text\n{response_syntax(operation, self._model)}```",
            "## Response structure",
            "Each member is a key, and an attribute in snake_case; see "
            "[responses](README.md#responses).",
            _table(("key", "attribute", "type", "meaning"), self._response_rows()),
            "## Errors",
            _table(("error", "HTTP status", "meaning"), self._errors()),
            "Any operation may also raise the errors that are [common to all](README.md#errors).",
        ]
        return "\n\n".join(parts) + "\n"

    def _facts(self) -> Iterator[tuple[str, ...]]:
        operation = self._operation
        yield "method", f"`client.{operation.method_name}`"
        if operation.result_key:
            yield "paginator", f'`client.get_paginator("{operation.method_name}")`'
            item = self._model.item_type(operation)
            yield "items", f"`{item}`, under the key `{operation.result_key}`"
        yield "IAM action", f"`imagebuilder:{operation.name}`"
        yield "HTTP", f"`{operation.http_method} {operation.path}`"
        yield "AWS's page", f"[{operation.name}]({_AWS_PAGE.format(operation.name)})"

    def _parameters(self) -> Iterator[str]:
        rows = list(self._parameter_rows(self._request, ""))
        if self._operation.result_key:
            rows += self._config_rows()
        yield _table(("parameter", "type", "limits", "meaning"), iter(rows))
        if names := FILTERS.get(self._operation.name):
            yield f"The filters that AWS has: {', '.join(map(_code, names))}."

    def _parameter_rows(self, structure: str, prefix: str) -> Iterator[tuple[str, ...]]:
        shape = self._model.shapes[structure]
        required_names = shape.get("required", ())
        # The required ones come first, those of the page last.
        for name in sorted(
            shape["members"], key=lambda name: (name in PAGE_PARAMS, name not in required_names)
        ):
            member = shape["members"][name]
            required = ", required" if name in required_names else ""
            yield (
                f"`{prefix}{name}`{required}",
                self._type(member["shape"]),
                self._allowed(member["shape"]),
                describe_member(structure, name),
            )
            inner, suffix = self._structure_inside(member["shape"])
            if inner:
                yield from self._parameter_rows(inner, f"{prefix}{name}{suffix}.")

    def _config_rows(self) -> Iterator[tuple[str, ...]]:
        prefix = "PaginationConfig"
        limit_key = self._operation.limit_key
        yield f"`{prefix}.MaxItems`", "integer", "0 or more", "The most items of the whole listing."
        if limit_key is not None:
            limit = self._model.shapes[self._request]["members"][limit_key]["shape"]
            allowed = self._allowed(limit)
            yield f"`{prefix}.PageSize`", "integer", allowed, "The most items of a page."
        token = "The token of a page, an item or a listing that `MaxItems` ended."
        yield f"`{prefix}.StartingToken`", "string", "", token
        allowed = f"0 to {MAX_PREFETCH}"
        yield (
            f"`{prefix}.Prefetch`",
            "integer",
            allowed,
            "The pages to fetch ahead; boto3 ignores it.",
        )

    def _response_rows(self) -> Iterator[tuple[str, ...]]:
        yield from self._members(self._response)
        if self._operation.result_key:
            meaning = "The `StartingToken` that resumes after the page, of a paginator."
            yield "`NextToken`", "`resume_token`", "string", meaning
        yield "`ResponseMetadata`", "`response_metadata`", "`ResponseMetadata`", "As in boto3."

    def _members(
        self, structure: str, key: str = "", attribute: str = ""
    ) -> Iterator[tuple[str, ...]]:
        for name, member in self._model.shapes[structure]["members"].items():
            shape = self._model.shapes[member["shape"]]
            meaning = describe_member(structure, name)
            if "enum" in shape:
                meaning = f"{meaning} One of {', '.join(map(_code, shape['enum']))}."
            own_attribute = f"{attribute}{attribute_name(name)}"
            yield (
                f"`{key}{name}`",
                f"`{own_attribute}`",
                self._type(member["shape"]),
                meaning,
            )
            inner, suffix = self._structure_inside(member["shape"])
            if inner:
                yield from self._members(
                    inner, f"{key}{name}{suffix}.", f"{own_attribute}{suffix}."
                )

    def _structure_inside(self, name: str) -> tuple[str | None, str]:
        """Return the structure that a shape is or has as its items, and the suffix of its path."""
        shape = self._model.shapes[name]
        if shape["type"] == "structure":
            return name, ""
        if shape["type"] == "list":
            inner, suffix = self._structure_inside(shape["member"]["shape"])
            return inner, f"[]{suffix}"
        return None, ""

    def _type(self, name: str, *, plural: bool = False) -> str:
        shape = self._model.shapes[name]
        kind = shape["type"]
        if kind == "structure" or "enum" in shape:
            return f"`{name}`"
        if kind == "list":
            inner = self._type(shape["member"]["shape"], plural=True)
            return f"{'lists' if plural else 'list'} of {inner}"
        if kind == "map":
            return f"dictionary of {self._type(shape['value']['shape'], plural=True)}"
        return f"{_SCALARS.get(kind, kind)}{'s' if plural else ''}"

    def _allowed(self, name: str) -> str:
        shape = self._model.shapes[name]
        if "enum" in shape:
            return ", ".join(map(_code, shape["enum"]))
        words = []
        least, most = shape.get("min"), shape.get("max")
        unit = {"string": " characters", "list": " items", "map": " members"}.get(shape["type"], "")
        if least is not None and most is not None:
            words.append(f"{least} to {most}{unit}")
        elif least is not None:
            words.append(f"{least}{unit} or more")
        elif most is not None:
            words.append(f"at most {most}{unit}")
        if "pattern" in shape:
            words.append(f"matches {_code(shape['pattern'])}")
        if shape["type"] == "list" and (inner := self._allowed(shape["member"]["shape"])):
            words.append(f"each {inner}")
        return "; ".join(words)

    def _errors(self) -> Iterator[tuple[str, ...]]:
        for name in self._operation.errors:
            error = getattr(exceptions, name)
            meaning, _, status = (error.__doc__ or "").rpartition(" (")
            digits = status.removeprefix("HTTP status ").removesuffix(").")
            yield f"`{name}`", digits, f"{meaning.replace('``', '`')}."


def _index(model: ServiceModel) -> str:
    parts = [
        "# Reference",
        "A page for each operation: what it takes, what it returns, which errors it raises, which "
        "IAM action it needs, and an example. `python -m tools.generate` makes them from "
        "AWS's service model, API version 2019-12-02.",
    ]
    for title in dict.fromkeys(title_of(operation.family) for operation in model.operations):
        operations = [o for o in model.operations if title_of(o.family) == title]
        rows = (
            (f"[{o.name}]({o.name}.md)", f"`{o.method_name}`", _sentence(o.returns))
            for o in operations
        )
        parts += [f"## {title}", _table(("operation", "method", "returns"), rows)]
    notes = Path(__file__).with_name("reference_notes.md").read_text(encoding="utf-8")
    return "\n\n".join([*parts, notes])


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def generate(model: ServiceModel) -> dict[Path, str]:
    """Return the text of every page, by its path."""
    pages = {
        FOLDER / f"{operation.name}.md": _Page(model, operation).text()
        for operation in model.operations
    }
    return {FOLDER / "README.md": _index(model), **pages}


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


def request_syntax(operation: OperationModel, model: ServiceModel) -> str:
    """Return the call with all of its parameters and placeholders."""
    request = model.shapes[operation.request]
    paginated = operation.result_key is not None
    own = [name for name in request["members"] if not paginated or name not in PAGE_PARAMS]
    lines = [
        f"    {name}={_value(request['members'][name]['shape'], model, '    ')},\n" for name in own
    ]
    if not paginated:
        return f"response = client.{operation.method_name}(\n{''.join(lines)})\n"
    config = {k: v for k, v in _CONFIG.items() if operation.limit_key or k != "PageSize"}
    lines.append(f"    PaginationConfig={json.dumps(config)},\n")
    call = f'client.get_paginator("{operation.method_name}").paginate'
    return f"pages = {call}(\n{''.join(lines)})\n"


def response_syntax(operation: OperationModel, model: ServiceModel) -> str:
    """Return the response as a dictionary with placeholders."""
    name = operation.response
    return _value(name, model, "") + "\n"


def _value(name: str, model: ServiceModel, indent: str) -> str:
    """Return a placeholder of a shape; a structure or a list takes several lines."""
    shape = model.shapes[name]
    inner = f"{indent}    "
    if shape["type"] == "structure":
        lines = [
            f'{inner}"{member}": {_value(reference["shape"], model, inner)},\n'
            for member, reference in shape["members"].items()
        ]
        return f"{{\n{''.join(lines)}{indent}}}"
    if shape["type"] == "list":
        item = model.shapes[shape["member"]["shape"]]
        if item["type"] not in {"structure", "list"}:
            return f"[{_value(shape['member']['shape'], model, indent)}]"
        value = _value(shape["member"]["shape"], model, inner)
        return f"[\n{inner}{value},\n{indent}]"
    if shape["type"] == "map":
        return f'{{"string": {_value(shape["value"]["shape"], model, inner)}}}'
    if "enum" in shape:
        return " | ".join(f'"{value}"' for value in shape["enum"])
    return _PLACEHOLDERS[shape["type"]]


def example(operation: OperationModel, model: ServiceModel, *, as_dictionary: bool) -> str:
    """Return a program that calls the operation and prints what comes."""
    request, response = model.shapes[operation.request], model.shapes[operation.response]
    params = ", ".join(
        f'{name}="{EXAMPLE_VALUES.get(name, "string")}"' for name in request.get("required", ())
    )
    head = (
        "from imagebuilder_pager import ImageBuilder\n\n"
        'with ImageBuilder(region_name="us-west-2") as client:\n'
    )
    if operation.result_key is None:
        call = _call(f"response = client.{operation.method_name}", params, "    ")
        for member, reference in response["members"].items():
            if model.shapes[reference["shape"]]["type"] == "structure":
                access = f'["{member}"]' if as_dictionary else f".{attribute_name(member)}"
                shown = _shown(
                    "item", model.shapes[reference["shape"]], as_dictionary=as_dictionary
                )
                return f"{head}{call}    item = response{access}\n    print({shown})\n"
        return f"{head}{call}    print({'response' if as_dictionary else 'response.to_dict()'})\n"
    item = model.shapes[model.item_type(operation)]
    shown = _shown("item", item, as_dictionary=as_dictionary)
    call = f'paginator = client.get_paginator("{operation.method_name}")\n'
    pages = _call("pages = paginator.paginate", params, "    ")
    loop = f"    for item in pages.items():\n        print({shown})\n"
    if as_dictionary:
        loop = (
            "    for page in pages:\n"
            f'        for item in page["{operation.result_key}"]:\n'
            f"            print({shown})\n"
        )
    return f"{head}    {call}{pages}{loop}"


def _call(function: str, params: str, indent: str) -> str:
    line = f"{indent}{function}({params})\n"
    if len(line) <= 101:
        return line
    return f"{indent}{function}(\n{indent}    {params}\n{indent})\n"


def _shown(access: str, shape: dict[str, Any], *, as_dictionary: bool) -> str:
    """Return the expressions of two members, or of all of the item where it has none of those."""
    names = [name for name in _SHOWN if name in shape["members"]][:2]
    if not names:
        return access if as_dictionary else f"{access}.to_dict()"
    if as_dictionary:
        return ", ".join(f'{access}["{name}"]' for name in names)
    return ", ".join(f"{access}.{attribute_name(name)}" for name in names)
