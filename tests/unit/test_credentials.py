"""The credentials of a client: where they come from, and the errors for invalid ones."""

import contextvars
import functools
import itertools
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import anyio.lowlevel
import boto3
import botocore.credentials
import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions
from imagebuilder_pager._aws.auth.signer import SigningRequest
from imagebuilder_pager._aws.clock import SYSTEM_CLOCK, Clock
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from imagebuilder_pager._aws.config.tls import LazySSLContext
from imagebuilder_pager._aws.credentials.environment import EnvironmentProvider
from imagebuilder_pager._aws.credentials.refreshable import RefreshableCredentials
from imagebuilder_pager._aws.credentials.resolver import resolve_credentials
from imagebuilder_pager._aws.identity import CachingProvider, Credentials, CredentialsContext
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.calls import MakeCalls, async_calls, sync_calls
from tests.fakes.clients import EXECUTION, OPERATION, ClientWith, list_page
from tests.fakes.clocks import FakeClock
from tests.fakes.credentials import (
    SECRET_KEY,
    FakeFetcher,
    SlowSource,
    access_key_of,
    credential_threads,
)
from tests.fakes.services import RecordingService, ScriptedService, fail_on_request, http_client

KEYS: dict[str, Any] = {"aws_access_key_id": "AKID", "aws_secret_access_key": SECRET_KEY}
ENVIRONMENT = {name.upper(): value for name, value in KEYS.items()}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ENVIRONMENT, "AWS_SESSION_TOKEN": "envtoken"}.items():
        monkeypatch.setenv(name, value)


def provider_for(credentials: Any, clock: Clock = SYSTEM_CLOCK) -> CachingProvider:
    context = CredentialsContext(SharedConfig(), "us-west-2", LazySSLContext(), clock)
    return resolve_credentials(None, None, None, credentials, context)


def access_key_id_of(request: httpx.Request) -> str:
    found = re.search(r"Credential=([^/]+)/", request.headers["authorization"])
    assert found is not None
    return found[1]


class Object:
    access_key, secret_key, token = "OBJECT", SECRET_KEY, "token"


