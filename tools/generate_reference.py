"""Generate ``docs/reference/`` from the service model: a page for each operation, and an index.

    python -m tools.generate_reference

The words are those of ``model_docs.py``, ``member_docs.py`` and the catalogue of operations.
Running it changes nothing, as a test shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagebuilder_pager.operations import OPERATIONS, Operation

from .member_docs import FILTERS, describe_member
from .reference_syntax import PAGE_PARAMS, Spelling, example, request_syntax, response_syntax
from .service_model import PACKAGE, Catalogue, attribute_name

__all__ = ["FOLDER", "generate"]

FOLDER = PACKAGE.parent / "docs" / "reference"
FAMILIES = {
    "Lifecycle": ("lifecycle_policies", "lifecycle_executions", "lifecycle"),
    "Images": ("images",),
    "Pipelines": ("pipelines",),
    "Components": ("components",),
    "Recipes": ("recipes",),
    "Infrastructure and distribution configurations": ("configurations",),
    "Workflows": ("workflows",),
    "Vulnerabilities": ("scan_findings",),
}
_SCALARS = {"long": "integer", "double": "number", "float": "number", "timestamp": "datetime"}
_AWS_PAGE = "https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_{}.html"
_MAX_PREFETCH = 100


def _table(headings: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cell or ' ' for cell in line)} |" for line in lines)


def _code(text: str) -> str:
    # A bar would end the cell, also inside of code.
    return f"`{text.replace('|', chr(92) + '|')}`"


class _Page:
    """The page of one operation."""

    def __init__(self, catalogue: Catalogue, operation: Operation[Any]) -> None:
        self._catalogue = catalogue
        self._operation = operation
        self._request, self._response = catalogue.input_and_output(operation)

    def text(self) -> str:
        """Return the page in Markdown."""
        operation = self._operation
        verb = "Lists" if operation.pagination else "Returns"
        parts = [
            f"# {operation.name}",
            f"{verb} {operation.returns}. [All operations](README.md)",
            _table(("", ""), self._facts()),
            "## Example",
            f"```python\n{example(operation, self._catalogue)}```",
            "In boto3's spelling, with dictionaries:",
            f"```python\n{example(operation, self._catalogue, Spelling.BOTO3)}```",
            "## Request syntax",
            f"```text\n{request_syntax(operation, self._catalogue, Spelling.BOTO3)}```",
            "In snake_case:",
            f"```text\n{request_syntax(operation, self._catalogue, Spelling.SNAKE_CASE)}```",
        ]
        if operation.pagination:
            params = "`maxResults` and `nextToken`" if operation.limit_key else "`nextToken`"
            parts.append(
                f"`client.{operation.method_name}(...)` returns one page. It takes {params} in "
                "place of `PaginationConfig`."
            )
        parts += ["## Parameters", *self._parameters()]
        parts += [
            "## Response syntax",
            f"```text\n{response_syntax(operation, self._catalogue)}```",
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
        if operation.pagination:
            yield "paginator", f'`client.get_paginator("{operation.method_name}")`'
            item = self._catalogue.item_type(operation)
            yield "items", f"`{item}`, under the key `{operation.result_key}`"
        yield "IAM action", f"`imagebuilder:{operation.name}`"
        yield "HTTP", f"`{operation.http_method} /{operation.name}`"
        yield "AWS's page", f"[{operation.name}]({_AWS_PAGE.format(operation.name)})"

    def _parameters(self) -> Iterator[str]:
        rows = list(self._parameter_rows(self._request, ""))
        if self._operation.pagination:
            rows += self._config_rows()
        yield _table(("parameter", "type", "allowed", "meaning"), iter(rows))
        if names := FILTERS.get(self._operation.name):
            yield f"The filters that AWS has: {', '.join(map(_code, names))}."

    def _parameter_rows(self, structure: str, prefix: str) -> Iterator[tuple[str, ...]]:
        shape = self._catalogue.shapes[structure]
        required_names = shape.get("required", ())
        # The required ones come first, those of the page last.
        for name in sorted(
            shape["members"], key=lambda name: (name in PAGE_PARAMS, name not in required_names)
        ):
            member = shape["members"][name]
            spellings = list(dict.fromkeys([name, attribute_name(name).removesuffix("_")]))
            required = ", required" if name in required_names else ""
            yield (
                ", ".join(f"`{prefix}{spelling}`" for spelling in spellings) + required,
                self._type(member["shape"]),
                self._allowed(member["shape"]),
                describe_member(structure, name),
            )
            inner, suffix = self._structure_inside(member["shape"])
            if inner:
                yield from self._parameter_rows(inner, f"{prefix}{name}{suffix}.")

    def _config_rows(self) -> Iterator[tuple[str, ...]]:
        spec = self._operation.require_pagination()
        prefix = "PaginationConfig"
        yield f"`{prefix}.MaxItems`", "integer", "0 or more", "The most items of the whole listing."
        if spec.limit_key is not None:
            allowed = f"1 to {spec.max_page_size}" if spec.max_page_size else "1 or more"
            yield f"`{prefix}.PageSize`", "integer", allowed, "The most items of a page."
        token = "The token of a page, an item or a listing that `MaxItems` ended."
        yield f"`{prefix}.StartingToken`", "string", "", token
        allowed = f"0 to {_MAX_PREFETCH}"
        yield (
            f"`{prefix}.Prefetch`",
            "integer",
            allowed,
            "The pages to fetch ahead; boto3 ignores it.",
        )

    def _response_rows(self) -> Iterator[tuple[str, ...]]:
        yield from self._members(self._response)
        if self._operation.pagination:
            meaning = "The `StartingToken` that resumes after the page, of a paginator."
            yield "`NextToken`", "`resume_token`", "string", meaning
        yield "`ResponseMetadata`", "`response_metadata`", "`ResponseMetadata`", "As in boto3."

    def _members(
        self, structure: str, key: str = "", attribute: str = ""
    ) -> Iterator[tuple[str, ...]]:
        for name, member in self._catalogue.shapes[structure]["members"].items():
            shape = self._catalogue.shapes[member["shape"]]
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
        shape = self._catalogue.shapes[name]
        if shape["type"] == "structure":
            return name, ""
        if shape["type"] == "list":
            inner, suffix = self._structure_inside(shape["member"]["shape"])
            return inner, f"[]{suffix}"
        return None, ""

    def _type(self, name: str, *, plural: bool = False) -> str:
        shape = self._catalogue.shapes[name]
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
        shape = self._catalogue.shapes[name]
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
        for error in self._operation.errors:
            meaning, _, status = (error.__doc__ or "").rpartition(" (")
            digits = status.removeprefix("HTTP status ").removesuffix(").")
            yield f"`{error.__name__}`", digits, f"{meaning.replace('``', '`')}."


def _index() -> str:
    parts = [
        "# Reference",
        "A page for each operation: what it takes, what it returns, which errors it raises, which "
        "IAM action it needs, and an example. `python -m tools.generate_reference` makes them from "
        "AWS's service model, API version 2019-12-02.",
    ]
    for title, families in FAMILIES.items():
        operations = [o for family in families for o in OPERATIONS.values() if o.family == family]
        rows = (
            (f"[{o.name}]({o.name}.md)", f"`{o.method_name}`", _sentence(o.returns))
            for o in operations
        )
        parts += [f"## {title}", _table(("operation", "method", "returns"), rows)]
    notes = Path(__file__).with_name("reference_notes.md").read_text(encoding="utf-8")
    return "\n\n".join([*parts, notes])


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def generate() -> dict[Path, str]:
    """Return the text of every page, by its path."""
    catalogue = Catalogue()
    pages = {
        FOLDER / f"{operation.name}.md": _Page(catalogue, operation).text()
        for operation in OPERATIONS.values()
    }
    return {FOLDER / "README.md": _index(), **pages}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in generate().items():
        path.write_text(text, encoding="utf-8")
