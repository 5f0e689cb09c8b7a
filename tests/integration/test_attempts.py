"""The functions for attempts over real sockets: calls for credentials, and what may go wrong."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

from imagebuilder_pager import AsyncImageBuilder, Attempt, ImageBuilder, exceptions
from imagebuilder_pager.local import LocalImageBuilder, LocalServer, generate_account
from tests.fakes.clients import EXECUTION
from tests.fakes.connections import SYNC_WAYS, sync_client
from tests.fakes.credential_endpoints import ROLE, CredentialSettings, sts_error
from tests.fakes.logins import SsoCache
from tests.fakes.services import RecordingService

Figures = list[tuple[str, str, int, int | None, bool]]


def figures_of(settings: CredentialSettings) -> Figures:
    """Make a call; return service, operation, number and status of the attempts for credentials.

    The last value is whether another attempt follows.
    """
    seen: list[Attempt] = []
    threads: set[threading.Thread] = set()

    def note(attempt: Attempt) -> None:
        seen.append(attempt)
        threads.add(threading.current_thread())

    with LocalServer(RecordingService()) as server:
        client = ImageBuilder(
            "us-west-2",
            endpoint_url=server.url,
            on_credentials_attempt=note,
            clock=settings.clock,
            max_attempts=1,
        )
        client.list_lifecycle_execution_resources(**EXECUTION)
    assert threads == {threading.main_thread()}
    secrets = {*settings.endpoints.secrets.values(), settings.endpoints.container_token}
    secrets |= {settings.endpoints.metadata_token, "TaskUuidSecret", "web.identity.token"}
    assert not [secret for secret in secrets if secret in repr(seen)]
    assert {attempt.host for attempt in seen} == {"127.0.0.1"}
    return [
        (one.service, one.operation, one.number, one.status, one.retry_in is not None)
        for one in seen
    ]


def test_the_attempts_of_sts_are_reported_and_logged(
    settings: CredentialSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "imagebuilder_pager.credentials")
    settings.set_web_identity()
    token = "web.identity.token"
    settings.endpoints.scripted = [(500, sts_error("InternalFailure", f"{token} is not mine"))]
    name = "AssumeRoleWithWebIdentity"
    assert figures_of(settings) == [("sts", name, 1, 500, True), ("sts", name, 2, 200, False)]
    records = [record for record in caplog.records if hasattr(record, "attempt")]
    assert [(record.levelname, vars(record)["status"]) for record in records] == [
        ("DEBUG", 500),
        ("DEBUG", 500),  # the retry
        ("DEBUG", 200),
    ]
    assert {record.name for record in records} == {"imagebuilder_pager.credentials"}
    assert token not in caplog.text


def test_the_attempts_of_a_role_are_reported(settings: CredentialSettings) -> None:
    settings.file(".aws/config", settings.profile("profile static", "AKIDCONFIG"))
    role = f"[profile role]\nrole_arn = {ROLE}/x\nsource_profile = static\n"
    path = settings.folder / ".aws/config"
    path.write_text(path.read_text() + role)
    settings.environment(AWS_PROFILE="role")
    assert figures_of(settings) == [("sts", "AssumeRole", 1, 200, False)]


def test_the_attempts_of_the_metadata_endpoints_are_reported(settings: CredentialSettings) -> None:
    settings.set_imds()
    assert figures_of(settings) == [("imds", "GetCredentials", 1, 200, False)]
    settings.set_ecs()
    settings.endpoints.scripted = [(503, b"TaskUuidSecret")]
    assert figures_of(settings) == [
        ("container", "GetCredentials", 1, 503, True),
        ("container", "GetCredentials", 2, 200, False),
    ]


def test_the_status_is_that_of_the_last_request(settings: CredentialSettings) -> None:
    settings.set_imds()
    token = settings.endpoints.metadata_token.encode()
    # The second response has more bytes than are read.
    settings.endpoints.scripted = [(200, token), (200, b" " * 100_000)]
    seen: list[Attempt] = []
    client = ImageBuilder("us-west-2", on_credentials_attempt=seen.append, clock=settings.clock)
    with pytest.raises(exceptions.NoCredentialsError):
        client.list_lifecycle_execution_resources(**EXECUTION)
    assert [(attempt.service, attempt.status) for attempt in seen] == [("imds", None)]


@pytest.mark.usefixtures("laptop")
def test_a_response_of_sso_without_keys_is_no_success(
    settings: CredentialSettings, laptop: SsoCache
) -> None:
    settings.environment(AWS_PROFILE="laptop")
    laptop.portal.credentials = {"accessKeyId": ""}
    seen: list[Attempt] = []
    client = ImageBuilder("us-west-2", on_credentials_attempt=seen.append, clock=settings.clock)
    with pytest.raises(exceptions.CredentialRetrievalError, match="no roleCredentials") as caught:
        client.list_lifecycle_execution_resources(**EXECUTION)
    assert (seen[-1].operation, seen[-1].status) == ("GetRoleCredentials", 200)
    assert isinstance(seen[-1].error, exceptions.ResponseParserError)
    assert seen[-1].error is caught.value.__cause__


@pytest.mark.usefixtures("laptop")
def test_the_attempts_of_sso_are_reported(settings: CredentialSettings) -> None:
    settings.environment(AWS_PROFILE="laptop")
    assert figures_of(settings) == [
        ("sso-oidc", "CreateToken", 1, 200, False),
        ("sso", "GetRoleCredentials", 1, 200, False),
    ]


def test_the_async_client_reports_them_in_the_thread_that_fetches(
    settings: CredentialSettings,
) -> None:
    settings.set_web_identity()
    threads: list[str] = []

    async def main(url: str) -> None:
        def note(attempt: Attempt) -> None:
            threads.append(f"{attempt.service} {threading.current_thread().name}")

        async with AsyncImageBuilder(
            "us-west-2", endpoint_url=url, on_attempt=note, on_credentials_attempt=note
        ) as client:
            await client.list_lifecycle_execution_resources(**EXECUTION)

    with LocalServer(RecordingService()) as server:
        asyncio.run(main(server.url))
    assert threads == ["sts credentials", "imagebuilder MainThread"]


@pytest.mark.parametrize("client_class", [ImageBuilder, AsyncImageBuilder])
def test_code_that_needs_the_credentials_that_it_is_called_for_is_an_error(
    client_class: type[ImageBuilder | AsyncImageBuilder], settings: CredentialSettings
) -> None:
    settings.set_web_identity()
    errors: list[exceptions.PagerError] = []

    def use(_: Attempt) -> None:
        try:
            call()
        except exceptions.CredentialRetrievalError as error:
            errors.append(error)

    def call() -> None:
        async def wait() -> None:
            await response

        response: Any = client.list_lifecycle_execution_resources(**EXECUTION)
        if isinstance(client, AsyncImageBuilder):
            asyncio.run(wait())

    with LocalServer(RecordingService()) as server:
        client = client_class("us-west-2", endpoint_url=server.url, on_credentials_attempt=use)
        call()
    assert "while the credentials are fetched" in str(errors[0])


@pytest.mark.parametrize("way", SYNC_WAYS)
def test_a_function_that_closes_the_client_ends_the_calls_after_it(way: str) -> None:
    seen: list[Attempt] = []

    def close(attempt: Attempt) -> None:
        seen.append(attempt)
        client.close()
        http: Any = client._transport
        http.close()

    with (
        LocalServer(LocalImageBuilder(generate_account(resources=60))) as server,
        sync_client(way, server.url, on_attempt=close) as client,
    ):
        pages = iter(
            client.get_paginator("list_lifecycle_execution_resources").paginate(**EXECUTION)
        )
        assert len(next(pages).resources) == 25
        with pytest.raises(exceptions.HTTPClientError, match="closed") as caught:
            next(pages)
    assert caught.value.resume_token
    assert [attempt.error for attempt in seen] == [None, caught.value]