def function_of(function: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that is no coroutine function, whatever it calls."""

    def call() -> Any:
        return function()

    return call


async def coroutine_function() -> Any:
    await anyio.lowlevel.checkpoint()
    return Object()


def provider_of(function: Callable[[], Any]) -> Any:
    """Return an object whose ``get_frozen_credentials()`` calls the function."""

    class Calling:
        def get_frozen_credentials(self) -> Any:
            return function()

    return Calling()


def async_provider_of(function: Callable[[], Any]) -> Any:
    """Return credentials as aiobotocore has them, which also have the keys as attributes."""

    class AsyncCalling:
        access_key, secret_key, token = "STALE", SECRET_KEY, "token"

        async def get_frozen_credentials(self) -> Any:
            await anyio.lowlevel.checkpoint()
            return function()

    return AsyncCalling()


BOTO3_CREDENTIALS = boto3.session.Session("BOTO", "secret", "bototoken").get_credentials()
assert BOTO3_CREDENTIALS is not None


@pytest.mark.usefixtures("_environment")
@pytest.mark.parametrize(
    ("arguments", "access_key", "token"),
    [
        # The session token of the environment is for its access key only.
        (LOCAL_CREDENTIALS, "local", None),
        ({}, "AKID", "envtoken"),
        ({"credentials": Object()}, "OBJECT", "token"),
        ({"credentials": provider_of(Object)}, "OBJECT", "token"),
        ({"credentials": function_of(Object)}, "OBJECT", "token"),
        ({"credentials": Credentials("OWN", "secret", "token")}, "OWN", "token"),
        ({"credentials": BOTO3_CREDENTIALS}, "BOTO", "bototoken"),
        ({"credentials": BOTO3_CREDENTIALS.get_frozen_credentials()}, "BOTO", "bototoken"),
    ],
    ids=["keys", "environment", "object", "provider", "function", "own", "boto3", "boto3 frozen"],
)
def test_a_request_is_signed_with_the_credentials_of_the_arguments_or_the_environment(
    arguments: dict[str, Any], access_key: str, token: str | None
) -> None:
    service = RecordingService()
    with http_client(service) as http:
        list_page(ImageBuilder("us-west-2", http_client=http, **arguments))
    assert access_key_id_of(service.request) == access_key
    assert service.request.headers.get("x-amz-security-token") == token


def test_the_environment_is_read_at_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    service = RecordingService()
    with http_client(service) as http:
        client = ImageBuilder("us-west-2", http_client=http)
        with pytest.raises(exceptions.NoCredentialsError):
            list_page(client)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENVKEY")
        with pytest.raises(exceptions.PartialCredentialsError) as caught:
            list_page(client)
        assert str(caught.value) == (
            "incomplete credentials in the environment variables: AWS_SECRET_ACCESS_KEY missing "
            "or empty"
        )
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        list_page(client)
    assert access_key_id_of(service.request) == "ENVKEY"


BOTH = "aws_access_key_id and aws_secret_access_key"


@pytest.mark.usefixtures("_environment")
@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        ({"aws_access_key_id": "A"}, "aws_secret_access_key"),
        ({"aws_secret_access_key": "s"}, "aws_access_key_id"),
        ({"aws_access_key_id": "A", "aws_secret_access_key": ""}, "aws_secret_access_key"),
        ({"aws_session_token": "t"}, BOTH),
        ({"aws_access_key_id": "", "aws_secret_access_key": ""}, BOTH),
    ],
)
def test_incomplete_credentials_in_the_arguments_are_an_error(
    arguments: dict[str, Any], missing: str
) -> None:
    with pytest.raises(exceptions.PartialCredentialsError) as caught:
        ImageBuilder("us-west-2", **arguments)
    assert (
        str(caught.value) == f"incomplete credentials in the arguments: {missing} missing or empty"
    )


NAMES = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"]


@pytest.mark.parametrize("name", NAMES)
def test_an_access_key_beside_credentials_is_an_error(name: str) -> None:
    arguments: dict[str, Any] = {name: "x"}
    with pytest.raises(exceptions.ParamValidationError) as caught:
        ImageBuilder("us-west-2", credentials=Object(), **arguments)
    assert str(caught.value) == (
        "ImageBuilder: invalid parameters; nothing was sent\n"
        "  - credentials: given beside aws_* keys; allowed: one of the two"
    )


class CoroutineCallable:
    async def __call__(self) -> Any:
        return Object()


NO_CREDENTIALS = ["AKID", 5, {"access_key": "a"}, object(), coroutine_function]
NO_CREDENTIALS += [functools.partial(coroutine_function), CoroutineCallable()]


@pytest.mark.parametrize("client", [ImageBuilder, AsyncImageBuilder])
@pytest.mark.parametrize("credentials", NO_CREDENTIALS)
def test_an_object_that_is_not_credentials_is_an_error(client: Any, credentials: Any) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        client("us-west-2", credentials=credentials)
    assert str(caught.value) == (
        f"{client.__name__}: invalid parameters; nothing was sent\n"
        f"  - credentials: a {type(credentials).__name__} given; allowed: an object with "
        "get_frozen_credentials(), or with access_key, secret_key and token, or a function (not "
        "a coroutine function) that returns new credentials"
    )


@pytest.mark.parametrize("name", NAMES)
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
        f"credentials: invalid parameters; nothing was sent\n  - {name}: {problem}; allowed: a "
        "string of printable ASCII, without a line break or spaces around it"
    )


# Functions and providers of the caller


def test_a_function_may_return_an_object_a_provider_or_a_mapping(clock: FakeClock) -> None:
    expires = clock.now() + timedelta(hours=1)
    mapping = {"AccessKeyId": "AKID", "SecretAccessKey": SECRET_KEY, "SessionToken": "token"}
    temporary = Credentials("AKID", SECRET_KEY, "token", expires)
    permanent = Credentials("AKID", SECRET_KEY)
    naive = expires.replace(tzinfo=None)  # taken for UTC
    boto3_credentials = botocore.credentials.Credentials("AKID", SECRET_KEY, "t")
    returned: list[tuple[Any, Credentials]] = [
        (Object(), Credentials("OBJECT", SECRET_KEY, "token")),
        (temporary, temporary),
        (boto3_credentials, Credentials("AKID", SECRET_KEY, "t")),
        (mapping, Credentials("AKID", SECRET_KEY, "token")),
        ({**mapping, "Expiration": expires}, temporary),
        ({**mapping, "Expiration": "2030-01-01T01:00:00Z"}, temporary),
        ({**mapping, "Expiration": "2030-01-01T03:00:00+02:00"}, temporary),
        ({**mapping, "Expiration": "Tue, 01 Jan 2030 01:00:00 GMT"}, temporary),
        ({**mapping, "Expiration": naive}, temporary),
        ({**mapping, "SessionToken": "", "Expiration": None}, permanent),
        ({**mapping, "SessionToken": None, "Expiration": ""}, permanent),
    ]
    for value, expected in returned:
        assert provider_for(lambda value=value: value, clock).get_frozen_credentials() == expected


class ErrorWithoutAText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def raise_without_a_text() -> Any:
    raise ErrorWithoutAText


def raise_two_lines() -> Any:
    raise RuntimeError("no vault\nmore of it")


#: What is no credentials, from a function and from ``get_frozen_credentials()``.
NOT_RETURNED: list[tuple[Any, str]] = [
    (lambda: None, "returned a NoneType; allowed: an object with access_key"),
    (lambda: "AKID", "returned a str; allowed"),
    (lambda: Credentials("", SECRET_KEY), "aws_access_key_id: missing or empty"),
    (lambda: Credentials("AKID", ""), "aws_secret_access_key: missing or empty"),
    (lambda: Credentials("AKID", "line\nbreak"), "aws_secret_access_key: other characters in it"),
    (lambda: Credentials("AKID", SECRET_KEY, 5), "aws_session_token: a int given"),  # type: ignore[arg-type]
    (raise_two_lines, "failed: RuntimeError: no vault$"),
    (lambda: next(iter(())), "failed: (StopIteration|RuntimeError: coroutine raised Stop.*)$"),
    (raise_without_a_text, "failed: ErrorWithoutAText$"),
]


@pytest.mark.parametrize(
    ("calls", "make"),
    [
        (sync_calls, function_of),
        (sync_calls, provider_of),
        (async_calls, function_of),
        (async_calls, provider_of),
        (async_calls, async_provider_of),
    ],
)
@pytest.mark.parametrize(("function", "problem"), NOT_RETURNED)
def test_a_function_or_object_without_credentials_is_an_error(
    calls: MakeCalls, make: Any, function: Any, problem: str
) -> None:
    (error,) = calls(fail_on_request, 1, credentials=make(function))
    assert isinstance(error, exceptions.CredentialRetrievalError)
    assert re.search(problem, str(error))
    assert isinstance(error.__cause__, Exception) == ("failed" in problem)
    assert SECRET_KEY not in str(error)


KEY_PAIR = {"AccessKeyId": "AKID", "SecretAccessKey": SECRET_KEY}


@pytest.mark.parametrize(
    ("credentials", "problem"),
    [
        (dict, "aws_access_key_id: missing or empty"),
        (lambda: {"AccessKeyId": "AKID"}, "aws_secret_access_key: missing or empty"),
        (lambda: {**KEY_PAIR, "Expiration": "soon"}, "neither a datetime nor a date"),
        (lambda: {**KEY_PAIR, "Expiration": 5}, "an Expiration that is neither a datetime nor a"),
        (lambda: {**KEY_PAIR, "Expiration": "2029-01-01"}, "expired at .*, and the clock of this"),
        # Only a function may return a mapping.
        (provider_of(lambda: KEY_PAIR), "returned a dict; allowed: an"),
        (provider_of(dict), "returned a dict; allowed: an"),
        (lambda: async_provider_of(Object), "returned a coroutine; allowed: an object with acc"),
        (function_of(coroutine_function), "returned a coroutine; allowed"),
        (provider_of(coroutine_function), "returned a coroutine; allowed"),
        (type("Odd", (), {"get_frozen_credentials": 5})(), "failed: TypeError: "),
    ],
)
def test_a_mapping_or_coroutine_without_credentials_is_an_error(
    clock: FakeClock, credentials: Any, problem: str
) -> None:
    with pytest.raises(exceptions.CredentialRetrievalError, match=problem) as caught:
        access_key_of(provider_for(credentials, clock))
    assert SECRET_KEY not in str(caught.value)


def test_a_listing_resumes_after_an_object_without_credentials() -> None:
    call_count = itertools.count(1)

    def next_credentials() -> Credentials | None:
        return None if next(call_count) == 2 else Credentials("local", "local")

    given: Any = {"credentials": provider_of(next_credentials), "clock": FakeClock()}
    with http_client(ScriptedService()) as http:
        paginator = ImageBuilder("us-west-2", http_client=http, **given).get_paginator(OPERATION)
        pages: Any = paginator.paginate(**EXECUTION, PaginationConfig={"PageSize": 20})
        with pytest.raises(exceptions.CredentialRetrievalError) as caught:
            list(pages)
        config: Any = {"StartingToken": caught.value.resume_token}
        assert len(list(paginator.paginate(**EXECUTION, PaginationConfig=config).items())) == 40


@pytest.mark.parametrize("client", [ImageBuilder, AsyncImageBuilder])
@pytest.mark.parametrize("name", ["get_frozen_credentials", "access_key"])
def test_a_property_that_fails_is_an_error_of_the_credentials(client: Any, name: str) -> None:
    def fail(_: object) -> Any:
        raise RuntimeError("no vault")

    credentials = type("Failing", (Object,), {name: property(fail)})()
    with pytest.raises(
        exceptions.CredentialRetrievalError,
        match=r"^the object given as credentials failed: RuntimeError: no vault$",
    ):
        client("us-west-2", credentials=credentials)


def test_a_providers_credentials_are_not_cached() -> None:
    count = itertools.count(1)
    provider = provider_for(provider_of(lambda: Credentials(f"AKID{next(count)}", SECRET_KEY)))
    assert [access_key_of(provider), access_key_of(provider)] == ["AKID1", "AKID2"]
    assert provider.cached() is None
    assert provider.invalidate("AKID2"), "it may return others"
    assert not Credentials("AKID", SECRET_KEY).invalidate("AKID"), "they do not change"


@pytest.mark.anyio
async def test_a_provider_of_the_callers_is_called_for_each_request_in_its_context() -> None:
    service = RecordingService()
    tenant = contextvars.ContextVar[str]("tenant")
    threads = set[threading.Thread]()

    def credentials_of_tenant() -> Credentials:
        threads.add(threading.current_thread())
        return Credentials(tenant.get(), SECRET_KEY)

    async def call(client: AsyncImageBuilder, name: str) -> None:
        tenant.set(name)
        await client.list_lifecycle_execution_resources(**EXECUTION)

    async with httpx.AsyncClient(transport=httpx.MockTransport(service)) as http:
        provider: Any = provider_of(credentials_of_tenant)
        client = AsyncImageBuilder("us-west-2", http_client=http, credentials=provider)
        async with anyio.create_task_group() as group:
            for name in "ABC":
                group.start_soon(call, client, name)
    assert sorted(map(access_key_id_of, service.requests)) == ["A", "B", "C"]
    assert threading.current_thread() not in threads, "it may block"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "provider", [async_provider_of(Object), provider_of(coroutine_function)], ids=["async", "sync"]
)
async def test_an_async_provider_is_awaited_in_the_event_loop(provider: Any) -> None:
    service = RecordingService()
    async with httpx.AsyncClient(transport=httpx.MockTransport(service)) as http:
        client = AsyncImageBuilder("us-west-2", http_client=http, credentials=provider)
        await client.list_lifecycle_execution_resources(**EXECUTION)
    assert not credential_threads()
    assert access_key_id_of(service.request) == "OBJECT"


@pytest.mark.anyio
async def test_an_async_provider_holds_no_call_beyond_total_timeout() -> None:
    class Hanging:
        async def get_frozen_credentials(self) -> Any:
            await anyio.sleep_forever()

    async with AsyncImageBuilder("us-west-2", credentials=Hanging(), total_timeout=0.01) as client:
        with (
            anyio.fail_after(10),
            pytest.raises(exceptions.CredentialRetrievalError, match="of total_timeout"),
        ):
            await client.list_images()


def test_the_sync_client_refuses_an_async_provider() -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        ImageBuilder("us-west-2", credentials=async_provider_of(Object))
    assert str(caught.value) == (
        "ImageBuilder: invalid parameters; nothing was sent\n  - credentials: a AsyncCalling "
        "given, whose get_frozen_credentials() is async; allowed: a sync one, or AsyncImageBuilder"
    )


# A function that takes long


def test_a_slow_function_has_one_thread_and_holds_no_call_beyond_total_timeout() -> None:
    source = SlowSource()
    with http_client(RecordingService()) as http:
        client = ImageBuilder("us-west-2", http_client=http, credentials=source, total_timeout=0.01)
        try:
            for _ in range(50):
                with pytest.raises(exceptions.CredentialRetrievalError, match="of total_timeout"):
                    list_page(client)
            assert len(credential_threads()) == 1
        finally:
            source.finish()
    assert source.call_count == 1


@pytest.mark.anyio
async def test_tasks_that_wait_for_a_slow_function_have_one_thread() -> None:
    source = SlowSource()
    errors: list[exceptions.PagerError] = []

    async def call(client: AsyncImageBuilder) -> None:
        try:
            await client.list_lifecycle_execution_resources(**EXECUTION)
        except exceptions.CredentialRetrievalError as error:
            errors.append(error)

    async with httpx.AsyncClient(transport=httpx.MockTransport(RecordingService())) as http:
        client = AsyncImageBuilder(
            "us-west-2", http_client=http, credentials=source, total_timeout=0.2
        )
        try:
            with anyio.fail_after(10):
                async with anyio.create_task_group() as group:
                    for _ in range(400):
                        group.start_soon(call, client)
                    await anyio.wait_all_tasks_blocked()
                    assert len(credential_threads()) == 1
        finally:
            source.may_return.set()
        assert len({id(error) for error in errors}) == 400, "each has another error"
        await call(client)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threading.Thread, "start", pytest.fail)
            await call(client)
    source.finish()
    assert len(errors) == 400
    assert source.call_count == 1, "the fetched credentials are used, without another thread"


@pytest.mark.anyio
async def test_without_a_thread_credentials_are_an_error_and_not_fetched_in_the_event_loop() -> (
    None
):
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    client = AsyncImageBuilder("us-west-2", credentials=lambda: pytest.fail("in the loop"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(exceptions.CredentialRetrievalError, match="can't start new thread"):
            await client.list_images()


# The environment


def test_the_environment_variables_are_those_of_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    def both() -> tuple[Any, Any]:
        theirs: Any = botocore.credentials.EnvProvider().load()
        if theirs is not None:
            keys, expiration = (
                theirs.get_frozen_credentials(),
                getattr(theirs, "_expiry_time", None),
            )
            theirs = Credentials(keys.access_key, keys.secret_key, keys.token, expiration)
        return EnvironmentProvider().load(), theirs

    assert both() == (None, None)
    expiration = datetime(2099, 1, 31, 12, tzinfo=UTC)
    security = Credentials("AKID", SECRET_KEY, "security")
    expiring = Credentials("AKID", SECRET_KEY, "security", expiration)
    for name, value, expected in (
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY, None),
        ("AWS_ACCESS_KEY_ID", "AKID", Credentials("AKID", SECRET_KEY)),
        ("AWS_SESSION_TOKEN", "session", Credentials("AKID", SECRET_KEY, "session")),
        ("AWS_SECURITY_TOKEN", "security", security),
        ("AWS_CREDENTIAL_EXPIRATION", "2099-01-31T12:00:00Z", expiring),
        ("AWS_CREDENTIAL_EXPIRATION", "Sat, 31 Jan 2099 12:00:00 GMT", expiring),
        ("AWS_CREDENTIAL_EXPIRATION", "Sat Jan 31 12:00:00 UTC 2099", expiring),
    ):
        monkeypatch.setenv(name, value)
        assert both() == (expected, expected)


@pytest.mark.usefixtures("_environment")
def test_environment_variables_with_an_expiration_are_read_again(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    def issue(name: str) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", name)
        expires = max(clock.now(), datetime.now(UTC)) + timedelta(hours=1)
        monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", expires.isoformat())

    issue("FIRST")
    credentials = provider_for(None, clock)
    assert access_key_of(credentials) == "FIRST"
    issue("SECOND")
    assert access_key_of(credentials) == "FIRST"
    clock.advance(minutes=46)
    assert access_key_of(credentials) == "SECOND"
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "soon")
    with pytest.raises(
        exceptions.InvalidConfigError, match=r"^AWS_CREDENTIAL_EXPIRATION: 'soon' given; allowed: a"
    ):
        EnvironmentProvider().load()


# Secrets, imports


def test_no_repr_shows_a_secret(clock: FakeClock) -> None:
    refreshable = RefreshableCredentials(FakeFetcher(clock), clock)
    fetched = refreshable.get_frozen_credentials()
    context = CredentialsContext(SharedConfig(), "r", LazySSLContext(), SYSTEM_CLOCK)
    headers = {"x-amz-security-token": "token1"}
    request = SigningRequest("POST", "https://a.test/", headers, b"", fetched, "s", "r")
    for thing in (refreshable, fetched, provider_for(Object()), context, request):
        for text in (repr(thing), str(thing), f"{thing}"):
            assert SECRET_KEY not in text
            assert "token1" not in text
    assert "2030-01-01 01:00" in repr(refreshable)
    with ImageBuilder("us-west-2", **KEYS) as client:
        assert repr(client) == (
            "ImageBuilder('us-west-2', endpoint_url='https://imagebuilder.us-west-2.amazonaws.com')"
        )


def test_credentials_in_the_arguments_do_not_load_the_chain() -> None:
    """The test of each source without botocore shows the modules of the others."""
    code = f"""if True:
        import sys
        from imagebuilder_pager import ImageBuilder
        client = ImageBuilder("us-west-2", **{KEYS!r})
        assert client._rest.signer.credentials().access_key == "AKID"
        assert "imagebuilder_pager._aws.credentials.chain" not in sys.modules
    """
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
