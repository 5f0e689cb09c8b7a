"""What type checkers, and with them editors, know: mypy and pyright read programs of users.

One folder has all programs: one written for this test, one made from botocore's service model that
uses every operation, those of the documents, and the examples. Each checker reads it once. In a
program, ``# R:`` is the type that a checker reveals, ``# E:`` a pattern of its error. pyright is
basedpyright's, in pyright's default mode; its wheels download nothing.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import botocore
import botocore.model
import pytest
from mypy import api

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.type_defs import PaginatorName

ROOT = Path(__file__).parents[2]
PROGRAM = """
from collections.abc import Mapping
from typing import Any, Final, cast

import imagebuilder_pager
from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder
from imagebuilder_pager import Checkpoint, exceptions, models
from imagebuilder_pager.models import LifecycleExecutionResource as Item
from imagebuilder_pager.models import ListLifecycleExecutionResourcesResponse as Page
from imagebuilder_pager.models.exceptions import ClientError, ForbiddenException
from imagebuilder_pager.models.shapes import Response, Shape
from imagebuilder_pager.pagination import (
    AsyncPaginator,
    PageIterator,
    PaginationConfig,
    PaginationSpec,
    Paginator,
    paginator_from_client,
)
from imagebuilder_pager.type_defs import ListImagesPaginator, PaginatorName
from imagebuilder_pager.type_defs import ListImagesRequestTypeDef

sync_client = ImageBuilder("us-west-2")
async_client = AsyncImageBuilder("us-west-2")
ID = "lce-12345678-1234-1234-1234-123456789012"
OPERATION: Final = "list_lifecycle_execution_resources"

paginator = sync_client.get_paginator("list_lifecycle_execution_resources")
pages = paginator.paginate(
    lifecycleExecutionId=ID,
    parentResourceId="arn",
    PaginationConfig={"MaxItems": 10, "PageSize": "5", "StartingToken": None, "Prefetch": 2},
)
reveal_type(pages)  # R: PageIterator[Page, Item]
for page in pages:
    reveal_type(page)  # R: Page
    reveal_type(page.resources)  # R: list[Item]
    reveal_type(page.resume_token)  # R: str | None
    reveal_type(page.to_dict())  # R: dict[str, Any]
    for resource in page.resources:
        reveal_type(resource.resource_id)  # R: str | None
        reveal_type(resource.snapshots)  # R: list[LifecycleExecutionSnapshotResource]
        reveal_type(resource.state)  # R: LifecycleExecutionResourceState | None
        resource.resourceId  # E: resourceId
for item in pages.items():
    reveal_type(item)  # R: Item
reveal_type(pages.resume_token)  # R: str | None
reveal_type(pages.build_full_result())  # R: dict[str, Any]
reveal_type(pages.non_aggregate_part)  # R: dict[str, Any]
reveal_type(pages.result_keys)  # R: tuple[Expression, ...]


# A paginator that is handed on.


def first(paginator: Paginator[Page, Item]) -> Item:
    return next(paginator.paginate(lifecycleExecutionId=ID).items())


def count(pages: PageIterator[Response, Shape]) -> int:
    return sum(1 for _ in pages)


def listing(paginator: Paginator[Response, Shape]) -> PageIterator[Response, object]:
    return paginator.paginate()


async def collect(paginator: AsyncPaginator[Page, Item]) -> list[Item]:
    return [item async for item in paginator.paginate(lifecycleExecutionId=ID).items()]


reveal_type(first(paginator))  # R: Item
count(pages)
listing(sync_client.get_paginator("list_images"))
of_images: ListImagesPaginator = sync_client.get_paginator("list_images")
of_images.paginate(owner="Self", filters=[{"name": "platform", "values": ["Linux"]}])
wrong_kind: AsyncPaginator[Page, Item] = paginator  # E: AsyncPaginator
with Checkpoint("checkpoint", {"id": ID}) as checkpoint:
    for resumed in checkpoint.items(paginator.paginate(lifecycleExecutionId=ID)):
        reveal_type(resumed)  # R: Item


# A PaginationConfig in a variable.


