"""Which credentials a client signs with: those of the arguments or of the environment."""

import copy
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore.credentials
import httpx
import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager._aws.clock import Clock
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from imagebuilder_pager._aws.credentials.environment import EnvironmentProvider
from imagebuilder_pager._aws.credentials.refreshable import RefreshableCredentials
from imagebuilder_pager._aws.credentials.resolver import resolve_credentials
from imagebuilder_pager._aws.identity import CachingProvider, Credentials, CredentialsContext
from tests.fakes.clocks import FakeClock
from tests.fakes.credentials import SECRET_KEY, FakeFetcher, access_key_of

EXECUTION: Any = {"lifecycleExecutionId": "lce-12345678-1234-1234-1234-123456789012"}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2030, 1, 1, tzinfo=UTC))


def test_static_credentials_cannot_be_refreshed() -> None:
    credentials = Credentials("AKID", SECRET_KEY)
    assert not credentials.invalidate("AKID")
    assert isinstance(credentials, CachingProvider)
    assert isinstance(RefreshableCredentials(lambda: credentials), CachingProvider)


def reject_expired(requests: list[httpx.Request]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if "Credential=OLD" in request.headers["authorization"]:
            return httpx.Response(403, json={"__type": "ExpiredTokenException", "message": "old"})
        return httpx.Response(200, json={"resources": []})

    return answer


def test_a_call_with_expired_credentials_is_sent_again_with_new_ones() -> None:
    """The client calls the function that returns credentials again."""
    access_keys = iter(["OLD", "NEW"])
    requests: list[httpx.Request] = []
    with httpx.Client(transport=httpx.MockTransport(reject_expired(requests))) as http:
        client = ImageBuilder(
            "us-west-2",
            http_client=http,
            credentials=lambda: {"AccessKeyId": next(access_keys), "SecretAccessKey": SECRET_KEY},
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


def provider_for(credentials: Any, clock: Clock | None = None) -> CachingProvider:
    context = CredentialsContext(SharedConfig(), "us-west-2", clock=clock or Clock())
    return resolve_credentials(None, None, None, credentials, context)


class Object:
    access_key, secret_key, token = "OBJECT", SECRET_KEY, "token"


def test_a_function_may_return_an_object_a_provider_or_a_mapping(clock: FakeClock) -> None:
    expires = clock.now() + timedelta(hours=1)
    mapping = {"AccessKeyId": "AKID", "SecretAccessKey": SECRET_KEY, "SessionToken": "token"}
    temporary = Credentials("AKID", SECRET_KEY, "token", expires)
    naive = expires.replace(tzinfo=None)  # taken for UTC
    returned: list[tuple[Any, Credentials]] = [
        (Object(), Credentials("OBJECT", SECRET_KEY, "token")),
        (temporary, temporary),
        (
            botocore.credentials.Credentials("AKID", SECRET_KEY, "t"),
            Credentials("AKID", SECRET_KEY, "t"),
        ),
        (mapping, Credentials("AKID", SECRET_KEY, "token")),
        ({**mapping, "Expiration": expires}, temporary),
        ({**mapping, "Expiration": "2030-01-01T01:00:00Z"}, temporary),
        ({**mapping, "Expiration": "2030-01-01T03:00:00+02:00"}, temporary),
        ({**mapping, "Expiration": naive}, temporary),
        ({**mapping, "SessionToken": "", "Expiration": None}, Credentials("AKID", SECRET_KEY)),
    ]
    for value, expected in returned:
        assert provider_for(lambda value=value: value, clock).get_frozen_credentials() == expected


def test_a_function_is_called_before_its_credentials_expire(clock: FakeClock) -> None:
    fetcher = FakeFetcher(clock)
    credentials = provider_for(fetcher, clock)
    assert fetcher.call_count == 0
    assert [access_key_of(credentials), access_key_of(credentials)] == ["AKID1", "AKID1"]
    clock.advance(minutes=46)
    assert access_key_of(credentials) == "AKID2"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "returned a NoneType; allowed: an object with access_key"),
        ("AKID", "returned a str"),
        ({}, "credentials without an access key id"),
        ({"AccessKeyId": "AKID"}, "credentials without a secret key"),
        (
            {"AccessKeyId": "A", "SecretAccessKey": SECRET_KEY, "Expiration": "soon"},
            "an Expiration",
        ),
        ({"AccessKeyId": "A", "SecretAccessKey": SECRET_KEY, "Expiration": 5}, "an Expiration"),
        (
            {"AccessKeyId": "A", "SecretAccessKey": SECRET_KEY, "Expiration": "2029-01-01"},
            "expired at",
        ),
    ],
)
def test_a_function_that_returns_anything_else_is_an_error(
    clock: FakeClock, value: Any, problem: str
) -> None:
    with pytest.raises(exceptions.CredentialRetrievalError, match=problem) as caught:
        access_key_of(provider_for(lambda: value, clock))
    assert SECRET_KEY not in str(caught.value)


def test_a_function_that_fails_is_an_error_with_its_cause(clock: FakeClock) -> None:
    def fails() -> Any:
        raise RuntimeError("no vault")

    with pytest.raises(
        exceptions.CredentialRetrievalError, match=r"failed \(RuntimeError\)$"
    ) as caught:
        access_key_of(provider_for(fails, clock))
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_coroutine_function_is_an_error() -> None:
    async def fetch() -> Any:
        return Object()

    with pytest.raises(exceptions.ParamValidationError, match="not a coroutine function"):
        provider_for(fetch)


