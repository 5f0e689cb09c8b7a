"""Where keys come from, when they are fetched, and that nobody else gets to see them."""

import copy
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import anyio.to_thread
import boto3
import botocore.credentials
import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions
from imagebuilder_pager.aws.auth.httpx_auth import SigV4Auth
from imagebuilder_pager.aws.clock import Clock
from imagebuilder_pager.aws.config.shared_config import SharedConfig
from imagebuilder_pager.aws.credentials.environment import credentials_from_environment
from imagebuilder_pager.aws.credentials.refreshable import RefreshableCredentials
from imagebuilder_pager.aws.credentials.resolver import resolve_credentials
from imagebuilder_pager.aws.identity import CachingProvider, Credentials, CredentialsContext

EXECUTION: Any = {"lifecycleExecutionId": "lce-12345678-1234-1234-1234-123456789012"}
SECRET = "wJalrXUtnFEMI/K7MDENG"


class StoppedClock(Clock):
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.time = datetime(2030, 1, 1, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def pass_minutes(self, minutes: float) -> None:
        self.time += timedelta(minutes=minutes)


class Source:
    """Gives new keys each time, with ``minutes`` to live; fails while ``broken``."""

    def __init__(self, clock: Clock, minutes: float | None = 60) -> None:
        self.clock = clock
        self.minutes = minutes
        self.broken = False
        self.calls = 0

    def __call__(self) -> Credentials:
        self.calls += 1
        if self.broken:
            raise exceptions.CredentialRetrievalError("the source is broken")
        minutes = self.minutes
        expires = None if minutes is None else self.clock.now() + timedelta(minutes=minutes)
        return Credentials(f"AKID{self.calls}", SECRET, f"token{self.calls}", expires)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def source(clock: StoppedClock) -> Source:
    return Source(clock)


@pytest.fixture
def credentials(source: Source, clock: StoppedClock) -> RefreshableCredentials:
    return RefreshableCredentials(source, clock)


def key(credentials: CachingProvider) -> str:
    return credentials.get_frozen_credentials().access_key


# Refresh


def test_keys_are_fetched_once_and_kept(
    credentials: RefreshableCredentials, source: Source, clock: StoppedClock
) -> None:
    assert credentials.cached() is None
    assert source.calls == 0
    assert [key(credentials) for _ in range(3)] == ["AKID1"] * 3
    clock.pass_minutes(45)  # 15 minutes are left
    assert key(credentials) == "AKID1"
    assert credentials.cached() is credentials.get_frozen_credentials()
    assert source.calls == 1


@pytest.mark.parametrize("left", [14.9, 10, 9.9, 0, -60])
def test_keys_are_fetched_again_before_they_expire(
    credentials: RefreshableCredentials, source: Source, clock: StoppedClock, left: float
) -> None:
    key(credentials)
    clock.pass_minutes(60 - left)
    assert credentials.cached() is None
    assert key(credentials) == "AKID2"
    assert key(credentials) == "AKID2"
    assert source.calls == 2


def test_keys_without_an_expiry_are_kept(
    credentials: RefreshableCredentials, source: Source, clock: StoppedClock
) -> None:
    source.minutes = None
    key(credentials)
    clock.pass_minutes(60 * 24 * 365)
    assert key(credentials) == "AKID1"


@pytest.mark.parametrize("left", [14, 9, 1])
def test_a_refresh_that_fails_while_the_keys_hold_is_logged(
    credentials: RefreshableCredentials,
    source: Source,
    clock: StoppedClock,
    caplog: pytest.LogCaptureFixture,
    left: float,
) -> None:
    key(credentials)
    clock.pass_minutes(60 - left)
    source.broken = True
    with caplog.at_level(logging.DEBUG):
        assert [key(credentials) for _ in range(3)] == ["AKID1"] * 3
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.name.startswith("imagebuilder_pager.")
    assert "the source is broken" in record.getMessage()
    assert source.calls == 2  # not at every call: a minute is between two attempts
    assert credentials.cached() is not None
    source.broken = False
    if left > 1:
        clock.pass_minutes(1)
    assert key(credentials) == ("AKID3" if left > 1 else "AKID1")


def test_a_refresh_that_fails_after_the_expiry_is_raised(
    credentials: RefreshableCredentials, source: Source, clock: StoppedClock
) -> None:
    key(credentials)
    source.broken = True
    clock.pass_minutes(55)
    assert key(credentials) == "AKID1"
    clock.pass_minutes(5)
    for _ in range(2):
        with pytest.raises(exceptions.CredentialRetrievalError, match="the source is broken"):
            key(credentials)
    assert source.calls == 4
    source.broken = False
    assert key(credentials) == "AKID5"


def test_short_lived_keys_are_not_fetched_at_every_call(
    credentials: RefreshableCredentials, source: Source, clock: StoppedClock
) -> None:
    """A role of 15 minutes is within the window from the start."""
    source.minutes = 12
    assert [key(credentials) for _ in range(9)] == ["AKID1", *["AKID2"] * 8]
    clock.pass_minutes(1)
    key(credentials)
    assert source.calls == 3


def test_keys_that_come_expired_are_refused(
    credentials: RefreshableCredentials, source: Source
) -> None:
    source.minutes = -1
    with pytest.raises(
        exceptions.CredentialRetrievalError, match=r"expired at .*, and by the clock"
    ):
        key(credentials)


def test_many_threads_fetch_once(clock: StoppedClock) -> None:
    gate = threading.Barrier(20)
    calls = []

    def fetch() -> Credentials:
        calls.append(threading.get_ident())
        return Credentials(f"AKID{len(calls)}", SECRET, None, clock.now() + timedelta(hours=1))

    credentials = RefreshableCredentials(fetch, clock)

    def ask(_: int) -> str:
        gate.wait(10)
        return key(credentials)

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(ask, range(20))) == {"AKID1"}
        clock.pass_minutes(51)  # all have to wait
        assert set(pool.map(ask, range(20))) == {"AKID2"}
    assert len(calls) == 2


