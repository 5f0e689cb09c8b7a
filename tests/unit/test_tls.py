"""Which certificates are trusted, and the warning where none are verified."""

import asyncio
import json
import os
import ssl
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest

from imagebuilder_pager import (
    AsyncH11Client,
    AsyncImageBuilder,
    H11Client,
    ImageBuilder,
    exceptions,
)
from imagebuilder_pager._aws.config.shared_config import Resolved, SharedConfig
from imagebuilder_pager._aws.config.tls import (
    LazySSLContext,
    ca_bundle_from_config,
    resolve_verify,
)
from imagebuilder_pager.cli.main import main
from tests.fakes import logins
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.clients import EXECUTION, list_page
from tests.fakes.command_line import EXAMPLE_ID, LIST
from tests.fakes.connections import page_response
from tests.fakes.servers import ConnectionServer, requests_on
from tests.fakes.transports import LOCALHOST_CERTIFICATE, RENEWED_CERTIFICATE, Serve

pytestmark = pytest.mark.usefixtures("_no_settings")


def bundles_of(monkeypatch: pytest.MonkeyPatch, verify: Any = None) -> list[str]:
    """Return the paths of the certificates that a client loads."""
    made: list[str] = []
    create = ssl.create_default_context

    def recorded(*, cafile: str | None = None, capath: str | None = None) -> ssl.SSLContext:
        made.append(cafile or capath or "")
        return create(cafile=certifi.where())

    with monkeypatch.context() as patch:
        patch.setattr(ssl, "create_default_context", recorded)
        resolve_verify("test", verify, ca_bundle_from_config(SharedConfig())).context()
    return made


def test_certificates_are_those_of_boto3s_settings(
    monkeypatch: pytest.MonkeyPatch, config_file: Path, tmp_path: Path
) -> None:
    assert bundles_of(monkeypatch) == [certifi.where()]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/requests.pem")
    assert bundles_of(monkeypatch) == ["/requests.pem"]
    config_file.write_text("[default]\nca_bundle = /profile.pem\n")
    assert bundles_of(monkeypatch) == ["/profile.pem"]
    monkeypatch.setenv("AWS_CA_BUNDLE", "/variable.pem")
    assert bundles_of(monkeypatch) == ["/variable.pem"]
    assert bundles_of(monkeypatch, "/argument.pem") == ["/argument.pem"]
    (tmp_path / "01234567.0").touch()
    assert bundles_of(monkeypatch, str(tmp_path)) == [str(tmp_path)]
    monkeypatch.setenv("HOME", "/home/user")
    monkeypatch.setenv("AWS_CA_BUNDLE", "~/variable.pem")
    assert bundles_of(monkeypatch) == ["/home/user/variable.pem"]
    assert bundles_of(monkeypatch, True) == [certifi.where()]
    assert bundles_of(monkeypatch, False) == []


@pytest.mark.filterwarnings("ignore::imagebuilder_pager.exceptions.InsecureRequestWarning")
@pytest.mark.parametrize("verify", [None, True, False, str(LOCALHOST_CERTIFICATE)])
def test_a_clients_connections_are_verified_as_the_argument_says(
    serve: Serve, localhost_context: ssl.SSLContext, verify: Any
) -> None:
    url = serve([page_response("r-1")], context=localhost_context).url
    arguments: Any = {"endpoint_url": url, "verify": verify, **LOCAL_CREDENTIALS}
    with ImageBuilder("us-west-2", max_attempts=1, **arguments) as client:
        if verify in {None, True}:
            with pytest.raises(exceptions.SSLError):
                list_page(client)
        else:
            list_page(client)


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("variable", [None, "SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_the_default_certificates_are_those_of_httpx(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str | None, verified: bool
) -> None:
    if variable is not None:
        bundle = tmp_path / "01234567.0"
        bundle.write_bytes(LOCALHOST_CERTIFICATE.read_bytes())
        monkeypatch.setenv(variable, str(bundle if variable == "SSL_CERT_FILE" else tmp_path))
    certificates = LazySSLContext(verified)
    ours, theirs = certificates.context(), httpx.create_ssl_context(verify=verified)
    assert certificates.context() is ours
    assert ours.cert_store_stats() == theirs.cert_store_stats()
    for name in ("verify_mode", "check_hostname", "verify_flags", "minimum_version", "options"):
        assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "certifi"])
