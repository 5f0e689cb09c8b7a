"""What a type checker, and with it an editor, knows; mypy reads a program of a user's."""

import re
from pathlib import Path

import pytest
from mypy import api

PROGRAM = """
from collections.abc import Mapping
from typing import Any

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder
from imagebuilder_pager.models import Filter
from imagebuilder_pager.type_defs import PaginatorName
from imagebuilder_pager.pagination import AsyncPaginator, PaginationSpec, Paginator

sync_client = ImageBuilder("us-west-2")
async_client = AsyncImageBuilder("us-west-2")
ID = "lce-12345678-1234-1234-1234-123456789012"

paginator = sync_client.get_paginator("list_lifecycle_execution_resources")
pages = paginator.paginate(
    lifecycleExecutionId=ID,
    parentResourceId="arn",
    PaginationConfig={"MaxItems": 10, "PageSize": "5", "StartingToken": None, "Prefetch": 2},
)
reveal_type(pages)  # R: PageIterator[Page, Item]
in_snake_case = paginator.paginate(lifecycle_execution_id=ID, parent_resource_id="arn")
reveal_type(in_snake_case)  # R: PageIterator[Page, Item]
for page in pages:
    reveal_type(page)  # R: Page
    reveal_type(page.resources)  # R: list[Item]
    reveal_type(page.resume_token)  # R: str | None
    reveal_type(page.lifecycle_execution_id)  # R: str | None
    reveal_type(page.to_dict())  # R: dict[str, Any]
    for resource in page.resources:
        reveal_type(resource.resource_id)  # R: str | None
        reveal_type(resource.snapshots)  # R: list[LifecycleExecutionSnapshotResource]
        reveal_type(resource.image_uris)  # R: list[str]
        reveal_type(resource.start_time)  # R: datetime | None
        reveal_type(resource.state)  # R: LifecycleExecutionResourceState | None
        resource.resourceId  # E: resourceId
for item in pages.items():
    reveal_type(item)  # R: Item
    item.regoin  # E: regoin
reveal_type(pages.resume_token)  # R: str | None
reveal_type(pages.build_full_result())  # R: dict[str, Any]
reveal_type(pages.non_aggregate_part)  # R: dict[str, Any]
reveal_type(pages.result_keys)  # R: tuple[Expression, ...]
one = sync_client.list_lifecycle_execution_resources(lifecycleExecutionId=ID, maxResults=5)
reveal_type(one)  # R: Page


async def main() -> None:
    paginator = async_client.get_paginator("list_lifecycle_execution_resources")
    pages = paginator.paginate(lifecycle_execution_id=ID, PaginationConfig={"PageSize": 5})
    reveal_type(pages)  # R: AsyncPageIterator[Page, Item]
    async for page in pages:
        reveal_type(page)  # R: Page
        reveal_type(page.resources)  # R: list[Item]
    async for item in pages.items():
        reveal_type(item)  # R: Item
    async for found in pages.search("resources[].region"):
        reveal_type(found)  # R: Any
    reveal_type(await pages.build_full_result())  # R: dict[str, Any]
    reveal_type(pages.resume_token)  # R: str | None
    page = await async_client.list_lifecycle_execution_resources(lifecycleExecutionId=ID)
    reveal_type(page)  # R: Page
    for page in pages:  # E: __iter__
        pass
    paginator.paginate(lifecycleExecutionID=ID)  # E: paginate
    paginator.paginate()  # E: overload
    await async_client.list_lifecycle_execution_resources()  # E: overload
    async_client.get_paginator("list_lifecycle_execution")  # E: get_paginator
    policy = await async_client.get_lifecycle_policy(lifecyclePolicyArn="arn")
    reveal_type(policy.lifecycle_policy)  # R: LifecyclePolicy | None


list_resources = sync_client.list_lifecycle_execution_resources
sync_client.get_paginator("list_lifecycle_execution_resource")  # E: get_paginator
paginator.paginate()  # E: overload
paginator.paginate(parentResourceId="arn")  # E: paginate
paginator.paginate(lifecycleExecutionID=ID)  # E: paginate
paginator.paginate(lifecycleExecutionId=ID, parentResourceID="arn")  # E: paginate
paginator.paginate(lifecycleExecutionId=5)  # E: paginate
paginator.paginate(lifecycleExecutionId=ID, PaginationConfig={"PageSise": 5})  # E: paginate
paginator.paginate(lifecycleExecutionId=ID, PaginationConfig={"MaxItems": 1.5})  # E: paginate
paginator.paginate(lifecycleExecutionId=ID, PaginationConfg={})  # E: paginate
list_resources()  # E: overload
list_resources(lifecycleExecutionId=ID, maxResult=5)  # E: maxResult
list_resources(lifecycleExecutionId=ID, PaginationConfig={})  # E: PaginationConfig
sync_client.list_lifecycle_executions()  # E: overload
sync_client.list_lifecycle_execution()  # E: list_lifecycle_execution


# A listing with a filter, and no required parameter.

policies = sync_client.get_paginator("list_lifecycle_policies")
no_filters = policies.paginate(max_results=5, PaginationConfig={"MaxItems": 5})
reveal_type(no_filters)  # R: PageIterator[ListLifecyclePoliciesResponse, LifecyclePolicySummary]
for policy_page in policies.paginate(filters=[{"name": "status", "values": ["ENABLED"]}]):
    reveal_type(policy_page)  # R: ListLifecyclePoliciesResponse
    for policy in policy_page.lifecycle_policy_summary_list:
        reveal_type(policy.tags)  # R: dict[str, str]
        reveal_type(policy.status)  # R: str | None
policies.paginate(filters=[Filter(name="status", values=["ENABLED"])])
policies.paginate(filters=({"name": "status"},))
policies.paginate(filters=[{"nam": "status"}])  # E: FilterTypeDef
policies.paginate(filters={"name": "status"})  # E: paginate
policies.paginate(filters=[{"name": "status", "values": [1]}])  # E: FilterTypeDef
policies.paginate(filter=[])  # E: paginate


# An operation with one response.

run = sync_client.get_lifecycle_execution(lifecycle_execution_id=ID).lifecycle_execution
reveal_type(run)  # R: LifecycleExecution | None
if run and run.resources_impacted_summary:
    reveal_type(run.resources_impacted_summary.has_impacted_resources)  # R: bool | None
sync_client.get_lifecycle_execution()  # E: overload
sync_client.get_paginator("get_lifecycle_execution")  # E: get_paginator
reveal_type(sync_client.can_paginate("get_lifecycle_execution"))  # R: bool


# A name that is known when the program runs.


def dump(name: PaginatorName) -> None:
    paginator = sync_client.get_paginator(name)
    reveal_type(paginator)  # R: Paginator[Any, Any]
    paginator.paginate(owner="Self")
    reveal_type(async_client.get_paginator(name))  # R: AsyncPaginator[Any, Any]


def dump_any(name: str) -> None:
    sync_client.get_paginator(name)  # E: get_paginator


# Of another service, without a word of annotation.


def list_things(**params: Any) -> dict[str, Any]:
    return {}


async def list_things_later(**params: Any) -> Mapping[str, int]:
    return {}


class ThingsPage:
    def get(self, name: str) -> object: ...


def list_objects(**params: object) -> ThingsPage:
    return ThingsPage()


spec = PaginationSpec(input_token="Token", output_token="Next", result_key=["Things", "Names"])
PaginationSpec.from_model({"input_token": "Token", "output_token": "Next", "result_key": "Things"})
things = Paginator(list_things, spec)
reveal_type(things)  # R: Paginator[dict[str, Any], Any]
for things_page in things.paginate(Filter=["x"], PaginationConfig={"MaxItems": 3}):
    reveal_type(things_page)  # R: dict[str, Any]
for thing in things.paginate().items():
    reveal_type(thing)  # R: Any
reveal_type(Paginator(list_objects, spec).paginate())  # R: PageIterator[ThingsPage, Any]
later = AsyncPaginator(list_things_later, spec)
reveal_type(later.paginate())  # R: AsyncPageIterator[Mapping[str, int], Any]
PaginationSpec(input_token="Token", output_token="Next")  # E: result_key
PaginationSpec(input_token="T", output_token="N", result_key="R", limitkey="L")  # E: limitkey
Paginator(5, spec)  # E: Paginator
"""