def test_a_failure_is_that_of_all_who_waited_for_it(clock: StoppedClock) -> None:
    """Else each would wait for the endpoint's timeout after the other."""
    waiting, calls = threading.Event(), 0

    def fetch() -> Credentials:
        nonlocal calls
        calls += 1
        assert waiting.wait(10)
        raise exceptions.NoCredentialsError("nothing there")

    credentials = RefreshableCredentials(fetch, clock)
    lock = CountingLock(10, waiting)
    credentials._lock = lock  # type: ignore[assignment]

    def ask(_: int) -> Exception | None:
        try:
            key(credentials)
        except exceptions.NoCredentialsError as error:
            return error
        return None

    with ThreadPoolExecutor(10) as pool:
        failures = list(pool.map(ask, range(10)))
    assert {str(failure) for failure in failures} == {"nothing there"}
    assert len({id(failure) for failure in failures}) == 10  # each its own traceback
    assert calls == 1


class CountingLock:
    """A lock that says when so many threads have come to it."""

    def __init__(self, threads: int, reached: threading.Event) -> None:
        self._lock = threading.Lock()
        self._left = threads
        self._reached = reached

    def acquire(self, blocking: bool = True) -> bool:
        self._left -= 1
        if self._left == 0:
            self._reached.set()
        return self._lock.acquire(blocking)

    def release(self) -> None:
        self._lock.release()

    def locked(self) -> bool:
        return self._lock.locked()


def test_in_the_first_window_the_others_go_on_with_the_old_keys(clock: StoppedClock) -> None:
    fetching, done = threading.Event(), threading.Event()
    calls = 0

    def fetch() -> Credentials:
        nonlocal calls
        calls += 1
        if calls == 2:
            fetching.set()
            assert done.wait(10)
        return Credentials(f"AKID{calls}", SECRET, None, clock.now() + timedelta(hours=1))

    credentials = RefreshableCredentials(fetch, clock)
    key(credentials)
    clock.pass_minutes(48)
    with ThreadPoolExecutor(1) as pool:
        refresher = pool.submit(key, credentials)
        assert fetching.wait(10)
        assert key(credentials) == "AKID1"
        assert credentials.cached() is not None  # nor does a task need a thread for it
        done.set()
        assert refresher.result(10) == "AKID2"
    assert key(credentials) == "AKID2"