@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff" * 100, "a directory"])
def test_certificates_that_cannot_be_loaded_are_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, content: bytes | str | None
) -> None:
    path = tmp_path / "bundle"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.mkdir()
        (path / "certificate.pem").write_bytes(LOCALHOST_CERTIFICATE.read_bytes())
    monkeypatch.setattr("certifi.where", lambda: str(path))
    monkeypatch.setenv(variable, str(path))
    expected = f"^{variable}: no certificates can be loaded from '{path}' "
    with pytest.raises(exceptions.InvalidConfigError, match=expected):
        ImageBuilder("eu-west-1", **LOCAL_CREDENTIALS)


def test_certifi_without_its_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise FileNotFoundError(2, "No such file or directory", "cacert.pem")

    monkeypatch.setattr("certifi.where", fail)
    with pytest.raises(exceptions.InvalidConfigError, match=r"^certifi: .*cacert.pem"):
        LazySSLContext().context()
    monkeypatch.setitem(sys.modules, "certifi", None)
    with pytest.raises(exceptions.MissingDependencyException, match=r"certifi.*set SSL_CERT_FILE"):
        LazySSLContext().context()


@pytest.mark.parametrize("log", ["/nonexistent/log", "/", "/dev/null/log"])
def test_a_log_of_keys_that_cannot_be_written_is_not_the_fault_of_the_bundle(
    monkeypatch: pytest.MonkeyPatch, log: str
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", log)
    with pytest.raises(exceptions.InvalidConfigError, match=f"^SSLKEYLOGFILE: the file '{log}' "):
        ImageBuilder("eu-west-1", **LOCAL_CREDENTIALS)


def test_a_log_of_keys_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "log"))
    assert LazySSLContext().context().keylog_filename == str(tmp_path / "log")


def test_other_values_of_verify_are_an_error() -> None:
    with pytest.raises(exceptions.ParamValidationError, match=r"verify: 5 \(int\) given"):
        ImageBuilder("eu-west-1", verify=5, **LOCAL_CREDENTIALS)  # type: ignore[arg-type]
    with (
        httpx.Client() as http,
        pytest.raises(exceptions.ParamValidationError, match="which has its own"),
    ):
        ImageBuilder("eu-west-1", verify=True, http_client=http, **LOCAL_CREDENTIALS)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_ssl_cert_dir_is_a_list_of_directories(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    serve: Serve,
    localhost_context: ssl.SSLContext,
    order: tuple[int, ...],
) -> None:
    """OpenSSL reads it in this way, and passes over a directory that does not exist."""
    hashed = tmp_path / "hashed"
    hashed.mkdir()
    # What openssl x509 -hash prints.
    (hashed / "88d0bdcb.0").write_text(LOCALHOST_CERTIFICATE.read_text())
    (tmp_path / "empty").mkdir()
    directories = [str(tmp_path / "empty"), str(hashed), str(tmp_path / "not there")]
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join(directories[number] for number in order))
    url = serve([page_response("r-1")], context=localhost_context).url
    with ImageBuilder("us-west-2", endpoint_url=url, **LOCAL_CREDENTIALS) as client:
        list_page(client)


# All connections of a client


PRIVATE_AUTHORITY = str(LOCALHOST_CERTIFICATE)
KEYS = {
    "AccessKeyId": "ASIAEXAMPLE",
    "SecretAccessKey": "secret",
    "Expiration": "2100-01-01T00:00Z",
}
SSO_KEYS = {"accessKeyId": "ASIAEXAMPLE", "secretAccessKey": "secret", "sessionToken": "token"}
#: The members of the responses of all endpoints but STS.
MEMBERS = {
    **KEYS,
    "Token": "token",
    "accessToken": "new",
    "expiresIn": 3600,
    "roleCredentials": {**SSO_KEYS, "expiration": 4_102_444_800_000},
}


