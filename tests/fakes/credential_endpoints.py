"""The credential endpoints, all on one local port, and settings that point to them."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.loaders
import botocore.session
import botocore.utils
import httpx
import pytest

from imagebuilder_pager._aws.config.shared_config import SharedConfig
from imagebuilder_pager._aws.config.tls import UNVERIFIED
from imagebuilder_pager._aws.credentials.container import ContainerProvider
from imagebuilder_pager._aws.credentials.resolver import resolve_credentials
from imagebuilder_pager._aws.identity import CachingProvider, CredentialsContext
from imagebuilder_pager.exceptions import CredentialRetrievalError, PagerError
from imagebuilder_pager.local import LocalServer
from imagebuilder_pager.local.errors import ServiceError
from imagebuilder_pager.local.sigv4_verifier import verify_signature

from .boto3_endpoints import LOADER
from .clocks import NoSleepClock

REGION = "us-west-2"
ROLE = "arn:aws:iam::123456789012:role/reader"
SECRETS = {
    "AKIDENV": "SecretOfEnvironment",
    "AKIDSHARED": "SecretOfSharedFile",
    "AKIDCONFIG": "SecretOfConfigFile",
    "AKIDPROCESS": "SecretOfProcess",
}

Response = tuple[int, bytes]
FrozenCredentials = tuple[str, str, str | None]


class CredentialEndpoints:
    """ECS, EKS, instance metadata and STS on one port, which record their requests.

    ``generation`` is part of all issued credentials; they expire after ``lifetime``. ``scripted``
    has the responses to the next requests, in place of the usual ones.
    """

    container_token = "Bearer container-token"
    metadata_token = "MetadataTokenSecret=="

    def __init__(self) -> None:
        self.generation = 1
        self.lifetime = timedelta(hours=1)
        self.scripted: list[Response] = []
        self.requests: list[httpx.Request] = []
        self.secrets = dict(SECRETS)
        self._server = LocalServer(self._serve)
        self.url = self._server.url
        self.host = self.url.removeprefix("http://")
        self.close = self._server.close

    @property
    def sts_forms(self) -> list[dict[str, str]]:
        """The parameters of the STS calls."""
        return [_form_of(request) for request in self.requests if request.method == "POST"]

    def issue(self, kind: str) -> dict[str, str]:
        expiration = (datetime.now(UTC) + self.lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")
        access_key = f"ASIA{kind}{self.generation}"
        self.secrets[access_key] = f"SecretOf{kind}{self.generation}"
        return {
            "AccessKeyId": access_key,
            "SecretAccessKey": self.secrets[access_key],
            "Token": f"TokenOf{kind}{self.generation}",
            "Expiration": expiration,
        }

    def _serve(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status, content = self.scripted.pop(0) if self.scripted else self.respond(request)
        headers = {"Location": content.decode()} if status in {301, 302, 307} else {}
        return httpx.Response(status, headers=headers, content=content)

    def respond(self, request: httpx.Request) -> Response:
        path = request.url.path
        if request.method == "POST":
            return self._sts(request)
        if path.startswith("/latest/"):
            return self._instance_metadata(request.method, path, request.headers)
        if path.startswith("/v2/credentials/"):
            return 200, json.dumps(self.issue("ECS")).encode()
        if request.headers.get("authorization") != self.container_token:
            return 401, b"the token is " + self.container_token.encode()
        return 200, json.dumps(self.issue("EKS")).encode()

    def _instance_metadata(self, method: str, path: str, headers: httpx.Headers) -> Response:
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

    def _sts(self, request: httpx.Request) -> Response:
        form = _form_of(request)
        if form["Action"] == "AssumeRole":
            try:
                verify_signature(
                    request,
                    secrets=self.secrets,
                    service="sts",
                    now=datetime.now(UTC),
                    region=REGION,
                )
            except ServiceError as error:
                return 403, sts_error("SignatureDoesNotMatch", str(error))
        elif form["WebIdentityToken"] != "web.identity.token":
            return 400, sts_error("InvalidIdentityToken", form["WebIdentityToken"] + " is not mine")
        issued = self.issue("STS" + form["RoleArn"].rpartition("/")[2])
        issued["SessionToken"] = issued.pop("Token")
        members = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in issued.items())
        return 200, (
            f'<{form["Action"]}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<{form['Action']}Result><AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId>"
            f"<Arn>{form['RoleArn']}/x</Arn></AssumedRoleUser><Credentials>{members}</Credentials>"
            f"</{form['Action']}Result></{form['Action']}Response>"
        ).encode()


def _form_of(request: httpx.Request) -> dict[str, str]:
    return dict(parse_qsl(request.content.decode()))


def sts_error(code: str, message: str) -> bytes:
    return (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        "<RequestId>the-request-id</RequestId></ErrorResponse>"
    ).encode()


class CredentialSettings:
    """The environment variables and shared files of a test; each method sets up one provider."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, folder: Path, endpoints: CredentialEndpoints
    ) -> None:
        self._monkeypatch = monkeypatch
        self.folder = folder
        self.endpoints = endpoints
        #: The clock of the search; a test may set another one.
        self.clock: Any = NoSleepClock()
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

    def set_environment(self) -> None:
        self.environment(AWS_ACCESS_KEY_ID="AKIDENV", AWS_SECRET_ACCESS_KEY=SECRETS["AKIDENV"])

    def set_ecs(self) -> None:
        self._monkeypatch.setattr(ContainerProvider, "HOST", self.endpoints.host)
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

    def set_profiles(self) -> None:
        """Write all profiles, and set up their sources, except the environment."""
        token = self.file("web-token", "web.identity.token")
        process = process_command(PROCESS_OUTPUT)
        text = "\n".join(PROFILES.values())
        self.file(".aws/config", text.replace("{token}", token).replace("{process}", process))
        self.set_ecs()
        self.set_imds()

    def set_shared(self) -> None:
        self.file(".aws/credentials", self.profile("default", "AKIDSHARED"))

    def set_config(self) -> None:
        self.file(".aws/config", self.profile("default", "AKIDCONFIG"))

    def find_provider(self, profile: str | None = None) -> CachingProvider:
        context = CredentialsContext(SharedConfig(profile), REGION, UNVERIFIED, self.clock)
        return resolve_credentials(None, None, None, None, context)

    def our_credentials(self, profile: str | None = None) -> FrozenCredentials:
        keys = self.find_provider(profile).get_frozen_credentials()
        return keys.access_key, keys.secret_key, keys.token

    def error(
        self, match: str | None = None, kind: type[PagerError] = CredentialRetrievalError
    ) -> PagerError:
        """Return the error of a search; it has this type, and its text matches."""
        with pytest.raises(kind, match=match) as caught:
            self.our_credentials()
        return caught.value

    @staticmethod
    def profile(name: str, access_key: str) -> str:
        secret = SECRETS[access_key]
        return f"[{name}]\naws_access_key_id={access_key}\naws_secret_access_key={secret}\n"