def test_an_interrupted_fetch_leaves_nothing_behind(clock: StoppedClock) -> None:
    calls = 0

    def fetch() -> Credentials:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyboardInterrupt
        return Credentials("AKID", SECRET)

    credentials = RefreshableCredentials(fetch, clock)
    with pytest.raises(KeyboardInterrupt):
        key(credentials)
    assert key(credentials) == "AKID"


# Rejection by the service


def test_rejected_keys_are_fetched_again_once(
    credentials: RefreshableCredentials, source: Source
) -> None:
    rejected = key(credentials)
    assert credentials.invalidate(rejected)
    assert source.calls == 1  # it does not block: the next signing fetches
    assert credentials.cached() is None
    assert key(credentials) == "AKID2"
    # Another thread's answer to the old keys comes late.
    assert credentials.invalidate(rejected)
    assert key(credentials) == "AKID2"
    assert source.calls == 2


def test_rejected_keys_do_not_hold(credentials: RefreshableCredentials, source: Source) -> None:
    credentials.invalidate(key(credentials))
    source.broken = True
    with pytest.raises(exceptions.CredentialRetrievalError, match="broken"):
        key(credentials)


def test_static_keys_cannot_be_refreshed() -> None:
    credentials = Credentials("AKID", SECRET)
    assert not credentials.invalidate("AKID")
    assert isinstance(credentials, CachingProvider)
    assert isinstance(RefreshableCredentials(lambda: credentials), CachingProvider)


def expired_then_good(requests: list[httpx.Request]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if "Credential=OLD" in request.headers["authorization"]:
            return httpx.Response(403, json={"__type": "ExpiredTokenException", "message": "old"})
        return httpx.Response(200, json={})

    return answer


def test_a_call_with_expired_keys_is_sent_again_with_new_ones() -> None:
    """To the client, a function that returns keys is asked again."""
    keys = iter(["OLD", "NEW"])
    requests: list[httpx.Request] = []
    with httpx.Client(transport=httpx.MockTransport(expired_then_good(requests))) as http:
        client = ImageBuilder(
            "us-west-2",
            http_client=http,
            credentials=lambda: {"AccessKeyId": next(keys), "SecretAccessKey": SECRET},
        )
        page = client.list_lifecycle_execution_resources(**EXECUTION)
        client.list_lifecycle_execution_resources(**EXECUTION)
    assert page is not None
    assert [r.headers["authorization"].split("/")[0][-3:] for r in requests] == [
        "OLD",
        "NEW",
        "NEW",
    ]


# What the argument takes


def chosen(credentials: Any, clock: Clock | None = None) -> CachingProvider:
    surroundings = CredentialsContext(SharedConfig(), "us-west-2", clock=clock or Clock())
    return resolve_credentials(None, None, None, credentials, surroundings)


class Object:
    access_key, secret_key, token = "OBJECT", SECRET, "token"


def test_a_function_may_return_an_object_a_provider_or_a_mapping(clock: StoppedClock) -> None:
    expires = clock.now() + timedelta(hours=1)
    mapping = {"AccessKeyId": "AKID", "SecretAccessKey": SECRET, "SessionToken": "token"}
    keys = Credentials("AKID", SECRET, "token", expires)
    naive = expires.replace(tzinfo=None)  # taken for UTC
    returned: list[tuple[Any, Credentials]] = [
        (Object(), Credentials("OBJECT", SECRET, "token")),
        (keys, keys),
        (botocore.credentials.Credentials("AKID", SECRET, "t"), Credentials("AKID", SECRET, "t")),
        (mapping, Credentials("AKID", SECRET, "token")),
        ({**mapping, "Expiration": expires}, keys),
        ({**mapping, "Expiration": "2030-01-01T01:00:00Z"}, keys),
        ({**mapping, "Expiration": "2030-01-01T03:00:00+02:00"}, keys),
        ({**mapping, "Expiration": naive}, keys),
        ({**mapping, "SessionToken": "", "Expiration": None}, Credentials("AKID", SECRET)),
    ]
    for value, expected in returned:
        assert chosen(lambda value=value: value, clock).get_frozen_credentials() == expected


def test_a_function_is_called_when_its_keys_are_about_to_expire(clock: StoppedClock) -> None:
    source = Source(clock)
    credentials = chosen(source, clock)
    assert source.calls == 0
    assert [key(credentials), key(credentials)] == ["AKID1", "AKID1"]
    clock.pass_minutes(46)
    assert key(credentials) == "AKID2"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "returned a NoneType; allowed: an object with access_key"),
        ("AKID", "returned a str"),
        ({}, "credentials without an access key id"),
        ({"AccessKeyId": "AKID"}, "credentials without a secret key"),
        ({"AccessKeyId": "A", "SecretAccessKey": SECRET, "Expiration": "soon"}, "an Expiration"),
        ({"AccessKeyId": "A", "SecretAccessKey": SECRET, "Expiration": 5}, "an Expiration"),
        ({"AccessKeyId": "A", "SecretAccessKey": SECRET, "Expiration": "2029-01-01"}, "expired at"),
    ],
)
def test_a_function_that_returns_no_keys_is_an_error(
    clock: StoppedClock, value: Any, problem: str
) -> None:
    with pytest.raises(exceptions.CredentialRetrievalError, match=problem) as caught:
        key(chosen(lambda: value, clock))
    assert SECRET not in str(caught.value)


