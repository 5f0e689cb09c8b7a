"""What type checkers, and with them editors, know: mypy and pyright read a program of a user's."""

import re
from pathlib import Path

import pytest

from tests.fakes.type_checkers import Messages, mypy_cache, run_mypy, run_pyright

PROGRAM = """
from collections.abc import Mapping
from typing import Any, Final, cast

import imagebuilder_pager
from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder
from imagebuilder_pager import Checkpoint, exceptions
from imagebuilder_pager.models import ImageVersion, ListImagesResponse
from imagebuilder_pager.models import LifecycleExecutionResource as Item
from imagebuilder_pager.models import ListLifecycleExecutionResourcesResponse as Page
from imagebuilder_pager.models.shapes import Response, Shape
from imagebuilder_pager.pagination import (
    AsyncPaginator,
    PageIterator,
    PaginationConfig,
    PaginationSpec,
    Paginator,
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
paginator.paginate(lifecycle_execution_id=ID)  # E: paginate
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
images: Paginator[ListImagesResponse, ImageVersion] = sync_client.get_paginator("list_images")
of_images: ListImagesPaginator = sync_client.get_paginator("list_images")
of_images.paginate(owner="Self", filters=[{"name": "platform", "values": ["Linux"]}])
of_images.paginate(owners="Self")  # E: owners
first(sync_client.get_paginator("list_images"))  # E: first
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
    paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=5)  # E: paginate
    paginator.paginate(lifecycleExecutionId=ID, PaginationConfig={"PageSise": 5})  # E: Config
    of_images.paginate(PaginationConfig={"MaxItem": 5})  # E: PaginationConfig
    of_images.paginate(PaginationConfig=[("MaxItems", 5)])  # E: PaginationConfig


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
except sync_client.exceptions.Typo:  # E: Typo
    pass
except exceptions.ClientError as error:
    reveal_type(error.response["Error"])  # R: Any
except exceptions.PagerErrorr:  # E: PagerErrorr
    pass


# Names that are not there.

from imagebuilder_pager import ImageBuilderr  # E: ImageBuilderr
from imagebuilder_pager.models import LifecycleExecutionResourcee  # E: LifecycleExecutionResourcee
from imagebuilder_pager.pagination import Paginatorr  # E: Paginatorr
from imagebuilder_pager.type_defs import ListImagesPaginatorr  # E: ListImagesPaginatorr

imagebuilder_pager.ImageBuilderr  # E: ImageBuilderr
imagebuilder_pager.models.LifecycleExecutionResourcee  # E: LifecycleExecutionResourcee
imagebuilder_pager.pagination.Paginatorr  # E: Paginatorr
sync_client.list_imagess  # E: list_imagess
sync_client.regionname  # E: regionname
async_client.list_imagess  # E: list_imagess
pages.resume_tokens  # E: resume_tokens


async def main() -> None:
    paginator = async_client.get_paginator("list_lifecycle_execution_resources")
    pages = paginator.paginate(lifecycleExecutionId=ID, PaginationConfig={"PageSize": 5})
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
    paginator.paginate()  # E: lifecycleExecutionId
    await async_client.list_lifecycle_execution_resources()  # E: lifecycleExecutionId
    reveal_type(await collect(async_client.get_paginator(OPERATION)))  # R: list[Item]
    for values in pages.result_key_iters():
        async for value in values:
            reveal_type(value)  # R: Any
    policy = await async_client.get_lifecycle_policy(lifecyclePolicyArn="arn")
    reveal_type(policy.lifecycle_policy)  # R: LifecyclePolicy | None


list_resources = sync_client.list_lifecycle_execution_resources
paginator.paginate()  # E: lifecycleExecutionId
paginator.paginate(parentResourceId="arn")  # E: paginate
paginator.paginate(lifecycleExecutionID=ID)  # E: paginate
paginator.paginate(lifecycleExecutionId=ID, parentResourceID="arn")  # E: paginate
paginator.paginate(lifecycleExecutionId=5)  # E: paginate
paginator.paginate(lifecycleExecutionId=ID, PaginationConfg={})  # E: paginate
list_resources()  # E: lifecycleExecutionId
list_resources(lifecycleExecutionId=ID, maxResult=5)  # E: maxResult
list_resources(lifecycleExecutionId=ID, PaginationConfig={})  # E: PaginationConfig
sync_client.list_lifecycle_executions()  # E: resourceArn
sync_client.list_lifecycle_execution()  # E: list_lifecycle_execution


# A listing with a filter, and no required parameter.

policies = sync_client.get_paginator("list_lifecycle_policies")
no_filters = policies.paginate(maxResults=5, PaginationConfig={"MaxItems": 5})
reveal_type(no_filters)  # R: PageIterator[ListLifecyclePoliciesResponse, LifecyclePolicySummary]
for policy_page in policies.paginate(filters=[{"name": "status", "values": ["ENABLED"]}]):
    reveal_type(policy_page)  # R: ListLifecyclePoliciesResponse
    for policy in policy_page.lifecycle_policy_summary_list:
        reveal_type(policy.tags)  # R: dict[str, str]
        status: str | None = policy.status  # an enum's member, or what AWS adds later
policies.paginate(filters=({"name": "status"},))
policies.paginate(filters=[{"nam": "status"}])  # E: FilterTypeDef
policies.paginate(filters={"name": "status"})  # E: paginate
policies.paginate(filters=[{"name": "status", "values": [1]}])  # E: expected "str"
policies.paginate(filter=[])  # E: paginate


# An operation with one response.

run = sync_client.get_lifecycle_execution(lifecycleExecutionId=ID).lifecycle_execution
reveal_type(run)  # R: LifecycleExecution | None
if run and run.resources_impacted_summary:
    reveal_type(run.resources_impacted_summary.has_impacted_resources)  # R: bool | None
sync_client.get_lifecycle_execution()  # E: lifecycleExecutionId
reveal_type(sync_client.can_paginate("get_lifecycle_execution"))  # R: bool


# A name that is known when the program runs.


def dump(name: str) -> None:
    sync_client.get_paginator(name)  # E: get_paginator
    any_paginator = sync_client.get_paginator(cast("PaginatorName", name))
    for any_page in any_paginator.paginate():
        print(any_page)


misspelt_name: PaginatorName = "list_imagess"  # E: list_imagess
without_pages: PaginatorName = "get_lifecycle_execution"  # E: get_lifecycle_execution
sync_client.get_paginator("list_imagez")  # E: get_paginator
sync_client.get_paginator("get_lifecycle_execution")  # E: get_paginator
sync_client.get_paginator(5)  # E: get_paginator
sync_client.get_paginator("list_images", max_page_size=25)
request: ListImagesRequestTypeDef = {"owner": "Self", "colour": "red"}  # E: colour


# The other way to send.

H11Client(timeout=5.0)
H11Client(tiemout=5)  # E: tiemout
AsyncH11Client(tiemout=5)  # E: tiemout


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


NAME = "program.py"


def expected(mark: str) -> dict[tuple[str, int], str]:
    """What the program's comments say, by line."""
    lines = enumerate(PROGRAM.splitlines(), start=1)
    return {
        (NAME, number): line.split(mark, 1)[1].strip() for number, line in lines if mark in line
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("types")
    (folder / NAME).write_text(PROGRAM)
    return folder


@pytest.fixture(scope="module")
def of_mypy(
    folder: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Messages:
    return run_mypy(folder, mypy_cache(request, tmp_path_factory))


@pytest.fixture(scope="module")
def of_pyright(folder: Path) -> Messages:
    return run_pyright(folder)


def test_the_types_of_pages_and_items(of_mypy: Messages) -> None:
    revealed = {
        place: in_short(texts[0].removeprefix("Revealed type is ").strip('"'))
        for place, texts in of_mypy["note"].items()
        if texts[0].startswith("Revealed type is ")
    }
    assert revealed == expected("# R: ")


def test_pyright_reveals_the_same_types(of_pyright: Messages) -> None:
    revealed = {
        place: in_short(texts[0].partition('" is "')[2].strip('"'))
        for place, texts in of_pyright["information"].items()
    }
    assert revealed == expected("# R: ")


def test_mistakes_are_type_errors_and_nothing_else_is(of_mypy: Messages) -> None:
    errors = of_mypy["error"]
    wanted = expected("# E: ")
    assert errors.keys() == wanted.keys(), errors
    for place, text in wanted.items():
        assert text in errors[place][0]


def test_pyright_finds_the_same_mistakes_and_no_others(of_pyright: Messages) -> None:
    errors = of_pyright["error"]
    assert errors.keys() == expected("# E: ").keys(), errors