def texts_of(error: BaseException) -> str:
    """Return the traceback of an error, and all texts of it and of its causes."""
    texts = "".join(traceback.format_exception(error))
    raised: BaseException | None = error
    while raised is not None:
        texts += f"{raised} {raised!r} {vars(raised)} {raised.args}"
        raised = raised.__cause__ or raised.__context__
    return texts


def boto3_credentials(profile: str | None = None) -> FrozenCredentials:
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", LOADER)
    session.set_config_variable("region", REGION)
    credentials = session.get_credentials()
    assert credentials is not None
    frozen = credentials.get_frozen_credentials()
    return frozen.access_key or "", frozen.secret_key or "", frozen.token


def process_command(output: object, status: int = 0, stderr: str = "") -> str:
    code = (
        f"import sys; print({json.dumps(output)!r}); "
        f"sys.stderr.write({stderr!r}); sys.exit({status})"
    )
    return f"{sys.executable} -c {json.dumps(code)}".replace("%", "%%")


PROCESS_OUTPUT = {"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "SecretOfProcess"}
_KEYS = f"aws_access_key_id = AKIDCONFIG\naws_secret_access_key = {SECRETS['AKIDCONFIG']}\n"
#: The source of the credentials and the options of each profile with a role.
_SOURCES = {
    "source": "source_profile = static",
    "itself": f"source_profile = itself\n{_KEYS}",
    "chained": "source_profile = source",
    "options": "source_profile = static\nexternal_id = id 1\nrole_session_name = me\n"
    "duration_seconds = 900",
    "environment": "credential_source = Environment",
    "container": "credential_source = EcsContainer",
    "instance": "credential_source = Ec2InstanceMetadata",
    "of-process": "source_profile = process",
    "web": "web_identity_token_file = {token}",
    "of-web": "source_profile = web",
}
PROFILES = {
    "static": f"[profile static]\n{_KEYS}",
    "process": "[profile process]\ncredential_process = {process}\n",
    **{
        name: f"[profile {name}]\nrole_arn = {ROLE}/{name}\n{source}\n"
        for name, source in _SOURCES.items()
    },
}