def test_a_function_that_fails_is_an_error_with_its_cause(clock: StoppedClock) -> None:
    def fails() -> Any:
        raise RuntimeError("no vault")

    with pytest.raises(
        exceptions.CredentialRetrievalError, match=r"failed \(RuntimeError\)$"
    ) as caught:
        key(chosen(fails, clock))
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_coroutine_function_is_refused() -> None:
    async def keys() -> Any:
        return Object()

    with pytest.raises(exceptions.ParamValidationError, match="not a coroutine function"):
        chosen(keys)


def test_the_credentials_of_a_boto3_session_are_asked_for_each_request() -> None:
    session = boto3.session.Session("AKID", SECRET, "token")
    credentials = chosen(session.get_credentials())
    assert key(credentials) == "AKID"
    assert credentials.cached() is None


def test_a_provider_of_ones_own_may_know_of_rejection() -> None:
    class Own:
        rejected = ""

        def get_frozen_credentials(self) -> Object:
            return Object()

        def invalidate(self, access_key: str) -> bool:
            self.rejected = access_key
            return False

    own = Own()
    assert not chosen(own).invalidate("OBJECT")
    assert own.rejected == "OBJECT"


# The environment


def test_the_environment_is_botocores(monkeypatch: pytest.MonkeyPatch) -> None:
    def both() -> tuple[Any, Any]:
        ours, theirs = credentials_from_environment(), botocore.credentials.EnvProvider().load()
        return (
            ours and (ours.access_key, ours.secret_key, ours.token),
            theirs and theirs.get_frozen_credentials()[:3],
        )

    assert both() == (None, None)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert both() == (None, None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    assert both()[0] == both()[1] == ("AKID", SECRET, None)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    assert both()[0] == both()[1] == ("AKID", SECRET, "session")
    monkeypatch.setenv("AWS_SECURITY_TOKEN", "security")
    assert both()[0] == both()[1] == ("AKID", SECRET, "security")


def test_keys_of_the_environment_that_expire_are_read_again(
    monkeypatch: pytest.MonkeyPatch, clock: StoppedClock
) -> None:
    def issue(name: str) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", name)
        expires = max(clock.now(), datetime.now(UTC)) + timedelta(hours=1)
        monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", expires.isoformat())

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    issue("FIRST")
    credentials = chosen(None, clock)
    assert key(credentials) == "FIRST"
    issue("SECOND")
    assert key(credentials) == "FIRST"
    clock.pass_minutes(46)
    assert key(credentials) == "SECOND"


# Async


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_refresh_is_never_in_the_event_loops_thread(clock: StoppedClock, backend: str) -> None:
    threads: list[int] = []
    source = Source(clock)

    def fetch() -> Credentials:
        threads.append(threading.get_ident())
        return source()

    hops = 0

    async def main() -> None:
        nonlocal hops
        run_sync = anyio.to_thread.run_sync

        async def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal hops
            hops += 1
            return await run_sync(*arguments, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(anyio.to_thread, "run_sync", counted)
            transport = httpx.MockTransport(lambda _: httpx.Response(200, json={}))
            async with httpx.AsyncClient(transport=transport) as http:
                client = AsyncImageBuilder(
                    "us-west-2", http_client=http, credentials=fetch, clock=clock
                )

                async def many() -> None:
                    async with anyio.create_task_group() as group:
                        for _ in range(20):
                            group.start_soon(call)

                async def call() -> None:
                    await client.list_lifecycle_execution_resources(**EXECUTION)

                await many()
                assert source.calls == 1
                first = hops
                await many()
                assert hops == first  # fresh keys need no thread
                clock.pass_minutes(52)
                await many()
                assert source.calls == 2
        assert threading.get_ident() not in threads

    anyio.run(main, backend=backend)
    assert len(threads) == 2
    assert hops


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelling_does_not_wait_for_a_fetch(clock: StoppedClock, backend: str) -> None:
    done = threading.Event()
    fetched = threading.Event()

    def fetch() -> Credentials:
        assert done.wait(10)
        fetched.set()
        return Credentials("AKID", SECRET)

    credentials = RefreshableCredentials(fetch, clock)

    async def main() -> None:
        auth = SigV4Auth(credentials, "imagebuilder", "us-west-2")
        request = httpx.Request("POST", "https://aws.test/", content=b"{}")
        with anyio.move_on_after(0.05) as scope:
            await anext(auth.async_auth_flow(request))
        assert scope.cancelled_caught
        done.set()

    anyio.run(main, backend=backend)
    assert fetched.wait(10)
    assert key(credentials) == "AKID"  # and the fetch was not in vain


# Secrets, copies, imports


def test_no_repr_shows_a_secret(clock: StoppedClock, source: Source) -> None:
    credentials = RefreshableCredentials(source, clock)
    credentials.get_frozen_credentials()
    for thing in (
        credentials,
        credentials.cached(),
        chosen(Object()),
        CredentialsContext(SharedConfig(), "r"),
    ):
        assert SECRET not in repr(thing)
        assert "token1" not in repr(thing)
    assert "2030-01-01 01:00" in repr(credentials)


def test_an_error_can_be_copied() -> None:
    """The waiting threads each raise a copy."""
    for error in (
        exceptions.NoCredentialsError("x"),
        exceptions.CredentialRetrievalError("x"),
        exceptions.ProfileNotFound("x"),
        exceptions.ParamValidationError("where", ["what"]),
    ):
        assert str(copy.copy(error)) == str(error)
        assert type(copy.copy(error)) is type(error)


STATIC = """
import os, sys
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = "/does/not/exist"
os.environ.update({environment!r})
import httpx
from imagebuilder_pager import ImageBuilder
transport = httpx.MockTransport(lambda _: httpx.Response(200, json={{}}))
client = ImageBuilder("us-west-2", http_client=httpx.Client(transport=transport), **{arguments!r})
client.list_lifecycle_execution_resources(lifecycleExecutionId={id!r})
print(*sorted({{"configparser", "subprocess", "botocore.credentials", "botocore.configloader",
    "botocore.session", "botocore.loaders", "imagebuilder_pager.aws.credentials.chain"}} & set(sys.modules)))
"""
KEYS = {"aws_access_key_id": "AKID", "aws_secret_access_key": SECRET}
ENVIRONMENT = {name.upper(): value for name, value in KEYS.items()}


@pytest.mark.parametrize(
    ("arguments", "environment", "loaded"),
    [
        (KEYS, {}, set()),
        ({}, ENVIRONMENT, set()),
        # So that the test is known to be able to fail.
        (
            {},
            {**ENVIRONMENT, "AWS_CREDENTIAL_EXPIRATION": "2100-01-01T00:00:00Z"},
            {"botocore.credentials", "configparser", "imagebuilder_pager.aws.credentials.chain"},
        ),
    ],
    ids=["arguments", "environment", "chain"],
)
def test_static_keys_load_nothing_of_the_chain(
    arguments: dict[str, str], environment: dict[str, str], loaded: set[str]
) -> None:
    code = STATIC.format(
        arguments=arguments, environment=environment, id=EXECUTION["lifecycleExecutionId"]
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    assert set(ran.stdout.split()) >= loaded
    assert bool(ran.stdout.split()) == bool(loaded)
