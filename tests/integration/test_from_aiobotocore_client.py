"""The paginator over aiobotocore clients, real ones at moto's services; and their credentials.

``make test-aiobotocore`` runs this file in the environment that has aiobotocore.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions
from imagebuilder_pager.pagination import AsyncPaginator, paginator_from_client
from tests.fakes.clients import EXECUTION
from tests.fakes.example_programs import (
    ALL_KEYS,
    PAGE,
    look_for_s3_at,
    needs_aiobotocore,
    programs_over_clients,
    run,
)
from tests.fakes.moto_server import moto_server
from tests.fakes.moto_services import CASES, SETTINGS, Case, check_resuming, fill
from tests.fakes.services import RecordingService

aiobotocore_session = pytest.importorskip("aiobotocore.session")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto_server() as url:
        clients: dict[str, Any] = {}

        def client_of(name: str) -> Any:
            session = boto3.session.Session(**SETTINGS)
            return clients.setdefault(name, session.client(name, endpoint_url=url))

        fill(client_of)
        for client in clients.values():
            client.close()
        yield url


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_stopped_listing_resumes_at_another_page_size(url: str, case: Case) -> None:
    async def main() -> None:
        session = aiobotocore_session.get_session()
        async with session.create_client(case.service, endpoint_url=url, **SETTINGS) as client:
            paginator = paginator_from_client(client, case.method_name)
            assert isinstance(paginator, AsyncPaginator)
            reference = client.get_paginator(case.method_name).paginate(**case.params)
            full = await reference.build_full_result()
            assert await paginator.paginate(**case.params).build_full_result() == full
            for seed, prefetch in ((1, 0), (2, 2)):
                await check_resuming(client, case, seed=seed, prefetch=prefetch, by="items")

    asyncio.run(main())


def test_the_example_of_the_page_prints_all_keys(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    look_for_s3_at(url, monkeypatch)
    (program,) = filter(needs_aiobotocore, programs_over_clients(PAGE))
    run(program)
    assert capsys.readouterr().out.split() == ALL_KEYS


def test_its_credentials_are_awaited_by_the_async_client_and_refused_by_the_sync_one() -> None:
    service = RecordingService()

    async def main() -> None:
        session = aiobotocore_session.get_session()
        session.set_credentials("AKIDAIO", "secret", "token")
        credentials: Any = await session.get_credentials()
        async with httpx.AsyncClient(transport=httpx.MockTransport(service)) as http:
            client = AsyncImageBuilder("us-west-2", http_client=http, credentials=credentials)
            await client.list_lifecycle_execution_resources(**EXECUTION)
        with pytest.raises(exceptions.ParamValidationError, match=r"credentials\(\) is async"):
            ImageBuilder("us-west-2", credentials=credentials)

    asyncio.run(main())
    assert "Credential=AKIDAIO/" in service.request.headers["authorization"]
