"""The pages of ``docs/reference/``: one for each operation, and an index.

Their words come from ``words.toml``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagebuilder_pager._rows import title_of
from imagebuilder_pager.models import exceptions
from imagebuilder_pager.pagination.config import MAX_PREFETCH

from .service_model import PACKAGE, WORDS, OperationModel, ServiceModel, attribute_name

FOLDER = PACKAGE.parent / "docs" / "reference"
_SCALARS = {"long": "integer", "double": "number", "float": "number", "timestamp": "datetime"}
_AWS_PAGE = "https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_{}.html"


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cell or ' ' for cell in line)} |" for line in lines)


def _code(text: str) -> str:
    # A bar would end the cell, even in code.
    return f"`{text.replace('|', chr(92) + '|')}`"


@dataclass
class _Page:
    """The page of one operation."""

    _model: ServiceModel
    _operation: OperationModel

    def text(self) -> str:
        """Return the page in Markdown."""
        operation = self._operation
        verb = "Lists" if operation.result_key else "Returns"
        parts = [
            f"# {operation.name}",
            f"{verb} {operation.returns}. [All operations](README.md)",
            _table(("", ""), self._facts()),
            "## Example",
            f"```python\n{_example(operation, self._model, as_dictionary=False)}```",
            "With pages as dictionaries:",
            f"```python\n{_example(operation, self._model, as_dictionary=True)}```",
            "## Request syntax",
            f"```text\n{_request_syntax(operation, self._model)}```",
        ]
        if operation.result_key:
            params = "`maxResults` and `nextToken`" if operation.limit_key else "`nextToken`"
            parts.append(
                f"`client.{operation.method_name}(...)` returns one page. It takes {params} in "
                "place of `PaginationConfig`."
            )
        headings = ("parameter", "type", "limits", "meaning")
        parts += ["## Parameters", _table(headings, self._parameter_rows())]
        if names := self._model.filters(operation):
            parts.append(f"AWS's filters: {', '.join(map(_code, names))}.")
        parts += [
            "## Response syntax",
            f"```text\n{_value(operation.response, self._model, '')}\n```",
            "## Response structure",
            "Each member is a key, and an attribute in snake_case; see "
            "[responses](README.md#responses).",
            _table(("key", "attribute", "type", "meaning"), self._response_rows()),
            "## Errors",
            _table(("error", "HTTP status", "meaning"), self._errors()),
            "All operations may also raise the [common errors](README.md#errors).",
        ]
        return "\n\n".join(parts) + "\n"

    def _facts(self) -> Iterator[tuple[str, ...]]:
        operation = self._operation
        yield "method", f"`client.{operation.method_name}`"
        if operation.result_key:
            yield "paginator", f'`client.get_paginator("{operation.method_name}")`'
            key = operation.result_key
            yield "items", f"`{self._model.item_type(operation)}`, under the key `{key}`"
        yield "IAM action", f"`imagebuilder:{operation.name}`"
        yield "HTTP", f"`{operation.http_method} {operation.path}`"
        yield "AWS's page", f"[{operation.name}]({_AWS_PAGE.format(operation.name)})"

    def _walk(
        self, structure: str, *prefixes: str, is_request: bool = False
    ) -> Iterator[tuple[str, str, str, str]]:
        """Yield all members of a structure, inner ones too: key, attribute, shape, meaning."""
        shape = self._model.shapes[structure]
        # In a request, required parameters come first, those of the page last.
        last = self._model.page_params if is_request else ()
        first = shape.get("required", ()) if is_request else shape["members"]
        for name in sorted(shape["members"], key=lambda name: (name in last, name not in first)):
            kind = shape["members"][name]["shape"]
            paths = [f"{prefixes[0]}{name}", f"{prefixes[1]}{attribute_name(name)}"]
            key = f"`{paths[0]}`{', required' if is_request and name in first else ''}"
            yield key, f"`{paths[1]}`", kind, self._model.describe_member(structure, name)
            dot = "."
            while self._model.shapes[kind]["type"] == "list":
                kind, dot = self._model.shapes[kind]["member"]["shape"], f"[]{dot}"
            if self._model.shapes[kind]["type"] == "structure":
                inner = [f"{path}{dot}" for path in paths]
                yield from self._walk(kind, *inner, is_request=is_request)

    def _parameter_rows(self) -> Iterator[tuple[str, ...]]:
        for key, _, kind, meaning in self._walk(self._operation.request, "", "", is_request=True):
            yield key, self._type(kind), self._allowed(kind), meaning
        if self._operation.result_key:
            yield from self._config_rows()

    def _config_rows(self) -> Iterator[tuple[str, ...]]:
        yield (
            "`PaginationConfig.MaxItems`",
            "integer",
            "0 or more",
            "Maximum items of the whole listing.",
        )
        if limit_key := self._operation.limit_key:
            members = self._model.shapes[self._operation.request]["members"]
            allowed = self._allowed(members[limit_key]["shape"])
            yield "`PaginationConfig.PageSize`", "integer", allowed, "Maximum items of a page."
        token = "The token of a page, an item or a listing that `MaxItems` ended."
        yield "`PaginationConfig.StartingToken`", "string", "", token
        ahead = "The pages to fetch ahead; boto3 ignores it."
        yield "`PaginationConfig.Prefetch`", "integer", f"0 to {MAX_PREFETCH}", ahead

    def _response_rows(self) -> Iterator[tuple[str, ...]]:
        for key, attribute, kind, meaning in self._walk(self._operation.response, "", ""):
            values = ", ".join(map(_code, self._model.shapes[kind].get("enum", ())))
            yield key, attribute, self._type(kind), meaning + f" One of {values}." * bool(values)
        if self._operation.result_key:
            meaning = "The `StartingToken` that resumes after the page, of a paginator."
            yield "`NextToken`", "`resume_token`", "string", meaning
        yield "`ResponseMetadata`", "`response_metadata`", "`ResponseMetadata`", "As in boto3."

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
        least, most = shape.get("min"), shape.get("max")
        unit = {"string": " characters", "list": " items", "map": " members"}.get(shape["type"], "")
        words = []
        if least is not None:
            words = [f"{least}{unit} or more" if most is None else f"{least} to {most}{unit}"]
        elif most is not None:
            words = [f"at most {most}{unit}"]
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
        "A page for each operation: its parameters, its response, its errors, its "
        "IAM action, and an example. `python -m tools.generate` makes them from "
        "AWS's service model, API version 2019-12-02.",
    ]
    for title in dict.fromkeys(title_of(operation.family) for operation in model.operations):
        operations = [o for o in model.operations if title_of(o.family) == title]
        rows = (
            (
                f"[{o.name}]({o.name}.md)",
                f"`{o.method_name}`",
                f"{o.returns[:1].upper()}{o.returns[1:]}.",
            )
            for o in operations
        )
        parts += [f"## {title}", _table(("operation", "method", "returns"), rows)]
    notes = Path(__file__).with_name("reference_notes.md").read_text(encoding="utf-8")
    return "\n\n".join([*parts, notes])


def generate(model: ServiceModel) -> dict[Path, str]:
    """Return the text of every page, by its path."""
    pages = {FOLDER / f"{one.name}.md": _Page(model, one).text() for one in model.operations}
    return {FOLDER / "README.md": _index(model), **pages}


#: A valid value of each required parameter.
EXAMPLE_VALUES: dict[str, str] = WORDS["examples"]
_PLACEHOLDERS = {"string": '"string"', "integer": "123", "long": "123", "double": "1.23"}
_PLACEHOLDERS |= {"boolean": "True", "timestamp": "datetime(2015, 1, 1)"}
_CONFIG = {"MaxItems": 123, "PageSize": 123, "StartingToken": "string"}


def _request_syntax(operation: OperationModel, model: ServiceModel) -> str:
    """Return the call with all parameters as placeholders."""
    values = {
        name: _value(member["shape"], model, "    ")
        for name, member in model.shapes[operation.request]["members"].items()
        if not (operation.result_key and name in model.page_params)
    }
    call = f"response = client.{operation.method_name}"
    if operation.result_key:
        config = {k: v for k, v in _CONFIG.items() if operation.limit_key or k != "PageSize"}
        values["PaginationConfig"] = json.dumps(config)
        call = f'pages = client.get_paginator("{operation.method_name}").paginate'
    lines = [f"    {name}={value},\n" for name, value in values.items()]
    return f"{call}(\n{''.join(lines)})\n"


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
        item = shape["member"]["shape"]
        if model.shapes[item]["type"] not in {"structure", "list"}:
            return f"[{_value(item, model, indent)}]"
        return f"[\n{inner}{_value(item, model, inner)},\n{indent}]"
    if shape["type"] == "map":
        return f'{{"string": {_value(shape["value"]["shape"], model, inner)}}}'
    if "enum" in shape:
        return " | ".join(f'"{value}"' for value in shape["enum"])
    return _PLACEHOLDERS[shape["type"]]


def _example(operation: OperationModel, model: ServiceModel, *, as_dictionary: bool) -> str:
    """Return a program that calls the operation and prints the result."""
    request, response = model.shapes[operation.request], model.shapes[operation.response]
    params = ", ".join(
        f'{name}="{EXAMPLE_VALUES.get(name, "string")}"' for name in request.get("required", ())
    )
    head = (
        "from imagebuilder_pager import ImageBuilder\n\n"
        'with ImageBuilder(region_name="us-west-2") as client:\n'
    )
    if operation.result_key is None:
        call = head + _call(f"response = client.{operation.method_name}", params)
        for member, reference in response["members"].items():
            if model.shapes[reference["shape"]]["type"] == "structure":
                access = f'["{member}"]' if as_dictionary else f".{attribute_name(member)}"
                shown = _shown(model.shapes[reference["shape"]], as_dictionary=as_dictionary)
                return f"{call}    item = response{access}\n    print({shown})\n"
        return f"{call}    print({'response' if as_dictionary else 'response.to_dict()'})\n"
    shown = _shown(model.shapes[model.item_type(operation)], as_dictionary=as_dictionary)
    call = f'    paginator = client.get_paginator("{operation.method_name}")\n'
    pages = _call("pages = paginator.paginate", params)
    loop = f"    for item in pages.items():\n        print({shown})\n"
    if as_dictionary:
        items = f'page["{operation.result_key}"]'
        loop = f"    for page in pages:\n        for item in {items}:\n            print({shown})\n"
    return f"{head}{call}{pages}{loop}"


def _call(function: str, params: str) -> str:
    line = f"    {function}({params})\n"
    return line if len(line) <= 101 else f"    {function}(\n        {params}\n    )\n"


def _shown(shape: dict[str, Any], *, as_dictionary: bool) -> str:
    """Return the expressions of two members, or of the whole item if it has none of them."""
    names = [name for name in WORDS["shown"]["members"] if name in shape["members"]][:2]
    if not names:
        return "item" if as_dictionary else "item.to_dict()"
    if as_dictionary:
        return ", ".join(f'item["{name}"]' for name in names)
    return ", ".join(f"item.{attribute_name(name)}" for name in names)
