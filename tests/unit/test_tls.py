"""Which certificates are trusted, and the warning where none are verified."""

import os
import ssl
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions
from imagebuilder_pager._aws.config.shared_config import Resolved, SharedConfig
from imagebuilder_pager._aws.config.tls import (
    LazySSLContext,
    ca_bundle_from_config,
    resolve_verify,
)
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.clients import list_page
from tests.fakes.connections import page_response
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
    assert bundles_of(monkeypatch, str(tmp_path)) == [str(tmp_path)]
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
        bundle = tmp_path / "bundle.pem"
        bundle.write_bytes(LOCALHOST_CERTIFICATE.read_bytes())
        monkeypatch.setenv(variable, str(bundle if variable == "SSL_CERT_FILE" else tmp_path))
    certificates = LazySSLContext(verified)
    ours, theirs = certificates.context(), httpx.create_ssl_context(verify=verified)
    assert certificates.context() is ours
    assert ours.cert_store_stats() == theirs.cert_store_stats()
    for name in ("verify_mode", "check_hostname", "verify_flags", "minimum_version", "options"):
        assert getattr(ours, name) == getattr(theirs, name)


def test_certificates_that_cannot_be_loaded_are_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    for path in ("/does/not/exist.pem", str(tmp_path / "no.pem")):
        monkeypatch.setenv("AWS_CA_BUNDLE", path)
        with pytest.raises(exceptions.InvalidConfigError, match=r"^AWS_CA_BUNDLE: no cert") as e:
            ImageBuilder("eu-west-1", **LOCAL_CREDENTIALS)
        assert path in str(e.value)
    with pytest.raises(exceptions.ParamValidationError, match=r"verify: 5 \(int\) given"):
        ImageBuilder("eu-west-1", verify=5, **LOCAL_CREDENTIALS)  # type: ignore[arg-type]
    with (
        httpx.Client() as http,
        pytest.raises(exceptions.ParamValidationError, match="which has its own"),
    ):
        ImageBuilder("eu-west-1", verify=True, http_client=http, **LOCAL_CREDENTIALS)


@pytest.fixture
def hashed(tmp_path: Path) -> Path:
    """A directory with the certificate, its name a hash as for OpenSSL."""
    directory = tmp_path / "hashed"
    directory.mkdir()
    command = ["openssl", "x509", "-hash", "-noout", "-in", str(LOCALHOST_CERTIFICATE)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    (directory / f"{ran.stdout.strip()}.0").write_text(LOCALHOST_CERTIFICATE.read_text())
    return directory


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_ssl_cert_dir_is_a_list_of_directories(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hashed: Path, order: tuple[int, ...]
) -> None:
    """OpenSSL reads it in this way, and passes over a directory that does not exist."""
    (tmp_path / "empty").mkdir()
    directories = [str(tmp_path / "empty"), str(hashed), str(tmp_path / "not there")]
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join(directories[number] for number in order))
    ours = LazySSLContext().context()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(LOCALHOST_CERTIFICATE)
    assert handshake(ours, server)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "empty"))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(LazySSLContext().context(), server)


def handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> bool:
    """Do a TLS handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(10):
        for end in list(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)
    return not ends


def test_ssl_cert_dir_without_any_directory_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    with pytest.raises(exceptions.InvalidConfigError, match=r"SSL_CERT_DIR: there is no directory"):
        LazySSLContext().context()


# A file of certificates that changes


class Bundle:
    """A file of certificates, and the context that is made of it."""

    def __init__(self, path: Path, certificates: LazySSLContext) -> None:
        self.path = path
        self._certificates = certificates

    def replace(self, source: Path) -> None:
        """Put another file in the place of this one."""
        new = self.path.with_suffix(".new")
        new.write_bytes(source.read_bytes())
        new.replace(self.path)

    @property
    def context(self) -> ssl.SSLContext:
        return self._certificates.context()

    @property
    def serial_numbers(self) -> set[str]:
        """The serial numbers of the certificates that are trusted."""
        return {str(trusted["serialNumber"]) for trusted in self.context.get_ca_certs()}


@pytest.fixture(params=["a path", "SSL_CERT_FILE", "certifi"])
def bundle(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Bundle:
    """A bundle with one certificate, from each source."""
    path = tmp_path / "bundle.pem"
    verify: bool | Resolved = True
    if request.param == "a path":
        verify = Resolved(str(path), "a test")
    elif request.param == "certifi":
        monkeypatch.setattr("certifi.where", lambda: str(path))
    else:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    bundle = Bundle(path, LazySSLContext(verify))
    bundle.replace(LOCALHOST_CERTIFICATE)
    return bundle


def test_only_a_file_that_is_replaced_is_read_again(bundle: Bundle) -> None:
    first = bundle.context
    assert bundle.context is first
    assert bundle.serial_numbers == {"01"}
    bundle.replace(RENEWED_CERTIFICATE)
    assert bundle.serial_numbers == {"02"}
    assert bundle.context is bundle.context is not first
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
    first = bundle.context
    for content in (b"", RENEWED_CERTIFICATE.read_bytes()[:-100]):
        bundle.path.write_bytes(content)
        assert bundle.context is first
    bundle.path.unlink()
    assert bundle.context is first
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
        assert len(bundle.context.get_ca_certs()) == 1
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


WARNS = """
from imagebuilder_pager import ImageBuilder
for _ in range(3):
    ImageBuilder("us-west-2", verify=False, endpoint_url="https://127.0.0.1:9").close()
"""


def test_the_warning_is_shown_once() -> None:
    command = [sys.executable, "-c", WARNS]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stderr.count("InsecureRequestWarning: verify=False") == 1
