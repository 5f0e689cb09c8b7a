"""Keys from servers that play ECS, EKS, EC2 instance metadata and STS; boto3 is asked the same."""

import contextlib
import json
import logging
import os
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import anyio
import botocore.loaders
import botocore.session
import botocore.utils
import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions
from imagebuilder_pager.aws.clock import Clock
from imagebuilder_pager.aws.config.shared_config import SharedConfig
from imagebuilder_pager.aws.config.tls import LazySSLContext
from imagebuilder_pager.aws.credentials.container import ContainerMetadataFetcher
from imagebuilder_pager.aws.credentials.resolver import resolve_credentials
from imagebuilder_pager.aws.identity import CachingProvider, CredentialsContext
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    SECRET_ACCESS_KEY,
    LocalServer,
)
from imagebuilder_pager.local.errors import ServiceError
from imagebuilder_pager.local.sigv4_verifier import verify_signature

REGION = "us-west-2"
ROLE = "arn:aws:iam::123456789012:role/reader"
SECRETS = {
    "AKIDENV": "SecretOfEnvironment",
    "AKIDSHARED": "SecretOfSharedFile",
    "AKIDCONFIG": "SecretOfConfigFile",
    "AKIDPROCESS": "SecretOfProcess",
}
Answer = tuple[int, bytes]
Keys = tuple[str, str, str | None]


class TickingClock(Clock):
    """The system's time, moved on by hand; nobody sleeps."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Endpoints:
    """ECS, EKS, instance metadata and STS on one port, and what was asked of them.

    ``generation`` is in all keys that are given out, which live for ``lifetime``. ``next`` holds
    answers to be given instead of the right ones.
    """

    container_token = "Bearer container-token"
    metadata_token = "MetadataTokenSecret=="

    def __init__(self) -> None:
        self.generation = 1
        self.lifetime = timedelta(hours=1)
        self.next: list[Answer] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.secrets = dict(SECRETS)
        endpoints = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, answer = endpoints.answer(self.command, self.path, headers, body)
                self.send_response(status)
                if status in {301, 302, 307}:
                    self.send_header("Location", answer.decode())
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = do_POST = do_CONNECT = handle_any  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.asked]

    def forms(self) -> list[dict[str, str]]:
        """The parameters of the calls of STS."""
        return [
            {name: values[0] for name, values in parse_qs(body.decode()).items()}
            for method, _, _, body in self.asked
            if method == "POST"
        ]

    def issue(self, kind: str) -> dict[str, str]:
        expires = (datetime.now(UTC) + self.lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")
        access_key = f"ASIA{kind}{self.generation}"
        self.secrets[access_key] = f"SecretOf{kind}{self.generation}"
        return {
            "AccessKeyId": access_key,
            "SecretAccessKey": self.secrets[access_key],
            "Token": f"TokenOf{kind}{self.generation}",
            "Expiration": expires,
        }

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.asked.append((method, path, headers, body))
        if self.next:
            return self.next.pop(0)
        if method == "POST":
            return self.sts(headers, body)
        if path.startswith("/latest/"):
            return self.instance_metadata(method, path, headers)
        return self.container(path, headers)

    def container(self, path: str, headers: dict[str, str]) -> Answer:
        if path.startswith("/v2/credentials/"):
            return 200, json.dumps(self.issue("ECS")).encode()
        if headers.get("authorization") != self.container_token:
            return 401, b"the token is " + self.container_token.encode()
        return 200, json.dumps(self.issue("EKS")).encode()

    def instance_metadata(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        if path == "/latest/api/token":
            if method != "PUT" or "x-aws-ec2-metadata-token-ttl-seconds" not in headers:
                return 400, b"no"
            return 200, self.metadata_token.encode()
        if headers.get("x-aws-ec2-metadata-token") != self.metadata_token:
            return 401, b"version 1 is off"
        role = path.removeprefix("/latest/meta-data/iam/security-credentials/")
        if role == "":
            return 200, b"the-role"
        if role == "the-role":
            return 200, json.dumps({"Code": "Success", **self.issue("IMDS")}).encode()
        return 404, b"no such role"

    def sts(self, headers: dict[str, str], body: bytes) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if form["Action"] == "AssumeRole":
            request = httpx.Request("POST", self.url + "/", headers=headers, content=body)
            try:
                verify_signature(
                    request,
                    secrets=self.secrets,
                    service="sts",
                    now=datetime.now(UTC),
                    region=REGION,
                )
            except ServiceError as error:
                return 403, refusal("SignatureDoesNotMatch", str(error))
        elif form["WebIdentityToken"] != "web.identity.token":
            return 400, refusal("InvalidIdentityToken", form["WebIdentityToken"] + " is not mine")
        keys = self.issue("STS" + form["RoleArn"].rpartition("/")[2])
        keys["SessionToken"] = keys.pop("Token")
        members = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in keys.items())
        return 200, (
            f'<{form["Action"]}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<{form['Action']}Result><AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId>"
            f"<Arn>{form['RoleArn']}/x</Arn></AssumedRoleUser><Credentials>{members}</Credentials>"
            f"</{form['Action']}Result></{form['Action']}Response>"
        ).encode()


def refusal(code: str, message: str) -> bytes:
    return (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        "<RequestId>the-request-id</RequestId></ErrorResponse>"
    ).encode()


@pytest.fixture
def endpoints() -> Iterator[Endpoints]:
    endpoints = Endpoints()
    yield endpoints
    endpoints.close()


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


class Settings:
    """The environment and the files of a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, endpoints: Endpoints) -> None:
        self._monkeypatch = monkeypatch
        self.folder = folder
        self.endpoints = endpoints
        for name in list(os.environ):
            if re.match("(?i)(AWS|SSL|REQUESTS)_|.*_PROXY$|BOTO_CONFIG", name):
                monkeypatch.delenv(name)
        self.environment(
            HOME=str(folder),
            AWS_ENDPOINT_URL_STS=endpoints.url,
            AWS_EC2_METADATA_SERVICE_ENDPOINT=endpoints.url,
            AWS_EC2_METADATA_DISABLED="true",
        )

    def environment(self, **variables: str | None) -> None:
        for name, value in variables.items():
            if value is None:
                self._monkeypatch.delenv(name, raising=False)
            else:
                self._monkeypatch.setenv(name, value)

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    # The places, each set up to give keys.

    def set_environment(self) -> None:
        self.environment(AWS_ACCESS_KEY_ID="AKIDENV", AWS_SECRET_ACCESS_KEY=SECRETS["AKIDENV"])

    def set_ecs(self) -> None:
        self._monkeypatch.setattr(ContainerMetadataFetcher, "HOST", self.endpoints.host)
        fetcher = botocore.utils.ContainerMetadataFetcher
        self._monkeypatch.setattr(fetcher, "IP_ADDRESS", self.endpoints.host)
        self.environment(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/v2/credentials/TaskUuidSecret")

    def set_eks(self) -> None:
        token = self.file("token", self.endpoints.container_token)
        self.environment(
            AWS_CONTAINER_CREDENTIALS_FULL_URI=self.endpoints.url + "/v1/credentials",
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token,
        )

    def set_eks_with_a_token(self) -> None:
        self.environment(
            AWS_CONTAINER_CREDENTIALS_FULL_URI=self.endpoints.url + "/v1/credentials",
            AWS_CONTAINER_AUTHORIZATION_TOKEN=self.endpoints.container_token,
        )

    def set_imds(self) -> None:
        self.environment(AWS_EC2_METADATA_DISABLED="false")

    def set_web_identity(self) -> None:
        token = self.file("web-token", "web.identity.token")
        self.environment(AWS_WEB_IDENTITY_TOKEN_FILE=token, AWS_ROLE_ARN=ROLE + "/env")

    def set_shared(self) -> None:
        self.file(".aws/credentials", self.profile("default", "AKIDSHARED"))

    def set_config(self) -> None:
        self.file(".aws/config", self.profile("default", "AKIDCONFIG"))

    @staticmethod
    def profile(name: str, access_key: str) -> str:
        secret = SECRETS[access_key]
        return f"[{name}]\naws_access_key_id={access_key}\naws_secret_access_key={secret}\n"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, endpoints: Endpoints) -> Settings:
    return Settings(monkeypatch, tmp_path, endpoints)


