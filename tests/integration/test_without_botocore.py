"""Credentials and listings where botocore, httpx or others are not installed, and the errors."""

from __future__ import annotations

import contextlib
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
)
from tests.fakes.logins import LOGIN_SESSION, SSO_KEYS, SsoCache, write_login
from tests.fakes.servers import ScriptedServer
from tests.fakes.transports import LOCALHOST_CERTIFICATE


def set_expiring_environment(settings: CredentialSettings) -> None:
    settings.set_environment()
    settings.environment(AWS_CREDENTIAL_EXPIRATION="2100-01-01T00:00:00Z")


SOURCES: dict[str, Callable[[CredentialSettings], None]] = {
    "environment": CredentialSettings.set_environment,
    "expiring-environment": set_expiring_environment,
    "web-identity": CredentialSettings.set_web_identity,
    "eks": CredentialSettings.set_eks,
    "ecs": CredentialSettings.set_ecs,
    "imds": CredentialSettings.set_imds,
}
NOT_INSTALLED = ("botocore", "httpx", "httpcore", "jmespath", "idna")
LIST = """
import asyncio, os
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


def run_without(
    missing: Sequence[str], code: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run code where an import of a missing module is a ``ModuleNotFoundError``."""
    absent = f"import sys; sys.modules |= dict.fromkeys({missing})\n"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", absent + code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def lines_of(ran: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the output of a process that has succeeded."""
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def list_in_a_process(
    url: str, missing: Sequence[str], profile: str | None = None
) -> subprocess.CompletedProcess[str]:
    """List by both clients in another process, with the environment of this one."""
    code = LIST.format(
        not_installed=NOT_INSTALLED, execution=EXAMPLE_EXECUTION_ID, region=REGION, profile=profile
    )
    return run_without(missing, code, AWS_ENDPOINT_URL_IMAGEBUILDER=url)


def modules_loaded_by(ran: subprocess.CompletedProcess[str]) -> set[str]:
    """Return the modules of ``_aws`` that a process has loaded, which has listed without others."""
    others, ours = lines_of(ran)
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
import asyncio
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
    code = SAME_PROGRAM.format(arguments=arguments, execution=EXAMPLE_EXECUTION_ID)
    with contextlib.closing(server):
        lines = lines_of(run_without(missing, code))
    kind = "H11Client" if missing else "HttpxTransport"
    assert lines == [f"{kind} 3", f"Async{kind} 3"]


@pytest.mark.parametrize("module", ["httpx._client", "httpcore._sync", "botocore.auth"])
def test_a_broken_package_is_an_error_and_not_another_transport(module: str) -> None:
    ran = run_without(
        [module], "import imagebuilder_pager as one; one.ImageBuilder('us-west-2', credentials=len)"
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("ModuleNotFoundError: ")


SPEC = "PaginationSpec.from_model({'input_token': 'a', 'output_token': %r, 'result_key': 'c'})"


@pytest.mark.parametrize(
    ("missing", "statement", "message"),
    [
        (
            "botocore",
            "import httpx; ImageBuilder('us-west-2', http_client=httpx.Client())",
            "an httpx.Client needs botocore, not installed here: pip install botocore, or give "
            "http_client=H11Client()",
        ),
        (
            "botocore",
            "import httpx; AsyncImageBuilder('us-west-2', http_client=httpx.AsyncClient())",
            "an httpx.AsyncClient needs botocore, not installed here: pip install botocore, or "
            "give http_client=AsyncH11Client()",
        ),
        (
            "jmespath",
            f"Paginator(dict, {SPEC % 'a'}).paginate().search('a.b')",
            "search needs jmespath, not installed here: pip install jmespath, or filter the pages "
            "in Python",
        ),
        (
            "jmespath",
            SPEC % "a[-1].b",
            "the expression a[-1].b needs jmespath, not installed here: pip install jmespath, or "
            "use a path of names",
        ),
        (
            "idna",
            "ImageBuilder('us-west-2', endpoint_url='https://b\\u00fccher.test')",
            "a host that is not ASCII needs idna, not installed here: pip install idna, or give "
            "it as xn--...",
        ),
    ],
)
def test_the_error_names_the_missing_package_and_the_remedy(
    missing: str, statement: str, message: str
) -> None:
    ran = run_without([missing], f"from imagebuilder_pager import *; {statement}")
    error = "imagebuilder_pager.exceptions.MissingDependencyException"
    assert ran.stderr.splitlines()[-1] == f"{error}: {message}"