#: ``imagebuilder_pager.models.lifecycle.X`` is X here; the two long names are Page and Item.
MODULE = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])")
PAGE, ITEM = "ListLifecycleExecutionResourcesResponse", "LifecycleExecutionResource"


def in_short(text: str) -> str:
    """Without modules, and with names that fit into a line."""
    text = MODULE.sub("", text).replace(PAGE, "Page")
    return re.sub(rf"\b{ITEM}\b", "Item", text)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> str:
    """What mypy says of the program."""
    program = tmp_path_factory.mktemp("types") / "program.py"
    program.write_text(PROGRAM)
    cache = getattr(request.config, "cache", None)  # pytest can do without
    where = cache.mkdir("mypy") if cache is not None else tmp_path_factory.mktemp("mypy")
    root = Path(__file__).parents[2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPYPATH", str(root))
        arguments = ["--strict", "--config-file=", f"--cache-dir={where}", "--no-error-summary"]
        out, errors, _ = api.run([*arguments, "--no-pretty", str(program)])
    assert errors == ""
    return out


def expected(mark: str) -> dict[int, str]:
    """What the program's comments say, by line."""
    lines = enumerate(PROGRAM.splitlines(), start=1)
    return {number: line.split(mark, 1)[1].strip() for number, line in lines if mark in line}


def messages(said: str, kind: str) -> dict[int, str]:
    """The first message of each line, by line."""
    found: dict[int, str] = {}
    for line in said.splitlines():
        match = re.match(rf".*program\.py:(\d+): {kind}: (.*)", line)
        if match:
            found.setdefault(int(match[1]), match[2])
    return found


def test_the_types_of_pages_and_items(said: str) -> None:
    revealed = {
        number: in_short(text.removeprefix("Revealed type is ").strip('"'))
        for number, text in messages(said, "note").items()
        if text.startswith("Revealed type is ")
    }
    assert revealed == expected("# R: ")


def test_mistakes_are_type_errors_and_nothing_else_is(said: str) -> None:
    errors = messages(said, "error")
    wanted = expected("# E: ")
    assert errors.keys() == wanted.keys(), said
    for number, text in wanted.items():
        assert text in errors[number]


def test_the_operations_names_are_offered() -> None:
    """An editor completes what a Literal and a TypedDict hold."""
    from typing import get_args

    from imagebuilder_pager.operations import OPERATIONS
    from imagebuilder_pager.type_defs import PaginatorName

    paginated = [name for name, operation in OPERATIONS.items() if operation.pagination]
    assert list(get_args(PaginatorName)) == paginated