def searched(clock: Clock, profile: str | None = None) -> CachingProvider:
    return resolve_credentials(
        None, None, None, None, CredentialsContext(SharedConfig(profile), REGION, clock=clock)
    )


def ours(clock: Clock, profile: str | None = None) -> Keys:
    keys = searched(clock, profile).get_frozen_credentials()
    return keys.access_key, keys.secret_key, keys.token


def boto3s(profile: str | None = None) -> Keys:
    session = botocore.session.Session(profile=profile)
    session.set_config_variable("region", REGION)
    credentials = session.get_credentials()
    assert credentials is not None
    frozen = credentials.get_frozen_credentials()
    return frozen.access_key or "", frozen.secret_key or "", frozen.token


def process(output: object, status: int = 0, stderr: str = "") -> str:
    code = (
        f"import sys; print({json.dumps(output)!r}); "
        f"print({stderr!r}, file=sys.stderr); sys.exit({status})"
    )
    return f"{sys.executable} -c {json.dumps(code)}".replace("%", "%%")


PROCESS_KEYS = {"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "SecretOfProcess"}
ROLE_OF = "[profile {name}]\nrole_arn = " + ROLE + "/{name}\n"


# The same keys as boto3


@pytest.mark.parametrize(
    ("place", "access_key"),
    [
        (Settings.set_environment, "AKIDENV"),
        (Settings.set_web_identity, "ASIASTSenv1"),
        (Settings.set_shared, "AKIDSHARED"),
        (Settings.set_config, "AKIDCONFIG"),
        (Settings.set_ecs, "ASIAECS1"),
        (Settings.set_eks, "ASIAEKS1"),
        (Settings.set_eks_with_a_token, "ASIAEKS1"),
        (Settings.set_imds, "ASIAIMDS1"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_each_place_gives_boto3s_keys(
    settings: Settings, clock: TickingClock, place: Callable[[Settings], None], access_key: str
) -> None:
    place(settings)
    keys = ours(clock)
    assert keys == boto3s()
    assert keys[0] == access_key
    assert keys[1]


def test_the_order_is_boto3s(settings: Settings, clock: TickingClock) -> None:
    """From the last place to the first, each one hides those before it."""
    order = []
    for place in (
        settings.set_imds,
        settings.set_ecs,
        settings.set_config,
        settings.set_shared,
        settings.set_web_identity,
        lambda: settings.file(
            ".aws/config",
            f"[default]\nrole_arn = {ROLE}/profile\ncredential_source = EcsContainer\n",
        ),
        settings.set_environment,
    ):
        place()
        keys = ours(clock)
        assert keys == boto3s()
        order.append(keys[0])
    assert order == [
        "ASIAIMDS1",
        "ASIAECS1",
        "AKIDCONFIG",
        "AKIDSHARED",
        "ASIASTSenv1",
        "ASIASTSprofile1",
        "AKIDENV",
    ]


PROFILES = {
    "static": "[profile static]\naws_access_key_id = AKIDCONFIG\n"
    f"aws_secret_access_key = {SECRETS['AKIDCONFIG']}\n",
    "source": ROLE_OF.format(name="source") + "source_profile = static\n",
    "itself": ROLE_OF.format(name="itself") + "source_profile = itself\n"
    f"aws_access_key_id = AKIDCONFIG\naws_secret_access_key = {SECRETS['AKIDCONFIG']}\n",
    "chained": ROLE_OF.format(name="chained") + "source_profile = source\n",
    "options": ROLE_OF.format(name="options")
    + "source_profile = static\nexternal_id = id 1\nrole_session_name = me\n"
    "duration_seconds = 900\n",
    "environment": ROLE_OF.format(name="environment") + "credential_source = Environment\n",
    "container": ROLE_OF.format(name="container") + "credential_source = EcsContainer\n",
    "instance": ROLE_OF.format(name="instance") + "credential_source = Ec2InstanceMetadata\n",
    "process": "[profile process]\ncredential_process = {process}\n",
    "of-process": ROLE_OF.format(name="of-process") + "source_profile = process\n",
    "web": ROLE_OF.format(name="web") + "web_identity_token_file = {token}\n",
    "of-web": ROLE_OF.format(name="of-web") + "source_profile = web\n",
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("by", ["argument", "AWS_PROFILE"])
def test_each_kind_of_profile_gives_boto3s_keys(
    settings: Settings, clock: TickingClock, profile: str, by: str
) -> None:
    endpoints = settings.endpoints
    token = settings.file("web-token", "web.identity.token")
    text = "\n".join(PROFILES.values())
    settings.file(
        ".aws/config", text.replace("{token}", token).replace("{process}", process(PROCESS_KEYS))
    )
    settings.set_ecs()
    settings.set_imds()
    if by == "argument" or profile == "environment":
        settings.set_environment()
    name = profile if by == "argument" else None
    if name is None:
        settings.environment(AWS_PROFILE=profile)
    keys = ours(clock, name)
    asked = len(endpoints.asked)
    assert keys == boto3s(name)
    if by == "AWS_PROFILE" and profile == "environment":
        assert keys[0] == "AKIDENV"  # to boto3, the variable AWS_PROFILE is less than the keys
        return
    expected = {"static": "AKIDCONFIG", "process": "AKIDPROCESS"}
    assert keys[0] == expected.get(profile, f"ASIASTS{profile}1")
    # And STS was asked the same, but for the name of the session, which has the time in it.
    forms = endpoints.forms()
    assert len(forms) % 2 == 0
    mine, theirs = forms[: len(forms) // 2], forms[len(forms) // 2 :]
    for form in forms:
        form["RoleSessionName"] = re.sub(r"^botocore-session-\d+$", "", form["RoleSessionName"])
    assert mine == theirs
    assert len(endpoints.asked) == 2 * asked


def test_an_explicit_profile_hides_the_environment(settings: Settings, clock: TickingClock) -> None:
    settings.set_environment()
    settings.set_web_identity()
    settings.file(".aws/config", settings.profile("profile other", "AKIDCONFIG"))
    assert ours(clock, "other") == boto3s("other")
    assert ours(clock, "other")[0] == "AKIDCONFIG"
    settings.environment(AWS_PROFILE="other")
    assert ours(clock) == boto3s()
    assert ours(clock)[0] == "AKIDENV"


def test_the_older_profile_variable_comes_first_as_in_boto3(
    settings: Settings, clock: TickingClock
) -> None:
    text = settings.profile("profile a", "AKIDCONFIG") + settings.profile("profile b", "AKIDSHARED")
    settings.file(".aws/config", text)
    settings.environment(AWS_PROFILE="a", AWS_DEFAULT_PROFILE="b")
    assert ours(clock) == boto3s()
    assert ours(clock)[0] == "AKIDSHARED"


def test_no_place_needs_botocores_data(
    settings: Settings, clock: TickingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = settings.file("web-token", "web.identity.token")
    text = "\n".join(PROFILES.values())
    settings.file(
        ".aws/config", text.replace("{token}", token).replace("{process}", process(PROCESS_KEYS))
    )
    settings.set_ecs()
    settings.set_imds()
    settings.set_environment()

    def gone(*_: object, **__: object) -> None:
        raise FileNotFoundError("botocore/data")

    for method in ("load_data", "load_data_with_path", "load_service_model"):
        monkeypatch.setattr(botocore.loaders.Loader, method, gone)
    for profile in PROFILES:
        assert ours(clock, profile)[0]
    with pytest.raises(FileNotFoundError):  # which boto3 does not get by without
        boto3s("source")


# Refresh


@pytest.mark.parametrize(
    "place",
    [Settings.set_ecs, Settings.set_eks, Settings.set_imds, Settings.set_web_identity],
    ids=lambda place: place.__name__,
)
def test_keys_of_an_endpoint_are_refreshed_once_for_many_threads(
    settings: Settings, endpoints: Endpoints, clock: TickingClock, place: Callable[[Settings], None]
) -> None:
    place(settings)
    credentials = searched(clock)
    first = credentials.get_frozen_credentials()
    endpoints.generation = 2
    assert credentials.get_frozen_credentials() == first
    asked = len(endpoints.asked)
    clock.ahead = timedelta(minutes=51)
    endpoints.lifetime = timedelta(hours=2)
    with ThreadPoolExecutor(10) as pool:
        keys = list(pool.map(lambda _: credentials.get_frozen_credentials(), range(30)))
    assert {key.access_key for key in keys} == {first.access_key[:-1] + "2"}
    assert len(endpoints.asked) == 2 * asked


def test_a_token_file_is_read_anew_for_each_refresh(
    settings: Settings, endpoints: Endpoints, clock: TickingClock
) -> None:
    settings.set_eks()
    credentials = searched(clock)
    credentials.get_frozen_credentials()
    endpoints.container_token = "Bearer rotated"
    settings.file("token", "Bearer rotated")
    endpoints.generation = 2
    assert credentials.invalidate("ASIAEKS1")
    assert credentials.get_frozen_credentials().access_key == "ASIAEKS2"


def test_a_shared_file_is_read_again_when_its_keys_are_rejected(
    settings: Settings, clock: TickingClock
) -> None:
    settings.set_shared()
    credentials = searched(clock)
    assert credentials.get_frozen_credentials().access_key == "AKIDSHARED"
    settings.file(".aws/credentials", settings.profile("default", "AKIDCONFIG"))
    assert credentials.get_frozen_credentials().access_key == "AKIDSHARED"
    credentials.invalidate("AKIDSHARED")
    assert credentials.get_frozen_credentials().access_key == "AKIDCONFIG"


def test_a_refresh_stays_with_the_place_that_gave_the_keys(
    settings: Settings, endpoints: Endpoints, clock: TickingClock, caplog: pytest.LogCaptureFixture
) -> None:
    settings.set_imds()
    credentials = searched(clock)
    credentials.get_frozen_credentials()
    settings.set_shared()
    endpoints.next = [(404, b"gone")]
    clock.ahead = timedelta(minutes=51)
    with caplog.at_level(logging.WARNING):
        assert credentials.get_frozen_credentials().access_key == "ASIAIMDS1"
    assert "using the old ones until they expire" in caplog.text
    assert "EC2 instance metadata: " in caplog.text
    clock.ahead = timedelta(minutes=61)
    endpoints.next = [(404, b"gone")]
    with pytest.raises(exceptions.NoCredentialsError, match="HTTP status 404") as caught:
        credentials.get_frozen_credentials()
    assert "shared" not in str(caught.value)


def test_instance_metadata_that_hands_out_old_keys_is_asked_again_later(
    settings: Settings, endpoints: Endpoints, clock: TickingClock, caplog: pytest.LogCaptureFixture
) -> None:
    """AWS's rule for an outage of what makes the keys; botocore does the same."""
    settings.set_imds()
    endpoints.lifetime = timedelta(minutes=-5)
    with caplog.at_level(logging.WARNING):
        credentials = searched(clock)
        assert credentials.get_frozen_credentials().access_key == "ASIAIMDS1"
    assert "has no new credentials" in caplog.text
    assert boto3s()[0] == "ASIAIMDS1"
    asked = len(endpoints.asked)
    credentials.get_frozen_credentials()
    assert len(endpoints.asked) == asked
    clock.ahead = timedelta(minutes=26)
    credentials.get_frozen_credentials()
    assert len(endpoints.asked) > asked


def test_process_keys_that_expire_are_made_anew(settings: Settings, clock: TickingClock) -> None:
    expires = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    program = settings.file(
        "program.py",
        "import json, pathlib, sys\n"
        "runs = pathlib.Path(sys.argv[1])\n"
        "runs.write_text(runs.read_text() + 'x' if runs.exists() else 'x')\n"
        f"print(json.dumps({ {**PROCESS_KEYS, 'Expiration': expires}!r}))\n",
    )
    runs = settings.folder / "runs"
    settings.file(
        ".aws/config", f"[default]\ncredential_process = {sys.executable} {program} {runs}\n"
    )
    credentials = searched(clock)
    for _ in range(3):
        assert credentials.get_frozen_credentials().access_key == "AKIDPROCESS"
    assert runs.read_text() == "x"
    clock.ahead = timedelta(minutes=16)
    credentials.get_frozen_credentials()
    assert runs.read_text() == "xx"


# Through the whole client


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_client_lists_with_the_keys_of_a_role(
    settings: Settings, endpoints: Endpoints, local_server: LocalServer, asynchronous: bool
) -> None:
    settings.file(
        ".aws/config",
        PROFILES["static"]
        + PROFILES["source"]
        + f"region = {REGION}\nendpoint_url = {local_server.url}\n",
    )
    keys = {"AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": SECRET_ACCESS_KEY}
    keys |= {"Token": "session-token", "Expiration": "2100-01-01T00:00:00Z"}
    endpoints.issue = lambda kind: dict(keys)  # type: ignore[method-assign]
    operation: Any = "list_lifecycle_execution_resources"
    listing: Any = {
        "lifecycleExecutionId": EXAMPLE_EXECUTION_ID,
        "PaginationConfig": {"PageSize": 10},
    }

    async def listed() -> int:
        async with AsyncImageBuilder(profile_name="source") as client:
            paginator: Any = client.get_paginator(operation)
            return len([page async for page in paginator.paginate(**listing)])

    if asynchronous:
        pages = anyio.run(listed)
    else:
        with ImageBuilder(profile_name="source") as client:
            assert client.region_name == REGION
            assert client.endpoint_url == local_server.url
            pages = len(list(client.get_paginator(operation).paginate(**listing)))
    assert pages > 1
    assert len(endpoints.forms()) == 1


# Where it is not asked


def test_no_metadata_goes_through_a_proxy(
    settings: Settings, endpoints: Endpoints, clock: TickingClock
) -> None:
    proxy = Endpoints()
    try:
        settings.environment(
            HTTP_PROXY=proxy.url, http_proxy=proxy.url, HTTPS_PROXY=proxy.url, ALL_PROXY=proxy.url
        )
        for place in (settings.set_imds, settings.set_eks, settings.set_ecs):
            place()
            assert ours(clock)[0].startswith("ASIA")
        assert proxy.asked == []
        # STS is no metadata: it is asked through the proxy, as by boto3.
        settings.set_web_identity()
        assert ours(clock)[0] == "ASIASTSenv1"
        assert len(proxy.asked) == 1
        assert proxy.asked[0][1].startswith(endpoints.url)
        settings.environment(NO_PROXY="127.0.0.1")
        assert ours(clock)[0] == "ASIASTSenv1"
        assert len(proxy.asked) == 1
    finally:
        proxy.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.test/creds",
        "http://169.254.170.3/creds",
        "http://169.254.169.254/creds",
        "http://10.0.0.1/creds",
        "http://169.254.170.2.evil.test/creds",
        "http://169.254.170.2@evil.test/creds",
        "http://user:password@127.0.0.1/creds",
        "http://[fd00:ec2::24]/creds",
        "http://0x7f.1/creds",
        "http://127.0.0.1.nip.test/creds",
        "ftp://127.0.0.1/creds",
        "file:///etc/passwd",
        "//127.0.0.1/creds",
        "creds",
        "",
    ],
)
def test_a_container_url_elsewhere_is_refused(
    settings: Settings, clock: TickingClock, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", pytest.fail)
    settings.environment(AWS_CONTAINER_CREDENTIALS_FULL_URI=url)
    with pytest.raises(
        exceptions.CredentialRetrievalError, match="the container endpoint's URL"
    ) as e:
        ours(clock)
    assert "password" not in str(e.value)


@pytest.mark.parametrize("uri", ["@evil.test/creds", ".evil.test/creds", ":80@evil.test/", "evil"])
def test_a_relative_uri_cannot_lead_elsewhere(
    settings: Settings, clock: TickingClock, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", pytest.fail)
    settings.environment(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=uri)
    with pytest.raises(exceptions.CredentialRetrievalError, match="the container endpoint's URL"):
        ours(clock)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/creds",
        "http://127.8.9.1:8080/creds",
        "http://localhost/creds",
        "http://[::1]/creds",
        "http://169.254.170.2/creds",
        "http://169.254.170.23/v1/credentials",
        "http://[fd00:ec2::23]/v1/credentials",
        "https://anywhere.test/creds",
    ],
)
def test_a_container_url_that_aws_allows_is_asked(
    settings: Settings, clock: TickingClock, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    asked = []

    def answer(_: object, request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        body = json.dumps(settings.endpoints.issue("ECS")).encode()
        return httpx.Response(200, stream=httpx.ByteStream(body))

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    settings.environment(AWS_CONTAINER_CREDENTIALS_FULL_URI=url)
    assert ours(clock)[0] == "ASIAECS1"
    assert asked == [url]
    theirs: Any = botocore.utils.ContainerMetadataFetcher()
    theirs._validate_allowed_url(url)


def test_a_redirect_is_not_followed(
    settings: Settings, endpoints: Endpoints, clock: TickingClock
) -> None:
    settings.set_eks()
    endpoints.next = [(302, f"{endpoints.url}/v2/credentials/x".encode())]
    with pytest.raises(exceptions.CredentialRetrievalError, match="HTTP status 302"):
        ours(clock)
    assert endpoints.paths == ["/v1/credentials"]


# What goes wrong


def test_a_container_endpoint_that_stumbles_is_asked_again(
    settings: Settings, endpoints: Endpoints, clock: TickingClock
) -> None:
    settings.set_eks()
    endpoints.next = [(500, b"SecretOfEKS1"), (200, b'{"AccessKeyId": "SecretOfEKS1')]
    assert ours(clock)[0] == "ASIAEKS1"
    assert clock.slept == [1, 1]
    endpoints.next = [(503, b"SecretOfEKS1")] * 3
    with pytest.raises(exceptions.CredentialRetrievalError, match="HTTP status 503") as caught:
        ours(clock)
    assert "SecretOf" not in str(caught.value)
    assert "/v1/credentials" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((401, b"{}"), "HTTP status 401"),
        ((200, b'{"AccessKeyId": "A", "SecretAccessKey": "s", "Token": "t"}'), "has no Expiration"),
        ((200, b'{"Code": "AccessDenied", "message": "x"}'), r"\(error code AccessDenied\)"),
        ((200, b'{"AccessKeyId": 5}'), "has no AccessKeyId, SecretAccessKey, Token, Expiration"),
        ((200, b"x" * 100_000), "too long"),
    ],
)
def test_an_answer_of_the_container_endpoint_without_keys_is_an_error(
    settings: Settings, endpoints: Endpoints, clock: TickingClock, answer: Answer, problem: str
) -> None:
    settings.set_ecs()
    endpoints.next = [answer]
    with pytest.raises(exceptions.CredentialRetrievalError, match=problem) as caught:
        ours(clock)
    assert len(endpoints.asked) == 1
    assert "TaskUuidSecret" not in str(caught.value)


def test_a_token_that_is_no_header_is_an_error_that_does_not_show_it(
    settings: Settings, clock: TickingClock
) -> None:
    settings.set_eks_with_a_token()
    settings.environment(AWS_CONTAINER_AUTHORIZATION_TOKEN="Secret\r\nX: y")
    with pytest.raises(exceptions.CredentialRetrievalError, match="ValueError") as caught:
        ours(clock)
    assert "Secret" not in str(caught.value)
    settings.environment(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="/does/not/exist")
    with pytest.raises(
        exceptions.CredentialRetrievalError, match=r"No such file .*/does/not/exist"
    ):
        ours(clock)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([(403, b"off")], "HTTP status 403"),
        ([(200, b"")], "not a metadata token"),
        ([(200, b"token"), (404, b"")], "the instance has no role"),
        ([(200, b"token"), (200, b"")], "the instance has no role"),
        ([(200, b"token"), (200, b"role"), (200, b"<html>")], "not a JSON object"),
        (
            [(200, b"token"), (200, b"role"), (200, b'{"Code":"AssumeRoleUnauthorizedAccess"}')],
            r"\(error code AssumeRoleUnauthorizedAccess\)",
        ),
    ],
)
def test_instance_metadata_without_keys_says_why(
    settings: Settings,
    endpoints: Endpoints,
    clock: TickingClock,
    answers: list[Answer],
    why: str,
) -> None:
    settings.set_imds()
    endpoints.next = [*answers]
    with pytest.raises(exceptions.NoCredentialsError, match=f"EC2 instance metadata: http.*{why}"):
        ours(clock)
    assert endpoints.next == []
    assert len(endpoints.asked) == len(answers)  # nothing is asked again without a token


def test_instance_metadata_is_asked_as_often_as_the_settings_say(
    settings: Settings, endpoints: Endpoints, clock: TickingClock
) -> None:
    settings.set_imds()
    endpoints.next = [(500, b""), (200, b"token"), (500, b"")]
    settings.environment(AWS_METADATA_SERVICE_NUM_ATTEMPTS="3")
    assert ours(clock)[0] == "ASIAIMDS1"
    endpoints.next = [(500, b"")]
    settings.environment(AWS_METADATA_SERVICE_NUM_ATTEMPTS=None)
    settings.file(".aws/config", "[default]\nmetadata_service_num_attempts = 2\n")
    assert ours(clock)[0] == "ASIAIMDS1"
    settings.environment(AWS_METADATA_SERVICE_NUM_ATTEMPTS="often")
    with pytest.raises(exceptions.InvalidConfigError, match="NUM_ATTEMPTS: 'often' given; allowed"):
        ours(clock)


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({}, "169.254.169.254"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, "fd00:ec2::254"),
        ({"AWS_IMDS_USE_IPV6": "true"}, "fd00:ec2::254"),
        (
            {"AWS_IMDS_USE_IPV6": "true", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv4"},
            "169.254.169.254",
        ),
    ],
)
def test_instance_metadata_is_where_the_settings_say(
    settings: Settings,
    clock: TickingClock,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    host: str,
) -> None:
    asked = []

    def answer(_: object, request: httpx.Request) -> httpx.Response:
        asked.append((request.url.host, request.extensions["timeout"]["connect"]))
        raise httpx.ConnectTimeout("")

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    settings.set_imds()
    settings.environment(
        AWS_EC2_METADATA_SERVICE_ENDPOINT=None, AWS_METADATA_SERVICE_TIMEOUT="4", **variables
    )
    with pytest.raises(exceptions.NoCredentialsError, match="no response in time"):
        ours(clock)
    assert asked == [(host, 4)]


def test_settings_of_instance_metadata_that_make_no_sense_are_errors(
    settings: Settings, clock: TickingClock
) -> None:
    settings.set_imds()
    settings.environment(AWS_EC2_METADATA_SERVICE_ENDPOINT="169.254.169.254")
    with pytest.raises(
        exceptions.InvalidConfigError, match=r"_ENDPOINT: '169\.254\.169\.254' given"
    ):
        ours(clock)
    settings.environment(
        AWS_EC2_METADATA_SERVICE_ENDPOINT=None, AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE="IPv5"
    )
    with pytest.raises(exceptions.InvalidConfigError, match="allowed: ipv4, ipv6"):
        ours(clock)


def test_no_credentials_anywhere_says_so_of_each_place_within_seconds(
    settings: Settings, clock: TickingClock
) -> None:
    """Instance metadata takes the connection and never answers, the slowest there is."""
    settings.set_imds()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings.environment(AWS_EC2_METADATA_SERVICE_ENDPOINT=url)
        started = time.monotonic()
        with pytest.raises(exceptions.NoCredentialsError) as caught:
            ours(clock)
        assert time.monotonic() - started < 5
    home = settings.folder
    assert type(caught.value) is exceptions.NoCredentialsError
    assert str(caught.value).splitlines() == [
        "no credentials",
        "  - the arguments: neither aws_access_key_id nor credentials is given",
        "  - environment variables: AWS_ACCESS_KEY_ID is not set",
        "  - assume role: there is no profile 'default'",
        "  - web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set, and there is no profile "
        "'default'",
        "  - SSO: there is no profile 'default'",
        f"  - shared credentials file: there is no file {home}/.aws/credentials",
        "  - aws login: there is no profile 'default'",
        "  - credential process: there is no profile 'default'",
        f"  - config file: there is no file {home}/.aws/config",
        "  - container endpoint: neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor "
        "AWS_CONTAINER_CREDENTIALS_FULL_URI is set",
        f"  - EC2 instance metadata: {url}/: no response in time",
    ]
    settings.file(".aws/config", "[default]\nregion = us-west-2\n[profile x]\n")
    settings.environment(AWS_EC2_METADATA_DISABLED="True", AWS_SECRET_ACCESS_KEY="x")
    with pytest.raises(exceptions.NoCredentialsError) as caught:
        ours(clock)
    text = str(caught.value)
    assert "AWS_ACCESS_KEY_ID is not set, although AWS_SECRET_ACCESS_KEY is" in text
    assert "assume role: the profile 'default' has no role_arn" in text
    assert "config file: no aws_access_key_id for the profile 'default' in " in text
    assert "EC2 instance metadata: AWS_EC2_METADATA_DISABLED is true" in text
    with pytest.raises(
        exceptions.NoCredentialsError, match="not used, because profile_name is given"
    ):
        ours(clock, "x")


@pytest.mark.parametrize(
    ("text", "kind", "problem"),
    [
        ("role_arn = x", exceptions.PartialCredentialsError, "source_profile or credential_source"),
        ("role_arn = x\nsource_profile = nobody", exceptions.InvalidConfigError, "nobody"),
        (
            "role_arn = x\nsource_profile = other",
            exceptions.InvalidConfigError,
            "must have credentials",
        ),
        ("role_arn = x\nsource_profile = default", exceptions.InvalidConfigError, "Infinite loop"),
        ("role_arn = x\ncredential_source = Cloud", exceptions.InvalidConfigError, "is not valid"),
        (
            "role_arn = x\ncredential_source = Ec2InstanceMetadata",
            exceptions.CredentialRetrievalError,
            "AWS_EC2_METADATA_DISABLED is true",
        ),
        ("web_identity_token_file = x", exceptions.InvalidConfigError, "no role ARN"),
        (
            "role_arn = x\nweb_identity_token_file = /does/not/exist",
            exceptions.CredentialRetrievalError,
            "web identity: No such file or directory: /does/not/exist",
        ),
        (
            "role_arn = x\nsource_profile = keys\nmfa_serial = arn:mfa",
            exceptions.CredentialRetrievalError,
            "no prompt for the MFA code",
        ),
        (
            "aws_access_key_id = x",
            exceptions.PartialCredentialsError,
            "aws_secret_access_key missing",
        ),
        (
            "sso_account_id = 1\nsso_role_name = x\nsso_session = s",
            exceptions.CredentialRetrievalError,
            r"set up for SSO, .* give credentials=boto3\.Session\(profile_name='default'\)",
        ),
        (
            "login_session = x",
            exceptions.CredentialRetrievalError,
            "set up for aws login, which",
        ),
        (
            "credential_process = /does/not/exist",
            exceptions.CredentialRetrievalError,
            "No such file",
        ),
    ],
)
def test_a_profile_that_cannot_serve_is_an_error_that_says_why(
    settings: Settings, clock: TickingClock, text: str, kind: type[Exception], problem: str
) -> None:
    keys = settings.profile("profile keys", "AKIDCONFIG")
    settings.file(".aws/config", f"[default]\n{text}\n[profile other]\nregion = x\n{keys}")
    with pytest.raises(kind, match=problem) as caught:
        ours(clock)
    assert isinstance(caught.value, exceptions.PagerError)


def test_a_process_that_fails_shows_nothing_that_it_wrote(
    settings: Settings,
    clock: TickingClock,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    outputs: list[tuple[Any, int, str]] = [
        (PROCESS_KEYS, 3, "failed: exit status 3"),
        ({**PROCESS_KEYS, "Version": 2}, 0, "Unsupported version"),
        ({"Version": 1, "SecretAccessKey": "SecretOfProcess"}, 0, "AccessKeyId"),
        ("SecretOfProcess", 0, "cannot be used"),
        ({**PROCESS_KEYS, "Expiration": "SecretOfProcess"}, 0, "cannot be used"),
    ]
    with caplog.at_level(logging.DEBUG):
        for output, status, problem in outputs:
            command = process(output, status, stderr="SecretOfProcess")
            settings.file(".aws/config", f"[default]\ncredential_process = {command}\n")
            with pytest.raises(exceptions.CredentialRetrievalError, match=problem) as caught:
                ours(clock)
            error: BaseException | None = caught.value
            while error is not None:
                assert "SecretOfProcess" not in str(error)
                error = error.__cause__ or error.__context__
    assert "SecretOfProcess" not in caplog.text
    assert capfd.readouterr() == ("", "")


def test_a_process_that_hangs_is_ended(
    settings: Settings, clock: TickingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "imagebuilder_pager.aws.credentials.process.CredentialProcessRunner.TIMEOUT", 0.2
    )
    settings.file(
        ".aws/config",
        f"[default]\ncredential_process = {sys.executable} -c 'import time; time.sleep(60)'\n",
    )
    with pytest.raises(exceptions.CredentialRetrievalError, match="did not end within 0 s"):
        ours(clock)


def test_sts_is_asked_again_after_what_passes(
    settings: Settings, endpoints: Endpoints, clock: TickingClock
) -> None:
    settings.set_web_identity()
    endpoints.next = [(500, b"oops"), (400, refusal("Throttling", "slow down"))]
    assert ours(clock)[0] == "ASIASTSenv1"
    assert len(endpoints.asked) == 3
    assert len(clock.slept) == 2


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((403, refusal("AccessDenied", "not yours")), "AccessDenied: not yours .*the-request-id"),
        ((200, b"<AssumeRoleResponse/>"), "the response has no credentials"),
        ((400, b"<html>"), "400: the response is not an error of STS"),
        (
            (400, b'<!DOCTYPE a [<!ENTITY b "c">]><a><Code>&b;</Code><Message>m</Message></a>'),
            "400: the response is not an error of STS",
        ),
        ((302, b"http://127.0.0.1:1/"), "302"),
    ],
)
def test_a_refusal_of_sts_is_an_error_that_says_it(
    settings: Settings, endpoints: Endpoints, clock: TickingClock, answer: Answer, problem: str
) -> None:
    settings.set_web_identity()
    endpoints.next = [answer]
    with pytest.raises(exceptions.CredentialRetrievalError, match=problem) as caught:
        ours(clock)
    assert f"STS returned no credentials for {ROLE}/env: " in str(caught.value)
    assert len(endpoints.asked) == 1


def test_sts_is_verified_against_the_clients_certificates(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.set_web_identity()
    asked = []

    class Client(httpx.Client):
        def __init__(self, **arguments: Any) -> None:
            asked.append(arguments["verify"].verify_mode)
            super().__init__(**arguments)

    monkeypatch.setattr("imagebuilder_pager.aws.credentials.sts.httpx.Client", Client)
    credentials = resolve_credentials(
        None,
        None,
        None,
        None,
        CredentialsContext(SharedConfig(), REGION, certificates=LazySSLContext(False)),
    )
    assert credentials.get_frozen_credentials().access_key == "ASIASTSenv1"
    assert asked == [ssl.CERT_NONE]


def test_sts_that_cannot_be_reached_is_an_error(settings: Settings, clock: TickingClock) -> None:
    settings.set_web_identity()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    settings.environment(AWS_ENDPOINT_URL_STS=url)
    with pytest.raises(exceptions.CredentialRetrievalError, match=f"could not connect to {url}"):
        ours(clock)
    assert len(clock.slept) == 2


# Secrets

SECRET_TEXTS = re.compile(
    r"SecretOf|TokenOf|TaskUuidSecret|container-token|MetadataTokenSecret|web\.identity\.token|"
    r"Signature=[0-9a-f]|wrong\.token"
)


def test_nothing_secret_is_logged_or_shown(
    settings: Settings, endpoints: Endpoints, clock: TickingClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Every place, well and ill, with everybody's loggers at their most talkative."""
    token = settings.file("web-token", "web.identity.token")
    text = "\n".join(PROFILES.values())
    config = text.replace("{token}", token).replace("{process}", process(PROCESS_KEYS))
    shown = []

    def search(profile: str | None = None) -> None:
        credentials = searched(clock, profile)
        with contextlib.suppress(exceptions.PagerError):
            credentials.get_frozen_credentials()
            shown.append(repr(credentials) + repr(credentials.cached()))
            endpoints.next = [(500, b"SecretOfNothing"), (200, b"SecretOfNothing")] * 3
            credentials.invalidate(credentials.get_frozen_credentials().access_key)
            try:
                credentials.get_frozen_credentials()
            except exceptions.PagerError as error:
                raised: BaseException | None = error
                while raised is not None:
                    shown.append(str(raised) + repr(raised))
                    raised = raised.__cause__ or raised.__context__
        endpoints.next = []

    with caplog.at_level(logging.DEBUG):
        for place in (
            settings.set_imds,
            settings.set_ecs,
            settings.set_config,
            settings.set_shared,
            settings.set_web_identity,
            settings.set_environment,
        ):
            place()
            search()
        settings.file(".aws/config", config)
        for profile in PROFILES:
            search(profile)
        settings.environment(AWS_ACCESS_KEY_ID=None, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=None)
        settings.file("web-token", "wrong.token")
        with pytest.raises(exceptions.CredentialRetrievalError, match=r"\(removed\) is not mine"):
            ours(clock)
    assert len(shown) > 20
    assert not SECRET_TEXTS.search("\n".join(shown))
    assert len(caplog.records) > 100
    for record in caplog.records:
        text = caplog.handler.format(record) + str(record.args)
        assert not SECRET_TEXTS.search(text), text