def resume(token: str | None, settings: dict[str, Any], config: Mapping[str, int]) -> None:
    paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=settings)  # E: paginate
    paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)  # E: paginate
    paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=None)
    typed: PaginationConfig = {"MaxItems": "10", "StartingToken": token}
    paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=typed)
    misspelt: PaginationConfig = {"PageSise": 5}  # E: PageSise
    not_whole: PaginationConfig = {"MaxItems": 1.5}  # E: MaxItems
    paginator.paginate(lifecycleExecutionId=ID, PaginationConfig={"PageSise": 5})  # E: Config


# A page as a dictionary.

for page in pages:
    match page:
        case {"resources": [{"resourceId": str(found_id)}]}:
            reveal_type(found_id)  # R: str
    reveal_type(page | {"a": 1})  # R: dict[str, Any]
    print(page.pop("ResponseMetadata", None), len(page), page == {}, {**page})
    page.update(nextToken="t")
    del page["nextToken"]


# Errors.

try:
    sync_client.list_lifecycle_execution_resources(lifecycleExecutionId=ID)
except sync_client.exceptions.InvalidPaginationTokenException as error:
    reveal_type(error)  # R: InvalidPaginationTokenException
    reveal_type(error.resume_token)  # R: str | None
except sync_client.exceptions.ForbiddenException as error:
    forbidden: ForbiddenException = error
    other: KeyError = error  # E: assignment
except sync_client.exceptions.ClientError as error:
    any_error: ClientError = error
except sync_client.exceptions.Typo:  # E: Typo
    pass
except exceptions.ClientError as error:
    reveal_type(error.response["Error"])  # R: Any
except exceptions.PagerErrorr:  # E: PagerErrorr
    pass
forbidden_type: type[ForbiddenException] = sync_client.exceptions.ForbiddenException
swapped: type[ForbiddenException] = sync_client.exceptions.ServiceException  # E: assignment


# Unknown names.

from imagebuilder_pager import ImageBuilderr  # E: ImageBuilderr
from imagebuilder_pager.models import LifecycleExecutionResourcee  # E: LifecycleExecutionResourcee
from imagebuilder_pager.models.exceptions import ForbiddenError  # E: ForbiddenError
from imagebuilder_pager.pagination import Paginatorr  # E: Paginatorr
from imagebuilder_pager.type_defs import ListImagesPaginatorr  # E: ListImagesPaginatorr

models.exceptions.NoSuchException  # E: NoSuchException
ImageBuilder.exceptions.NoSuchException  # E: NoSuchException
sync_client.list_imagess  # E: list_imagess
sync_client.meta  # E: meta
async_client.list_imagess  # E: list_imagess
ImageBuilder("us-west-2", config=None)  # E: config
H11Client(tiemout=5)  # E: tiemout
AsyncH11Client(tiemout=5)  # E: tiemout
version: str = imagebuilder_pager.__version__
wrong: int = imagebuilder_pager.__version__  # E: assignment


async def main() -> None:
    paginator = async_client.get_paginator("list_lifecycle_execution_resources")
    pages = paginator.paginate(lifecycleExecutionId=ID)
    async for page in pages:
        reveal_type(page)  # R: Page
    async for item in pages.items():
        reveal_type(item)  # R: Item
    async for found in pages.search("resources[].region"):
        reveal_type(found)  # R: Any
    reveal_type(await pages.build_full_result())  # R: dict[str, Any]
    reveal_type(pages.resume_token)  # R: str | None
    for page in pages:  # E: __iter__
        pass
    reveal_type(await collect(async_client.get_paginator(OPERATION)))  # R: list[Item]
    for values in pages.result_key_iters():
        async for value in values:
            reveal_type(value)  # R: Any


paginator.paginate()  # E: lifecycleExecutionId
paginator.paginate(lifecycleExecutionId=5)  # E: paginate
sync_client.list_lifecycle_execution()  # E: list_lifecycle_execution


# A listing with a filter, and no required parameter.

policies = sync_client.get_paginator("list_lifecycle_policies")
for policy_page in policies.paginate(filters=[{"name": "status", "values": ["ENABLED"]}]):
    for policy in policy_page.lifecycle_policy_summary_list:
        reveal_type(policy.tags)  # R: dict[str, str]
        status: str | None = policy.status  # an enum's member, or a string that AWS adds later