def test_a_boto3_sessions_credentials_are_not_cached() -> None:
    session = boto3.session.Session("AKID", SECRET_KEY, "token")
    credentials = provider_for(session.get_credentials())
    assert access_key_of(credentials) == "AKID"
    assert credentials.cached() is None


def test_a_providers_own_invalidate_is_called() -> None:
    class Own:
        rejected = ""

        def get_frozen_credentials(self) -> Object:
            return Object()

        def invalidate(self, access_key: str) -> bool:
            self.rejected = access_key
            return False

    own = Own()
    assert not provider_for(own).invalidate("OBJECT")
    assert own.rejected == "OBJECT"


# The environment


def test_the_environment_variables_are_those_of_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    def both() -> tuple[Any, Any]:
        ours, theirs = EnvironmentProvider().load(), botocore.credentials.EnvProvider().load()
        return (
            ours and (ours.access_key, ours.secret_key, ours.token),
            theirs and theirs.get_frozen_credentials()[:3],
        )

    assert both() == (None, None)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    assert both() == (None, None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    assert both()[0] == both()[1] == ("AKID", SECRET_KEY, None)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    assert both()[0] == both()[1] == ("AKID", SECRET_KEY, "session")
    monkeypatch.setenv("AWS_SECURITY_TOKEN", "security")
    assert both()[0] == both()[1] == ("AKID", SECRET_KEY, "security")


def test_environment_variables_with_an_expiration_are_read_again(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    def issue(name: str) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", name)
        expires = max(clock.now(), datetime.now(UTC)) + timedelta(hours=1)
        monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", expires.isoformat())

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    issue("FIRST")
    credentials = provider_for(None, clock)
    assert access_key_of(credentials) == "FIRST"
    issue("SECOND")
    assert access_key_of(credentials) == "FIRST"
    clock.advance(minutes=46)
    assert access_key_of(credentials) == "SECOND"


def test_an_expiration_that_is_not_a_time_is_an_error_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "soon")
    with pytest.raises(
        exceptions.InvalidConfigError, match=r"^AWS_CREDENTIAL_EXPIRATION: 'soon' given; allowed: a"
    ):
        EnvironmentProvider().load()


# Secrets, copies, imports


def test_no_repr_shows_a_secret(clock: FakeClock) -> None:
    credentials = RefreshableCredentials(FakeFetcher(clock), clock)
    credentials.get_frozen_credentials()
    for thing in (
        credentials,
        credentials.cached(),
        provider_for(Object()),
        CredentialsContext(SharedConfig(), "r"),
    ):
        assert SECRET_KEY not in repr(thing)
        assert "token1" not in repr(thing)
    assert "2030-01-01 01:00" in repr(credentials)


def test_an_error_can_be_copied() -> None:
    """The waiting threads each raise a copy."""
    for error in (
        exceptions.NoCredentialsError("x"),
        exceptions.CredentialRetrievalError("x"),
        exceptions.ProfileNotFound("x"),
        exceptions.ParamValidationError("where", [exceptions.Problem("what", "given")]),
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
transport = httpx.MockTransport(lambda _: httpx.Response(200, json={{"resources": []}}))
client = ImageBuilder("us-west-2", http_client=httpx.Client(transport=transport), **{arguments!r})
client.list_lifecycle_execution_resources(lifecycleExecutionId={id!r})
print(*sorted({{"configparser", "subprocess", "botocore.credentials", "botocore.configloader",
    "botocore.session", "botocore.loaders", "imagebuilder_pager._aws.credentials.chain"}}
    & set(sys.modules)))
"""


CHAIN = "imagebuilder_pager._aws.credentials.chain"
KEYS = {"aws_access_key_id": "AKID", "aws_secret_access_key": SECRET_KEY}


ENVIRONMENT = {name.upper(): value for name, value in KEYS.items()}


@pytest.mark.parametrize(
    ("arguments", "environment", "loaded"),
    [
        (KEYS, {}, set()),
        ({}, ENVIRONMENT, {CHAIN}),
        ({}, {**ENVIRONMENT, "AWS_CREDENTIAL_EXPIRATION": "2100-01-01T00:00:00Z"}, {CHAIN}),
        # So that the test is known to be able to fail.
        (
            {},
            {"AWS_SHARED_CREDENTIALS_FILE": "{folder}/credentials"},
            {"botocore.credentials", "botocore.configloader", "configparser", CHAIN},
        ),
    ],
    ids=["arguments", "environment", "environment-with-expiration", "file"],
)
def test_only_a_file_loads_what_parses_it(
    tmp_path: Path, arguments: dict[str, str], environment: dict[str, str], loaded: set[str]
) -> None:
    lines = "".join(f"{name}={value}\n" for name, value in KEYS.items())
    (tmp_path / "credentials").write_text(f"[default]\n{lines}")
    environment = {
        name: value.replace("{folder}", str(tmp_path)) for name, value in environment.items()
    }
    code = STATIC.format(
        arguments=arguments, environment=environment, id=EXECUTION["lifecycleExecutionId"]
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    found = set(ran.stdout.split())
    assert found == loaded if found <= {CHAIN} else found >= loaded
