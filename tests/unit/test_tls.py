"""Which certificates are trusted, and the warning where none are verified."""

import os
import ssl
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions
from imagebuilder_pager._aws.config.shared_config import Resolved
from imagebuilder_pager._aws.config.tls import LazySSLContext
from tests.conftest import KEYS
from tests.fakes.transports import RENEWED_CERTIFICATE

pytestmark = pytest.mark.usefixtures("_no_settings")

CERTIFICATE = Path(__file__).parent / "localhost.pem"


@pytest.fixture
def hashed(tmp_path: Path) -> Path:
    """A directory with the certificate under the name by which OpenSSL looks for it."""
    directory = tmp_path / "hashed"
    directory.mkdir()
    command = ["openssl", "x509", "-hash", "-noout", "-in", str(CERTIFICATE)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("there is no openssl here")
    (directory / f"{ran.stdout.strip()}.0").write_text(CERTIFICATE.read_text())
    return directory


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_ssl_cert_dir_is_a_list_of_directories(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hashed: Path, order: tuple[int, ...]
) -> None:
    """As OpenSSL reads it, which passes over those that do not exist."""
    (tmp_path / "empty").mkdir()
    directories = [str(tmp_path / "empty"), str(hashed), str(tmp_path / "not there")]
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join(directories[number] for number in order))
    ours = LazySSLContext().context()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATE)
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
    """A bundle with one certificate, from each place that one can come from."""
    path = tmp_path / "bundle.pem"
    verify: bool | Resolved = True
    if request.param == "a path":
        verify = Resolved(str(path), "a test")
    elif request.param == "certifi":
        monkeypatch.setattr("certifi.where", lambda: str(path))
    else:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    bundle = Bundle(path, LazySSLContext(verify))
    bundle.replace(CERTIFICATE)
    return bundle


def test_a_file_that_has_not_changed_is_read_once(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bundle.context
    monkeypatch.setattr("ssl.create_default_context", pytest.fail)
    assert bundle.context is first


def test_a_file_that_is_replaced_is_read_again(bundle: Bundle) -> None:
    first = bundle.context
    assert bundle.serial_numbers == {"01"}
    bundle.replace(RENEWED_CERTIFICATE)
    assert bundle.serial_numbers == {"02"}
    assert bundle.context is bundle.context is not first
    assert len(first.get_ca_certs()) == 1, "the context of the open connections is not touched"


def test_a_link_to_another_file_is_followed_again(bundle: Bundle) -> None:
    """A Kubernetes volume is renewed in this way."""
    bundle.path.unlink()
    bundle.path.symlink_to(CERTIFICATE)
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
        kind("us-west-2", verify=False, **KEYS)
    (warning,) = caught
    assert warning.filename == __file__
    message = str(warning.message)
    assert "verify=False" in message
    assert "simplefilter('ignore', imagebuilder_pager.exceptions.InsecureRequestWarning)" in message


def test_the_warning_is_silenced_as_it_says() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", exceptions.InsecureRequestWarning)
        ImageBuilder("us-west-2", verify=False, **KEYS).close()
        ImageBuilder("us-west-2", verify=None, **KEYS).close()


WARNS = """
from imagebuilder_pager import ImageBuilder
for _ in range(3):
    ImageBuilder("us-west-2", verify=False, endpoint_url="https://127.0.0.1:9").close()
"""


def test_the_warning_is_shown_once() -> None:
    command = [sys.executable, "-c", WARNS]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stderr.count("InsecureRequestWarning: verify=False") == 1


def test_there_is_no_warning_where_there_is_no_tls() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ImageBuilder("us-west-2", verify=False, endpoint_url="http://127.0.0.1:9", **KEYS).close()