policies.paginate(filters=({"name": "status"},))
policies.paginate(filters=[{"nam": "status"}])  # E: FilterTypeDef
policies.paginate(filters=[{"name": "status", "values": [1]}])  # E: expected "str"


# A name that is known when the program runs.


def dump(name: str) -> None:
    sync_client.get_paginator(name)  # E: get_paginator
    sync_client.get_paginator(cast("PaginatorName", name)).paginate()


misspelt_name: PaginatorName = "list_imagess"  # E: list_imagess
sync_client.get_paginator("get_lifecycle_execution")  # E: get_paginator
sync_client.get_paginator("list_images", max_page_size=25)
reveal_type(sync_client.can_paginate("get_lifecycle_execution"))  # R: bool
request: ListImagesRequestTypeDef = {"owner": "Self", "colour": "red"}  # E: colour


# Of another service, without a word of annotation.


def list_things(**params: Any) -> dict[str, Any]:
    return {}


async def list_things_later(**params: Any) -> Mapping[str, int]:
    return {}


spec = PaginationSpec(input_token="Token", output_token="Next", result_key=["Things", "Names"])
things = Paginator(list_things, spec)
for things_page in things.paginate(Filter=["x"], PaginationConfig={"MaxItems": 3}):
    reveal_type(things_page)  # R: dict[str, Any]
for thing in things.paginate().items():
    reveal_type(thing)  # R: Any
later = AsyncPaginator(list_things_later, spec)
reveal_type(later.paginate())  # R: AsyncPageIterator[Mapping[str, int], Any]
PaginationSpec(input_token="Token", output_token="Next")  # E: result_key
PaginationSpec(input_token="T", output_token="N", result_key="R", limitkey="L")  # E: limitkey
Paginator(5, spec)  # E: Paginator


class SyncClient:
    def close(self) -> None: ...


class AsyncClient:
    async def close(self) -> None: ...


of_client = paginator_from_client(SyncClient(), "list_things").paginate(Name="n")
reveal_type(of_client)  # R: PageIterator[dict[str, Any], Any]
of_async_client = paginator_from_client(AsyncClient(), "list_things").paginate(Name="n")
reveal_type(of_async_client)  # R: AsyncPageIterator[dict[str, Any], Any]
paginator_from_client("client", "list_things")  # E: paginator_from_client
"""
OPERATIONS_HEAD = """
from imagebuilder_pager import AsyncImageBuilder, ImageBuilder

sync_client = ImageBuilder("us-west-2")
async_client = AsyncImageBuilder("us-west-2")


async def main() -> None:
"""
#: The programs with a mark for every error.
MARKED = ("program.py", "operations.py")

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: The messages of mypy that a document may have: other packages have no types, or are not
#: installed, and not all functions of the examples have types.
ALLOWED = re.compile(
    r"\[(import-untyped|import-not-found|untyped-decorator|no-untyped-def|no-untyped-call)\]$"
)
#: aiobotocore has a separate environment, without pyright.
ALLOWED_BY_PYRIGHT = 'Import "aiobotocore.session" could not be resolved'

Place = tuple[str, int]
MYPY_LINE = re.compile(r".*?(\w+\.py):(\d+): (note|error): (.*)")
#: ``imagebuilder_pager.models.lifecycle.X`` is X here; the two long names are Page and Item.
MODULE = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])")
PAGE, ITEM = "ListLifecycleExecutionResourcesResponse", "LifecycleExecutionResource"


class Findings(NamedTuple):
    """The types that a checker reveals, and its errors, by file name and line."""

    types: dict[Place, str]
    errors: dict[Place, list[str]]


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
    """Lines that use an operation in every way."""
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
def programs(
    service_model: botocore.model.ServiceModel, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with all programs."""
    folder = tmp_path_factory.mktemp("types")
    (folder / "program.py").write_text(PROGRAM)
    operations = [service_model.operation_model(one.name) for one in OPERATIONS.values()]
    lines = [f"    {line}" for operation in operations for line in lines_of(operation)]
    (folder / "operations.py").write_text("\n".join([*OPERATIONS_HEAD.splitlines(), *lines]))
    for document in DOCUMENTS:
        text = document.read_text()
        for match in BLOCK.finditer(text):
            line = text[: match.start()].count("\n") + 2
            if "import pandas" not in match[1]:  # which has no types
                (folder / f"{document.stem.replace('-', '_')}_{line}.py").write_text(match[1])
    assert len(list(folder.glob("README_*.py"))) >= 3
    for example in (ROOT / "examples").glob("*.py"):
        (folder / example.name).write_text(example.read_text())
    assert len(list(folder.glob("*.py"))) >= 25 + len(MARKED)
    return folder


