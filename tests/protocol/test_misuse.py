"""A wrong function, a value that is not a page, and a wrong expression are errors at once."""

import dataclasses
import functools
from typing import Any

import anyio
import pytest

from imagebuilder_pager.exceptions import PaginationError, ParamValidationError
from imagebuilder_pager.pagination import AsyncPaginator, PaginationSpec, Paginator
from tests.fakes.image_builder import ID, async_client_of, client_of, local
from tests.fakes.paginated_service import (
    BACKENDS,
    ENTRY,
    WAYS,
    FakeService,
    ServiceError,
    pages_by,
    paginate_by,
    run,
)
from tests.fakes.prefetching import TEN, collect

SPEC = PaginationSpec(input_token="Token", output_token="NextToken", result_key="Items")


async def list_later(**_: Any) -> dict[str, Any]:
    return {"Items": [1, 2]}


async def yield_pages(**_: Any) -> Any:
    yield {"Items": [1, 2]}


def list_now(**_: Any) -> dict[str, Any]:
    return {"Items": [1, 2]}


@pytest.mark.parametrize("method", [list_later, yield_pages, functools.partial(list_later, a=1)])
def test_an_async_function_given_to_paginator_is_an_error(method: Any) -> None:
    with pytest.raises(ParamValidationError, match="use AsyncPaginator"):
        Paginator(method, SPEC)


@pytest.mark.parametrize("depth", [0, 1])
def test_an_awaitable_in_place_of_a_page_is_an_error(depth: int) -> None:
    """No listing is empty because of it, and no coroutine is left without its await."""
    pages = Paginator(lambda **_: list_later(), SPEC).paginate(PaginationConfig={"Prefetch": depth})
    with pytest.raises(PaginationError, match=r"returned a coroutine .* use AsyncPaginator"):
        list(pages)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [0, 1])
def test_a_function_that_is_not_async_given_to_async_paginator_is_an_error(
    backend: str, depth: int
) -> None:
    paginator: Any = AsyncPaginator(list_now, SPEC)  # type: ignore[arg-type]  # that is the case
    pages = paginator.paginate(PaginationConfig={"Prefetch": depth})
    with pytest.raises(PaginationError, match=r"returned a dict .* use Paginator"):
        run(backend, pages.build_full_result)


@pytest.mark.parametrize("page", [None, [1], "page", 5, iter([{"Items": [1]}])])
def test_a_value_that_is_not_a_page_is_an_error(page: Any) -> None:
    answers = [{"Items": [1], "NextToken": "t"}, page]
    pages = Paginator(lambda **_: answers.pop(0), SPEC).paginate()
    iterator = iter(pages)
    next(iterator)
    with pytest.raises(PaginationError, match=f"page 2 is a {type(page).__name__}") as caught:
        next(iterator)
    assert caught.value.resume_token == pages.resume_token is not None


INVALID = {
    "resources[": "'resources[' given; Invalid jmespath expression: Incomplete expression",
    "a b": "'a b' given; Unexpected token: b: Parse error at column 2",
    "(" * 50_000 + "a" + ")" * 50_000: "given; nested too deeply",
    "": "Invalid JMESPath expression",
    "nothing(@)": "unknown function nothing()",
    "resources[?nothing(reason)].a": "unknown function nothing()",
    "resources[*].[length(a, b)]": "length() takes 1 arguments, not 2",
    "{a: join(',')}": "join() takes 2 arguments, not 1",
    "merge()": "merge() takes at least 1 arguments, not 0",
    "a[::0].b | sort_by(@)": "sort_by() takes 2 arguments, not 1",
}


@pytest.mark.parametrize("expression", [*INVALID, None, 5])
def test_an_invalid_search_expression_is_an_error_before_anything_is_sent(expression: Any) -> None:
    service = local(3)
    for client in (client_of(service), async_client_of(service)):
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        pages = paginator.paginate(lifecycleExecutionId=ID)
        with pytest.raises(ParamValidationError) as caught:
            pages.search(expression)
        assert isinstance(caught.value, ValueError)
        assert len(str(caught.value).splitlines()) == 2
        assert INVALID.get(expression, "given; allowed: a JMESPath expression") in str(caught.value)
    assert service.requests == 0


def test_a_search_that_fails_on_a_page_can_be_resumed_at_that_page() -> None:
    def list_things(**params: Any) -> dict[str, Any]:
        page = params.get("Token", 0)
        return {"Items": [1], "Count": [1, "a"] if page == 0 else 5, "NextToken": page + 1}

    pages = Paginator(list_things, SPEC).paginate()
    found = pages.search("length(Count)")
    assert next(found) == 2
    token = pages.resume_token
    with pytest.raises(PaginationError, match=r"search: 'length\(Count\)': .*invalid type") as e:
        next(found)
    assert e.value.resume_token == token


# result_key_iters.


TWO_KEYS = dataclasses.replace(
    TEN, entry={**ENTRY, "result_key": ["Items", "Names"]}, secondary=("list",)
)
NAMES = [name for page in pages_by("sync", FakeService(TWO_KEYS))[0] for name in page["Names"]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("depth", [0, 2])
def test_result_key_iters_are_those_of_one_pass(way: str, depth: int) -> None:
    async def main() -> None:
        service = FakeService(TWO_KEYS)
        items, names = paginate_by(way, service, {"Prefetch": depth}).result_key_iters()
        assert [await anext(items) for _ in range(3)] == [0, 1, 2]
        assert [name async for name in names] == NAMES
        assert [item async for item in items] == TEN.items[3:]
        assert len(service.requests) == 10

    run(way, main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_async_result_key_iters_may_be_read_by_several_tasks(backend: str) -> None:
    async def main() -> None:
        service = FakeService(TWO_KEYS)
        found: list[list[Any]] = [[], []]
        async with anyio.create_task_group() as group:
            pages = paginate_by(backend, service)
            for values, seen in zip(pages.result_key_iters(), found, strict=True):
                group.start_soon(collect, values, seen)
        assert found == [TEN.items, NAMES]
        assert len(service.requests) == 10

    run(backend, main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_error_ends_every_async_result_key_iter(backend: str) -> None:
    async def main() -> None:
        for values in paginate_by(backend, FakeService(TWO_KEYS, good=1)).result_key_iters():
            with pytest.raises(ServiceError, match="request 2"):
                await collect(values, [])

    run(backend, main)
