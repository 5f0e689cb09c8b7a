"""Credentials without botocore and httpx: their sources, their order, and the errors."""

from __future__ import annotations

import contextlib
import itertools
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest

from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    SECRET_ACCESS_KEY,
    LocalServer,
)
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.connections import page_response
from tests.fakes.credential_endpoints import (
    PROFILES,
    REGION,
    SECRETS,
    CredentialEndpoints,
    CredentialSettings,
    boto3_credentials,
)
from tests.fakes.logins import LOGIN_SESSION, SSO_KEYS, SsoCache, write_login
from tests.fakes.servers import ScriptedServer
from tests.fakes.transports import LOCALHOST_CERTIFICATE

SetUp = Callable[[CredentialSettings], None]


def set_expiring_environment(settings: CredentialSettings) -> None:
    settings.set_environment()
    settings.environment(AWS_CREDENTIAL_EXPIRATION="2100-01-01T00:00:00Z")


SOURCES: dict[str, SetUp] = {
    "environment": CredentialSettings.set_environment,
    "expiring-environment": set_expiring_environment,
    "web-identity": CredentialSettings.set_web_identity,
    "eks": CredentialSettings.set_eks,
    "ecs": CredentialSettings.set_ecs,
    "imds": CredentialSettings.set_imds,
}
COMBINATIONS = [
    names
    for count in range(1, len(SOURCES) + 1)
    for names in itertools.combinations(SOURCES, count)
]

NOT_INSTALLED = ("botocore", "httpx", "httpcore", "jmespath", "idna")
LIST = """
import asyncio, os, sys
sys.modules |= dict.fromkeys({missing})  # an import of one is a ModuleNotFoundError
from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder
if "ECS_HOST" in os.environ:
    from imagebuilder_pager._aws.credentials.container import ContainerProvider
    ContainerProvider.HOST = os.environ["ECS_HOST"]
execution = {{"lifecycleExecutionId": {execution!r}}}
arguments = {{"region_name": {region!r}, "profile_name": {profile!r}}}

def list_all():
    with H11Client() as http, ImageBuilder(http_client=http, **arguments) as client:
        pages = client.get_paginator("list_lifecycle_execution_resources").paginate(**execution)
        return len(list(pages.items()))

async def list_all_async():
    async with AsyncH11Client() as http, AsyncImageBuilder(http_client=http, **arguments) as client:
        pages = client.get_paginator("list_lifecycle_execution_resources").paginate(**execution)
        return len([item async for item in pages.items()])

assert list_all() == asyncio.run(list_all_async()) > 25
loaded = [name for name, module in sys.modules.items() if module]
ours = "imagebuilder_pager._aws."
print(*sorted(set(loaded) & {{"configparser", *{not_installed}}}))
print(*sorted(name.removeprefix(ours) for name in loaded if name.startswith(ours)))
"""