def find_by_mypy(programs: Path, cache_dir: Path) -> Findings:
    """Run ``mypy --strict``."""
    options = ["--strict", "--config-file=", "--no-error-summary", "--no-pretty"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPYPATH", str(ROOT))
        files = sorted(map(str, programs.glob("*.py")))
        out, failure, _ = api.run([*options, f"--cache-dir={cache_dir}", *files])
    assert failure == ""
    notes: dict[Place, list[str]] = {}
    errors: dict[Place, list[str]] = {}
    for match in filter(None, map(MYPY_LINE.fullmatch, out.splitlines())):
        found = errors if match[3] == "error" else notes
        found.setdefault((match[1], int(match[2])), []).append(match[4])
    wrong = {
        place: texts
        for place, texts in errors.items()
        if place[0] in MARKED or not all(map(ALLOWED.search, texts))
    }
    return Findings(types_in(notes, "Revealed type is "), wrong)


def find_by_pyright(programs: Path) -> Findings:
    (programs / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    ran = subprocess.run(command, cwd=programs, capture_output=True, text=True, check=False)
    found: dict[str, dict[Place, list[str]]] = {"error": {}, "warning": {}, "information": {}}
    for message in json.loads(ran.stdout)["generalDiagnostics"]:
        place = Path(message["file"]).name, message["range"]["start"]["line"] + 1
        found[message["severity"]].setdefault(place, []).append(message["message"])
    wrong = {
        place: texts
        for place, texts in found["error"].items()
        if place[0] in MARKED or texts != [ALLOWED_BY_PYRIGHT]
    }
    return Findings(types_in(found["information"], '" is "'), wrong)


def types_in(messages: dict[Place, list[str]], start: str) -> dict[Place, str]:
    """The types that a checker reveals, without modules."""
    return {
        place: in_short(texts[0].partition(start)[2].strip('"'))
        for place, texts in messages.items()
        if start in texts[0]
    }


def in_short(text: str) -> str:
    text = MODULE.sub("", text).replace(PAGE, "Page")
    return re.sub(rf"\b{ITEM}\b", "Item", text)


def marked(programs: Path, mark: str) -> dict[Place, str]:
    """The lines with a mark, and the text behind it."""
    return {
        (name, number): line.partition(mark)[2].strip()
        for name in MARKED
        for number, line in enumerate((programs / name).read_text().splitlines(), start=1)
        if mark in line
    }


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def findings(
    programs: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Findings:
    """The findings of a checker; skips the test where pyright is missing."""
    if request.param == "pyright":
        pytest.importorskip("basedpyright", reason="the package basedpyright is missing")
        return find_by_pyright(programs)
    cache = getattr(request.config, "cache", None)  # pytest can do without
    folder = tmp_path_factory.mktemp("mypy") if cache is None else cache.mkdir("mypy")
    return find_by_mypy(programs, folder)


def test_the_types_of_pages_and_items(programs: Path, findings: Findings) -> None:
    expected = {place: in_short(text) for place, text in marked(programs, "# R: ").items()}
    assert sum(name == "operations.py" for name, _ in expected) >= 4 * len(OPERATIONS) - 4
    assert findings.types == expected


def test_mistakes_are_type_errors_and_nothing_else_is(
    programs: Path, findings: Findings, request: pytest.FixtureRequest
) -> None:
    expected = marked(programs, "# E: ")
    assert findings.errors.keys() == expected.keys(), findings.errors
    if "mypy" in request.node.callspec.id:  # the patterns are of its messages
        for place, pattern in expected.items():
            assert re.search(pattern, findings.errors[place][0]), findings.errors[place]


def test_the_operations_names_are_offered() -> None:
    """An editor completes the values of a Literal and the keys of a TypedDict."""
    paginated = [name for name, operation in OPERATIONS.items() if operation.pagination]
    assert list(get_args(PaginatorName)) == paginated
