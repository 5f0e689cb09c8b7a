"""Settings: the region, the shared files, certificates and proxies."""

import ssl
from pathlib import Path
from typing import Any

import botocore.awsrequest
import botocore.config
import botocore.endpoint_provider
import botocore.exceptions
import botocore.loaders
import botocore.session
import botocore.utils
import certifi
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager._aws.config.proxies import resolve_proxy
from imagebuilder_pager._aws.config.region import resolve_region
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from imagebuilder_pager._aws.config.tls import LazySSLContext

pytestmark = [
    pytest.mark.usefixtures("_no_settings"),
    # Most of these clients do not verify, since certificates take their time to load.
    pytest.mark.filterwarnings("ignore::imagebuilder_pager.exceptions.InsecureRequestWarning"),
]

EXECUTION_ID = "lce-12345678-1234-1234-1234-123456789012"
KEYS: dict[str, Any] = {"aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}


def url_of(**arguments: Any) -> str:
    with ImageBuilder(**{"verify": False, **KEYS, **arguments}) as client:
        return client.endpoint_url


# Regions


@given(st.from_regex(r"[a-zA-Z0-9\-._/ \n]{1,66}", fullmatch=True))
def test_the_regions_that_botocore_accepts_are_valid(region: str) -> None:
    if "fips" in region:
        return
    try:
        botocore.utils.validate_region_name(region)
        valid = not region.endswith("\n")  # botocore's $ overlooks a last line break
    except botocore.exceptions.InvalidRegionError:
        valid = False
    try:
        assert resolve_region(region, SharedConfig()) == region
        ours = True
    except exceptions.InvalidRegionError:
        ours = False
    assert ours == valid


@pytest.mark.parametrize("region", ["fips-us-gov-west-1", "us-gov-west-1-fips"])
def test_a_pseudo_region_is_an_error_that_names_the_region_to_use(region: str) -> None:
    with pytest.raises(
        exceptions.InvalidRegionError, match="use us-gov-west-1 with use_fips_endpoint"
    ):
        ImageBuilder(region, **KEYS)


def test_the_region_comes_from_the_argument_the_variables_and_the_profile(
    monkeypatch: pytest.MonkeyPatch, config_file: Path
) -> None:
    config_file.write_text("[default]\nregion=eu-west-1\n[profile other]\nregion=eu-west-2\n")

    def region(name: str | None = None, profile: str | None = None) -> str:
        with ImageBuilder(name, profile_name=profile, verify=False, **KEYS) as client:
            return client.region_name

    assert region() == "eu-west-1"
    assert region(profile="other") == "eu-west-2"
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert region() == "eu-west-2"
    assert region(profile="default") == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert region() == region(profile="other") == "eu-west-3"
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert region() == "eu-north-1"
    assert region("eu-south-1") == "eu-south-1"


def test_an_invalid_region_of_a_profile_is_an_error_with_its_source(config_file: Path) -> None:
    config_file.write_text("[default]\nregion = eu west\n")
    with pytest.raises(exceptions.InvalidRegionError, match=r"^region of profile 'default': 'eu"):
        ImageBuilder(**KEYS)


def test_the_profile_may_be_in_the_credentials_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "credentials"
    path.write_text("[default]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    with ImageBuilder(**KEYS) as client:
        assert client.region_name == "eu-west-1"
    assert botocore.session.Session().get_config_variable("region") == "eu-west-1"


# Files


def test_an_unknown_profile_is_an_error(monkeypatch: pytest.MonkeyPatch, config_file: Path) -> None:
    config_file.write_text("[default]\nregion = eu-west-1\n")
    with pytest.raises(exceptions.ProfileNotFound, match="there is no profile 'nobody' in "):
        ImageBuilder("eu-west-1", profile_name="nobody", **KEYS)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(exceptions.ProfileNotFound):
        ImageBuilder("eu-west-1", **KEYS)


def test_a_file_that_cannot_be_parsed_is_an_error_that_shows_none_of_it(config_file: Path) -> None:
    config_file.write_text("[default]\naws_secret_access_key wJalrXUtnFEMI\n")
    with pytest.raises(exceptions.InvalidConfigError) as caught:
        ImageBuilder("eu-west-1", **KEYS)
    assert str(config_file) in str(caught.value)
    assert "wJalr" not in str(caught.value)
    assert caught.value.__context__ is None


def test_without_a_home_directory_there_are_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user is in no passwd file."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "HOME"):
        monkeypatch.delenv(name)

    def unknown(_: object) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert url_of(region_name="eu-west-1") == "https://imagebuilder.eu-west-1.amazonaws.com"


# TLS and proxies


def bundles_of(monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> list[str]:
    """The paths of the bundles that a client loads."""
    made: list[str] = []
    create = ssl.create_default_context

    def recorded(*, cafile: str | None = None, capath: str | None = None) -> ssl.SSLContext:
        made.append(cafile or capath or "")
        return create(cafile=certifi.where())

    with monkeypatch.context() as patch:
        patch.setattr(ssl, "create_default_context", recorded)
        url_of(**{"region_name": "eu-west-1", "verify": None, **arguments})
    return [path for path in made if path != certifi.where()]


def test_certificates_are_those_of_boto3s_settings(
    monkeypatch: pytest.MonkeyPatch, config_file: Path, tmp_path: Path
) -> None:
    assert bundles_of(monkeypatch) == []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/requests.pem")
    assert bundles_of(monkeypatch) == ["/requests.pem"]
    config_file.write_text("[default]\nca_bundle = /profile.pem\n")
    assert bundles_of(monkeypatch) == ["/profile.pem"]
    monkeypatch.setenv("AWS_CA_BUNDLE", "/variable.pem")
    assert bundles_of(monkeypatch) == ["/variable.pem"]
    assert bundles_of(monkeypatch, verify="/argument.pem") == ["/argument.pem"]
    assert bundles_of(monkeypatch, verify=str(tmp_path)) == [str(tmp_path)]
    assert bundles_of(monkeypatch, verify=True) == []
    assert bundles_of(monkeypatch, verify=False) == []


def transport_options(
    monkeypatch: pytest.MonkeyPatch, url: str = "https://host.test", **arguments: Any
) -> dict[str, Any]:
    """Return the options of the httpx transport that a client sends a request with."""
    options: list[dict[str, Any]] = []

    class RecordingTransport(httpx.HTTPTransport):
        def __init__(self, **given: Any) -> None:
            options.append(given)
            super().__init__(**given)

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json={"resources": []})

    with monkeypatch.context() as patch:
        patch.setattr(httpx, "HTTPTransport", RecordingTransport)
        with ImageBuilder("eu-west-1", endpoint_url=url, **arguments, **KEYS) as client:
            client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    (found,) = options
    return found


def test_a_clients_connections_are_verified_as_the_argument_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert transport_options(monkeypatch)["verify"].verify_mode == ssl.CERT_REQUIRED
    assert transport_options(monkeypatch, verify=False)["verify"].verify_mode == ssl.CERT_NONE
    context = ssl.create_default_context()
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: context)
    assert transport_options(monkeypatch, verify="/some.pem")["verify"] is context


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("variable", [None, "SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_the_default_certificates_are_those_of_httpx(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str | None, verified: bool
) -> None:
    if variable is not None:
        bundle = tmp_path / "bundle.pem"
        bundle.write_text((Path(__file__).parent / "localhost.pem").read_text())
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
            url_of(region_name="eu-west-1", verify=None)
        assert path in str(e.value)
    with pytest.raises(exceptions.ParamValidationError, match=r"verify: 5 \(int\) given"):
        ImageBuilder("eu-west-1", verify=5, **KEYS)  # type: ignore[arg-type]
    with (
        httpx.Client() as http,
        pytest.raises(exceptions.ParamValidationError, match="which has its own"),
    ):
        ImageBuilder("eu-west-1", verify=True, http_client=http, **KEYS)


HOSTS = [
    "https://imagebuilder.eu-west-1.amazonaws.com",
    "https://amazonaws.com",
    "https://notamazonaws.com",
    "http://127.0.0.1:4566",
    "http://localhost:4566",
]


@pytest.mark.parametrize("url", HOSTS)
@pytest.mark.parametrize(
    "no_proxy",
    ["", "amazonaws.com", ".amazonaws.com", "*", "127.0.0.1", "localhost", "a.test, 127.0.0.1"],
)
def test_proxies_are_those_of_boto3(
    monkeypatch: pytest.MonkeyPatch, url: str, no_proxy: str
) -> None:
    """Each scheme has its own, except for the hosts in NO_PROXY."""
    for name in ("http", "https"):
        monkeypatch.setenv(f"{name.upper()}_PROXY", f"http://{name}-proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    proxies: Any = botocore.utils.get_environ_proxies(url)
    ours = resolve_proxy(url)
    assert (ours and ours.url) == proxies.get(url.partition(":")[0])


def test_a_netrc_does_not_take_the_place_of_the_signature(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"resources": []})

    with httpx.Client(transport=httpx.MockTransport(answer), trust_env=True) as http:
        client = ImageBuilder("eu-west-1", http_client=http, **KEYS)
        client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    assert sent[0].headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