def answer(connection: Any, requests: list[bytes]) -> None:
    """Answer as the service, STS, SSO, a container endpoint or instance metadata."""
    for request in requests_on(connection):
        requests.append(request)
        if request.startswith(b"POST /List"):
            connection.sendall(page_response("ami-1"))
            continue
        body = json.dumps(MEMBERS)
        if request.startswith(b"POST / "):
            texts = "".join(f"<{name}>{text}</{name}>" for name, text in KEYS.items())
            body = f"<a>{texts}<SessionToken>token</SessionToken></a>"
            # It ends with the connection, without TLS's close_notify, as from many servers.
            connection.sendall(f"HTTP/1.1 200 OK\r\n\r\n{body}".encode())
            return
        if request.startswith((b"PUT ", b"GET /latest/meta-data/iam/security-credentials/ ")):
            body = "name"
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())


def list_by_argument(url: str, verify: Any) -> object:
    with ImageBuilder("us-west-2", endpoint_url=url, verify=verify, max_attempts=1) as client:
        return list_page(client)


def list_by_h11(url: str, verify: Any) -> object:
    with (
        H11Client(verify=True if verify is None else verify) as lean,
        ImageBuilder("us-west-2", endpoint_url=url, http_client=lean, max_attempts=1) as client,
    ):
        return list_page(client)


def list_by_async_h11(url: str, verify: Any) -> object:
    async def call() -> object:
        async with (
            AsyncH11Client(verify=True if verify is None else verify) as lean,
            AsyncImageBuilder(
                "us-west-2", endpoint_url=url, http_client=lean, max_attempts=1
            ) as client,
        ):
            return await client.list_lifecycle_execution_resources(**EXECUTION)

    return asyncio.run(call())


def list_by_command(url: str, verify: Any) -> object:
    option = {None: [], False: ["--no-verify-ssl"]}.get(verify, ["--ca-bundle", verify])
    arguments = [LIST, *EXAMPLE_ID, "--region", "us-west-2", "--endpoint-url", url, *option]
    if code := main(arguments):
        raise exceptions.NoCredentialsError(str(code))
    return code


@pytest.mark.filterwarnings("ignore::imagebuilder_pager.exceptions.InsecureRequestWarning")
@pytest.mark.parametrize("verify", [PRIVATE_AUTHORITY, False, None], ids=["path", "False", "None"])
@pytest.mark.parametrize(
    "list_by", [list_by_argument, list_by_h11, list_by_async_h11, list_by_command]
)
@pytest.mark.parametrize("source", ["sts", "SSO", "container", "imds"])
def test_one_argument_is_for_all_connections_of_a_client(
    monkeypatch: pytest.MonkeyPatch,
    localhost_context: ssl.SSLContext,
    tmp_path: Path,
    config_file: Path,
    *,
    source: str,
    list_by: Callable[[str, Any], object],
    verify: Any,
) -> None:
    monkeypatch.setattr("imagebuilder_pager._aws.clock.SYSTEM_CLOCK.sleep", lambda _: None)
    requests: list[bytes] = []
    with ConnectionServer(lambda one, _: answer(one, requests), localhost_context) as server:
        if source == "sts":
            (tmp_path / "token").write_text("token")
            monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
            monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/reader")
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        elif source == "SSO":
            config_file.write_text(f"[default]\n{logins.SSO_KEYS['sso_session']}{logins.SESSION}")
            monkeypatch.setenv("HOME", str(tmp_path))
            # A token that is still valid is used without its renewal, so that both are called.
            left = timedelta(minutes=5 if verify is None else -5)
            logins.write_sso_token(tmp_path / ".aws/sso/cache", datetime.now(UTC) + left)
            monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", server.url)
            monkeypatch.setenv("AWS_ENDPOINT_URL_SSO_OIDC", server.url)
        elif source == "container":
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/keys")
        else:
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
        if verify is None:
            with pytest.raises(exceptions.NoCredentialsError):
                list_by(server.url, verify)
            assert not requests
        else:
            list_by(server.url, verify)


# A file of certificates that changes


