"""The credentials of a client: where they come from, and the errors for invalid ones."""

import asyncio
import contextvars
import re
import threading
from typing import Any, cast

import anyio
import boto3
import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions
from imagebuilder_pager._aws.identity import Credentials
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
)
from tests.fakes.clients import EXECUTION, ClientWith, list_page
from tests.fakes.services import RecordingService, fail_on_request, http_client


@pytest.fixture
def recorder() -> RecordingService:
    return RecordingService()


def access_key_id_of(request: httpx.Request) -> str:
    found = re.search(r"Credential=([^/]+)/", request.headers["authorization"])
    assert found is not None
    return found[1]


def set_environment_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENVKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "envsecret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "envtoken")


def test_credentials_in_the_arguments_come_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, client_with: ClientWith, recorder: RecordingService
) -> None:
    set_environment_credentials(monkeypatch)
    list_page(client_with(recorder))
    assert access_key_id_of(recorder.request) == ACCESS_KEY_ID
    # The session token of the environment is for its access key only.
    assert "x-amz-security-token" not in recorder.request.headers


def test_credentials_come_from_the_environment_without_arguments(
    monkeypatch: pytest.MonkeyPatch, recorder: RecordingService
) -> None:
    set_environment_credentials(monkeypatch)
    with http_client(recorder) as http:
        list_page(ImageBuilder("us-west-2", http_client=http))
    assert access_key_id_of(recorder.request) == "ENVKEY"
    assert recorder.request.headers["x-amz-security-token"] == "envtoken"


def test_the_environment_is_read_at_the_first_call(
    monkeypatch: pytest.MonkeyPatch, recorder: RecordingService
) -> None:
    with http_client(recorder) as http:
        client = ImageBuilder("us-west-2", http_client=http)
        with pytest.raises(exceptions.NoCredentialsError):
            list_page(client)
        set_environment_credentials(monkeypatch)
        list_page(client)
    assert access_key_id_of(recorder.request) == "ENVKEY"


def test_the_error_without_credentials_names_where_they_were_looked_for() -> None:
    with http_client(fail_on_request) as http:
        client = ImageBuilder("us-west-2", http_client=http)
        with pytest.raises(exceptions.NoCredentialsError) as caught:
            list_page(client)
    assert type(caught.value) is exceptions.NoCredentialsError
    assert str(caught.value).startswith(
        "no credentials\n"
        "  - the arguments: neither aws_access_key_id nor credentials is given\n"
        "  - environment variables: AWS_ACCESS_KEY_ID is not set\n"
    )


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        ({"aws_access_key_id": "A"}, "aws_secret_access_key"),
        ({"aws_secret_access_key": "s"}, "aws_access_key_id"),
        ({"aws_access_key_id": "A", "aws_secret_access_key": ""}, "aws_secret_access_key"),
        ({"aws_session_token": "t"}, "aws_access_key_id and aws_secret_access_key"),
        (
            {"aws_access_key_id": "", "aws_secret_access_key": ""},
            "aws_access_key_id and aws_secret_access_key",
        ),
    ],
)
def test_incomplete_credentials_in_the_arguments_are_an_error(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, str], missing: str
) -> None:
    set_environment_credentials(monkeypatch)
    with pytest.raises(exceptions.PartialCredentialsError) as caught:
        ImageBuilder("us-west-2", **cast("dict[str, Any]", arguments))
    assert (
        str(caught.value) == f"incomplete credentials in the arguments: {missing} missing or empty"
    )


def test_incomplete_credentials_in_the_environment_are_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "value")
    with http_client(fail_on_request) as http:
        client = ImageBuilder("us-west-2", http_client=http)
        with pytest.raises(exceptions.PartialCredentialsError) as caught:
            list_page(client)
    assert str(caught.value) == (
        "incomplete credentials in the environment variables: AWS_SECRET_ACCESS_KEY missing or "
        "empty"
    )


class Frozen:
    access_key, secret_key, token = "OBJECT", "secret", "objecttoken"


class Provider:
    def get_frozen_credentials(self) -> Frozen:
        return Frozen()


@pytest.mark.parametrize("credentials", [Frozen(), Provider()], ids=["keys", "provider"])
def test_credentials_can_be_an_object(
    monkeypatch: pytest.MonkeyPatch, recorder: RecordingService, credentials: Any
) -> None:
    set_environment_credentials(monkeypatch)
    with http_client(recorder) as http:
        list_page(ImageBuilder("us-west-2", http_client=http, credentials=credentials))
    assert access_key_id_of(recorder.request) == "OBJECT"
    assert recorder.request.headers["x-amz-security-token"] == "objecttoken"


@pytest.mark.parametrize("frozen", [False, True])
def test_credentials_can_be_those_of_a_boto3_session(
    recorder: RecordingService, frozen: bool
) -> None:
    session = boto3.session.Session("BOTO", "secret", "bototoken")
    credentials: Any = session.get_credentials()
    if frozen:
        credentials = credentials.get_frozen_credentials()
    with http_client(recorder) as http:
        list_page(ImageBuilder("us-west-2", http_client=http, credentials=credentials))
    assert access_key_id_of(recorder.request) == "BOTO"
    assert recorder.request.headers["x-amz-security-token"] == "bototoken"


