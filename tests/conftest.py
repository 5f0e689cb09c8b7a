"""Fixtures of all tests: the local account, clients of it, and boto3's reading of a response."""

import gc
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import botocore.awsrequest
import botocore.config
import botocore.loaders
import botocore.model
import httpx
import pytest
from hypothesis import settings

from imagebuilder_pager import ImageBuilder
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    SECRET_ACCESS_KEY,
    Account,
    LocalImageBuilder,
    LocalServer,
    load_account,
)
from tests.fakes.boto3_requests import aws_response

FIXTURES = Path(__file__).parent.parent / "fixtures"
LOCALHOST_CERTIFICATE = Path(__file__).parent / "unit" / "localhost.pem"
KEYS: dict[str, Any] = {
    "aws_access_key_id": ACCESS_KEY_ID,
    "aws_secret_access_key": SECRET_ACCESS_KEY,
}

# The time of an example depends on the load of the machine.
settings.register_profile("tests", settings(), deadline=None)
settings.load_profile("tests")

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(scope="module", autouse=True)
def _only_new_garbage_is_looked_for() -> None:
    """Leave all that exists before a file's tests out of the collections of garbage in them."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a fleet's database that does not exist yet."""
    return tmp_path / "fleet.sqlite"


@pytest.fixture(scope="session", autouse=True)
def _no_aws_environment() -> Iterator[None]:
    """Keep the settings of the developer's AWS account out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().startswith("AWS_")]:
            patch.delenv(name)
        for name in ("FORCE_COLOR", "NO_COLOR", "CLICOLOR_FORCE", "MYPY_FORCE_COLOR"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def account() -> Account:
    return load_account(FIXTURES / "account.json")


@pytest.fixture(scope="session")
def local_server(account: Account) -> Iterator[LocalServer]:
    with LocalServer(LocalImageBuilder(account)) as server:
        yield server


@pytest.fixture(scope="session")
def client(local_server: LocalServer) -> Iterator[ImageBuilder]:
    with ImageBuilder("us-west-2", endpoint_url=local_server.url, **KEYS) as client:
        yield client


@pytest.fixture(scope="session")
def boto3_client(local_server: LocalServer) -> Any:
    # With one attempt, botocore would mark every response as MaxAttemptsReached.
    return boto3.session.Session().client(
        "imagebuilder", region_name="us-west-2", endpoint_url=local_server.url, **KEYS
    )


@pytest.fixture
def client_with() -> Iterator[Callable[..., ImageBuilder]]:
    """A client whose requests go to a function."""
    https: list[httpx.Client] = []

    def make(handler: Handler, **arguments: Any) -> ImageBuilder:
        https.append(httpx.Client(transport=httpx.MockTransport(handler)))
        return ImageBuilder(
            **{
                "region_name": "us-west-2",
                "http_client": https[-1],
                "max_attempts": 1,
                **KEYS,
                **arguments,
            }
        )

    yield make
    for http in https:
        http.close()


@pytest.fixture(scope="session")
def service_model() -> botocore.model.ServiceModel:
    description = botocore.loaders.Loader().load_service_model("imagebuilder", "service-2")
    return botocore.model.ServiceModel(description)


@pytest.fixture(scope="session")
def boto3_answer() -> Callable[..., dict[str, Any]]:
    """Return a function that reads a response with boto3: its dictionary, or its error."""
    client = boto3.session.Session().client(
        "imagebuilder",
        region_name="us-west-2",
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
        **KEYS,
    )
    answers: list[botocore.awsrequest.AWSResponse] = []
    client.meta.events.register("before-send.imagebuilder.*", lambda **_: answers.pop())

    def answer(
        body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        answers.append(aws_response("https://aws.test/", status, headers or {}, body))
        parsed: dict[str, Any] = client.list_lifecycle_execution_resources(
            lifecycleExecutionId=EXAMPLE_EXECUTION_ID
        )
        # The mark of a last attempt.
        parsed["ResponseMetadata"].pop("MaxAttemptsReached", None)
        return parsed

    return answer


@pytest.fixture
def localhost_context() -> ssl.SSLContext:
    """Return a server's TLS context with a certificate for 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(LOCALHOST_CERTIFICATE)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