class Bundle(LazySSLContext):
    """The context of a file of certificates."""

    def __init__(self, path: Path, verify: bool | Resolved) -> None:
        super().__init__(verify)
        self.path = path

    def replace(self, source: Path) -> None:
        """Put another file in the place of this one."""
        new = self.path.with_suffix(".new")
        new.write_bytes(source.read_bytes())
        new.replace(self.path)

    @property
    def serial_numbers(self) -> set[str]:
        """The serial numbers of the certificates that are trusted."""
        return {str(trusted["serialNumber"]) for trusted in self.context().get_ca_certs()}


@pytest.fixture(params=["a path", "SSL_CERT_FILE", "certifi"])
def bundle(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Bundle:
    """A bundle with one certificate, from each source."""
    path = tmp_path / "bundle.pem"
    if request.param == "certifi":
        monkeypatch.setattr("certifi.where", lambda: str(path))
    elif request.param == "SSL_CERT_FILE":
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    bundle = Bundle(path, Resolved(str(path), "a test") if request.param == "a path" else True)
    bundle.replace(LOCALHOST_CERTIFICATE)
    return bundle


def test_only_a_file_that_is_replaced_is_read_again(bundle: Bundle) -> None:
    first = bundle.context()
    assert bundle.context() is first
    assert bundle.serial_numbers == {"01"}
    bundle.replace(RENEWED_CERTIFICATE)
    assert bundle.serial_numbers == {"02"}
    assert bundle.context() is bundle.context() is not first
    assert len(first.get_ca_certs()) == 1, "the context of the open connections is not touched"


def test_a_link_to_another_file_is_followed_again(bundle: Bundle) -> None:
    """A Kubernetes volume is renewed in this way."""
    bundle.path.unlink()
    bundle.path.symlink_to(LOCALHOST_CERTIFICATE)
    assert bundle.serial_numbers == {"01"}
    bundle.path.unlink()
    bundle.path.symlink_to(RENEWED_CERTIFICATE)
    assert bundle.serial_numbers == {"02"}


def test_a_file_that_is_being_rewritten_leaves_the_context_in_use(bundle: Bundle) -> None:
    first = bundle.context()
    for content in (b"", RENEWED_CERTIFICATE.read_bytes()[:-100]):
        bundle.path.write_bytes(content)
        assert bundle.context() is first
    bundle.path.unlink()
    assert bundle.context() is first
    bundle.replace(RENEWED_CERTIFICATE)
    assert bundle.serial_numbers == {"02"}


def test_a_change_while_the_file_is_read_is_not_missed(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    load: Any = ssl.create_default_context

    def load_and_replace(**arguments: str) -> ssl.SSLContext:
        context: ssl.SSLContext = load(**arguments)
        bundle.replace(RENEWED_CERTIFICATE)
        return context

    with monkeypatch.context() as patched:
        patched.setattr("ssl.create_default_context", load_and_replace)
        assert len(bundle.context().get_ca_certs()) == 1
    assert bundle.serial_numbers == {"02"}


@pytest.mark.parametrize("kind", [ImageBuilder, AsyncImageBuilder])
def test_no_verification_warns_at_the_line_of_the_program(
    kind: type[ImageBuilder] | type[AsyncImageBuilder],
) -> None:
    with pytest.warns(exceptions.InsecureRequestWarning) as caught:
        kind("us-west-2", verify=False, **LOCAL_CREDENTIALS)
    (warning,) = caught
    assert warning.filename == __file__
    message = str(warning.message)
    assert "verify=False" in message
    assert "simplefilter('ignore', imagebuilder_pager.exceptions.InsecureRequestWarning)" in message


@pytest.mark.parametrize(
    "arguments",
    [
        {"verify": None},
        {"verify": False, "endpoint_url": "http://127.0.0.1:9"},
        # Silenced, as the warning says.
        {"verify": False},
    ],
    ids=["verified", "no TLS", "silenced"],
)
def test_there_is_no_warning(arguments: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if arguments == {"verify": False}:
            warnings.simplefilter("ignore", exceptions.InsecureRequestWarning)
        ImageBuilder("us-west-2", **arguments, **LOCAL_CREDENTIALS).close()