@pytest.mark.parametrize(
    "name", ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"]
)
def test_an_access_key_beside_credentials_is_an_error(name: str) -> None:
    arguments: dict[str, Any] = {name: "x"}
    with pytest.raises(exceptions.ParamValidationError) as caught:
        ImageBuilder("us-west-2", credentials=Frozen(), **arguments)
    assert str(caught.value) == (
        "ImageBuilder: invalid parameters; nothing was sent\n"
        "  - credentials: given beside aws_* keys; allowed: one of the two"
    )


@pytest.mark.parametrize("credentials", ["AKID", 5, {"access_key": "a"}, object()])
def test_an_object_that_is_not_credentials_is_an_error(credentials: Any) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        ImageBuilder("us-west-2", credentials=credentials)
    assert str(caught.value) == (
        "ImageBuilder: invalid parameters; nothing was sent\n"
        f"  - credentials: a {type(credentials).__name__} given; allowed: an object with "
        "get_frozen_credentials(), or with access_key, secret_key and token, or a function (not "
        "a coroutine function) that returns new credentials"
    )


ALLOWED_KEY = "allowed: a string of printable ASCII, without a line break or spaces around it"


@pytest.mark.parametrize(
    "name", ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"]
)
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("sesame\n", "other characters in it"),
        (" sesame", "other characters in it"),
        ("ses\x00ame", "other characters in it"),
        ("s\N{LATIN SMALL LETTER E WITH ACUTE}same", "other characters in it"),
        (b"sesame", "a bytes given"),
        (12345, "a int given"),
    ],
)
def test_credentials_that_are_invalid_in_a_header_are_an_error_that_does_not_show_them(
    client_with: ClientWith, name: str, value: Any, problem: str
) -> None:
    client = client_with(fail_on_request, **{name: value})
    with pytest.raises(exceptions.ParamValidationError) as caught:
        list_page(client)
    assert str(caught.value) == (
        f"credentials: invalid parameters; nothing was sent\n  - {name}: {problem}; {ALLOWED_KEY}"
    )


def test_a_function_that_hangs_has_one_thread_for_all_calls() -> None:
    proceed = threading.Event()
    client = ImageBuilder(
        "us-west-2", credentials=cast("Any", lambda: proceed.wait(20)), total_timeout=0.01
    )
    before = threading.active_count()
    try:
        for _ in range(50):
            with pytest.raises(exceptions.CredentialRetrievalError, match="total_timeout"):
                client.list_images()
        assert threading.active_count() == before + 1
    finally:
        proceed.set()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_tasks_that_wait_for_credentials_have_one_thread(backend: str) -> None:
    proceed = threading.Event()
    client = AsyncImageBuilder("us-west-2", credentials=cast("Any", lambda: proceed.wait(20)))
    errors: list[exceptions.CredentialRetrievalError] = []

    async def call() -> None:
        with pytest.raises(exceptions.CredentialRetrievalError, match="returned a bool") as caught:
            await client.list_images()
        errors.append(caught.value)

    async def main() -> None:
        before = threading.active_count()
        async with anyio.create_task_group() as group:
            for _ in range(400):
                group.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            assert threading.active_count() == before + 1
            proceed.set()

    anyio.run(main, backend=backend)
    assert len({id(error) for error in errors}) == 400, "each has an error of its own"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_without_a_thread_credentials_are_an_error_and_not_fetched_in_the_event_loop(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        monkeypatch.setattr(threading.Thread, "start", start)
        client = AsyncImageBuilder("us-west-2", credentials=lambda: pytest.fail("in the loop"))
        with pytest.raises(exceptions.CredentialRetrievalError, match="can't start new thread"):
            await client.list_images()

    anyio.run(main, backend=backend)


class ProviderOfTenants:
    """A provider whose credentials are those of the context that asks."""

    tenant = contextvars.ContextVar[str]("tenant")

    def get_frozen_credentials(self) -> Credentials:
        return Credentials(f"AK{self.tenant.get()}", "s" * 20)


def test_a_provider_of_the_callers_is_asked_for_each_request_in_its_context(
    recorder: RecordingService,
) -> None:
    async def call(client: AsyncImageBuilder, tenant: str) -> None:
        ProviderOfTenants.tenant.set(tenant)
        await client.list_lifecycle_execution_resources(**EXECUTION)

    async def main() -> None:
        transport = httpx.MockTransport(recorder)
        async with (
            httpx.AsyncClient(transport=transport) as http,
            AsyncImageBuilder(
                "us-west-2", http_client=http, credentials=ProviderOfTenants()
            ) as client,
        ):
            await asyncio.gather(*(call(client, tenant) for tenant in "ABC"))

    asyncio.run(main())
    assert sorted(map(access_key_id_of, recorder.requests)) == ["AKA", "AKB", "AKC"]