def list_in_a_process(
    url: str, missing: Sequence[str] = (), profile: str | None = None
) -> subprocess.CompletedProcess[str]:
    """List by both clients in another process, with the environment of this one."""
    code = LIST.format(
        missing=missing,
        not_installed=NOT_INSTALLED,
        execution=EXAMPLE_EXECUTION_ID,
        region=REGION,
        profile=profile,
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "AWS_ENDPOINT_URL_IMAGEBUILDER": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def modules_loaded_by(ran: subprocess.CompletedProcess[str]) -> set[str]:
    """Return the modules of ``_aws`` that a process has loaded, which has listed without others."""
    assert (ran.returncode, ran.stderr) == (0, "")
    others, ours = ran.stdout.splitlines()
    assert not others
    return set(ours.split())


@pytest.fixture
def local_credentials(endpoints: CredentialEndpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every endpoint issue the credentials of the local service."""
    issued = {
        "AccessKeyId": ACCESS_KEY_ID,
        "SecretAccessKey": SECRET_ACCESS_KEY,
        "Token": "session-token",
        "Expiration": "2100-01-01T00:00:00Z",
    }
    monkeypatch.setattr(endpoints, "issue", lambda kind: dict(issued))
    endpoints.secrets[ACCESS_KEY_ID] = SECRET_ACCESS_KEY


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.usefixtures("local_credentials")
def test_each_source_is_found_without_botocore_and_httpx(
    settings: CredentialSettings, local_server: LocalServer, source: str
) -> None:
    SOURCES[source](settings)
    is_environment = source.endswith("environment")
    if is_environment:
        settings.environment(
            AWS_ACCESS_KEY_ID=ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY=SECRET_ACCESS_KEY
        )
    else:
        settings.environment(ECS_HOST=settings.endpoints.host)
    # None of them is loaded where all are installed; one source shows that this is enough.
    missing = NOT_INSTALLED if source == "imds" else ()
    loaded = modules_loaded_by(list_in_a_process(local_server.url, missing))
    assert "config.shared_files" not in loaded, "there is no file"
    if is_environment:
        sources = {name for name in loaded if name.startswith("credentials.")}
        expected = ("chain", "environment", "refreshable", "resolver")
        assert sources == {f"credentials.{name}" for name in expected}


@pytest.mark.parametrize("names", COMBINATIONS, ids="+".join)
def test_of_several_sources_boto3s_is_used(
    settings: CredentialSettings, names: tuple[str, ...]
) -> None:
    for name in reversed(names):
        SOURCES[name](settings)
    assert settings.our_credentials() == boto3_credentials()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.usefixtures("local_credentials")
def test_each_kind_of_profile_lists_where_botocore_and_httpx_are_not_installed(
    settings: CredentialSettings, local_server: LocalServer, profile: str
) -> None:
    """A profile's own keys are those of the local service; so are those that STS returns."""
    settings.set_profiles()
    if profile in {"static", "process"}:
        text = (settings.folder / ".aws" / "config").read_text()
        for access_key in ("AKIDCONFIG", "AKIDPROCESS"):
            text = text.replace(SECRETS[access_key], SECRET_ACCESS_KEY)
            text = text.replace(access_key, ACCESS_KEY_ID)
        settings.file(".aws/config", text)
    settings.environment(ECS_HOST=settings.endpoints.host)
    settings.set_environment()
    loaded = modules_loaded_by(list_in_a_process(local_server.url, NOT_INSTALLED, profile))
    assert "config.shared_files" in loaded


@pytest.mark.parametrize("source", ["sso_session", "sso_start_url", "login_session"])
def test_a_profile_with_a_login_lists_where_botocore_and_httpx_are_not_installed(
    settings: CredentialSettings, local_server: LocalServer, laptop: SsoCache, source: str
) -> None:
    if source == "sso_start_url":
        settings.file(".aws/config", f"[profile laptop]\n{SSO_KEYS[source]}")
        laptop.write(source)
    elif source == "login_session":
        settings.file(".aws/config", f"[profile laptop]\nlogin_session = {LOGIN_SESSION}\n")
        folder = settings.folder / ".aws" / "login" / "cache"
        write_login(folder, accessKeyId=ACCESS_KEY_ID, secretAccessKey=SECRET_ACCESS_KEY)
    modules_loaded_by(list_in_a_process(local_server.url, NOT_INSTALLED, "laptop"))


def test_a_named_profile_without_a_file_is_an_error_without_botocore(
    settings: CredentialSettings, local_server: LocalServer
) -> None:
    settings.environment(AWS_PROFILE="other")
    ran = list_in_a_process(local_server.url, ["botocore"])
    assert "exceptions.ProfileNotFound: there is no profile 'other' in " in ran.stderr


SAME_PROGRAM = """
import asyncio, sys
sys.modules |= dict.fromkeys({missing})
from imagebuilder_pager import AsyncImageBuilder, ImageBuilder
arguments = {arguments}

def list_page():
    with ImageBuilder("us-west-2", **arguments) as client:
        client.list_lifecycle_execution_resources(lifecycleExecutionId={execution!r})
        return client._transport

async def list_page_async():
    async with AsyncImageBuilder("us-west-2", **arguments) as client:
        await client.list_lifecycle_execution_resources(lifecycleExecutionId={execution!r})
        return client._transport

for transport in list_page(), asyncio.run(list_page_async()):
    print(type(transport).__name__, transport._make_pool.args[0])
"""


@pytest.mark.parametrize("missing", [(), ("httpx", "httpcore"), ("botocore",)], ids=str)
def test_the_same_program_lists_with_and_without_httpx_and_botocore(
    localhost_context: ssl.SSLContext, missing: tuple[str, ...]
) -> None:
    server = ScriptedServer([[page_response("r-1")], [page_response("r-1")]], localhost_context)
    arguments = {
        "endpoint_url": server.url,
        "verify": str(LOCALHOST_CERTIFICATE),
        "max_pool_connections": 3,
        **LOCAL_CREDENTIALS,
    }
    code = SAME_PROGRAM.format(missing=missing, arguments=arguments, execution=EXAMPLE_EXECUTION_ID)
    with contextlib.closing(server):
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert (ran.returncode, ran.stderr) == (0, "")
    kind = "H11Client" if missing else "HttpxTransport"
    assert ran.stdout.splitlines() == [f"{kind} 3", f"Async{kind} 3"]


@pytest.mark.parametrize("module", ["httpx._client", "httpcore._sync", "botocore.auth"])
def test_a_broken_package_is_an_error_and_not_another_transport(module: str) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; import imagebuilder_pager as one; "
    ran = subprocess.run(
        [sys.executable, "-c", code + "one.ImageBuilder('us-west-2', credentials=len)"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("ModuleNotFoundError: ")


ERRORS = """
import sys
sys.modules |= dict.fromkeys({missing})
from imagebuilder_pager import *
from imagebuilder_pager import exceptions
for statement in {statements}:
    try:
        exec(statement)
    except exceptions.PagerError as error:
        print(type(error).__name__, error)
"""


def errors_of(missing: Sequence[str], statements: Sequence[str]) -> list[str]:
    """Return the errors of statements in a process without some packages."""
    code = ERRORS.format(missing=missing, statements=statements)
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def test_the_error_names_the_missing_packages_and_the_remedy() -> None:
    kind = "MissingDependencyException"
    assert errors_of(
        ["botocore"],
        [
            "import httpx; ImageBuilder('us-west-2', http_client=httpx.Client())",
            "import httpx; AsyncImageBuilder('us-west-2', http_client=httpx.AsyncClient())",
        ],
    ) == [
        f"{kind} {what} needs botocore, not installed here: pip install botocore, or give "
        f"http_client={other}()"
        for what, other in (
            ("an httpx.Client", "H11Client"),
            ("an httpx.AsyncClient", "AsyncH11Client"),
        )
    ]
    assert errors_of(
        ["jmespath", "idna"],
        [
            "spec = PaginationSpec.from_model("
            "{'input_token': 'a', 'output_token': 'a', 'result_key': 'c'}); "
            "list(Paginator(dict, spec).paginate().search('a.b'))",
            "PaginationSpec.from_model("
            "{'input_token': 'a', 'output_token': 'a[-1].b', 'result_key': 'c'})",
            "ImageBuilder('us-west-2', endpoint_url='https://b\\u00fccher.test')",
        ],
    ) == [
        f"{kind} search needs jmespath, not installed here: pip install jmespath, or filter the "
        "pages in Python",
        f"{kind} the expression a[-1].b needs jmespath, not installed here: pip install "
        "jmespath, or use a path of names",
        f"{kind} a host that is not ASCII needs idna, not installed here: pip install idna, or "
        "give it as xn--...",
    ]
