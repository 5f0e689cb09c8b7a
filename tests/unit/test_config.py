"""Settings: the region, the profile and its files, proxies, and those that are not read."""

from pathlib import Path
from typing import Any

import botocore.configprovider
import botocore.exceptions
import botocore.session
import botocore.utils
import pytest
from hypothesis import given
from hypothesis import strategies as st

import imagebuilder_pager
from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager._aws.config.proxies import resolve_proxy
from imagebuilder_pager._aws.config.region import resolve_region
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.boto3_requests import boto3_call
from tests.fakes.clients import EXECUTION, list_page
from tests.fakes.clocks import FakeClock
from tests.fakes.services import RecordingService, http_client

pytestmark = pytest.mark.usefixtures("_no_settings")

# Regions


def region_of(name: Any = None, profile: str | None = None) -> str:
    return resolve_region(name, SharedConfig(profile))


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
        assert region_of(region) == region
        ours = True
    except exceptions.InvalidRegionError:
        ours = False
    assert ours == valid


def test_the_region_comes_from_the_argument_the_variables_and_the_profile(
    monkeypatch: pytest.MonkeyPatch, config_file: Path
) -> None:
    config_file.write_text("[default]\nregion=eu-west-1\n[profile other]\nregion=eu-west-2\n")
    assert region_of() == "eu-west-1"
    assert region_of(profile="other") == "eu-west-2"
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert region_of() == "eu-west-2"
    assert region_of(profile="default") == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert region_of() == region_of(profile="other") == "eu-west-3"
    monkeypatch.setenv("AWS_REGION", "")
    assert region_of() == "eu-west-3"
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert region_of() == region_of("") == "eu-north-1"
    assert region_of("eu-south-1") == "eu-south-1"
    for name, region in ((None, "eu-north-1"), ("eu-south-1", "eu-south-1")):
        with ImageBuilder(name, **LOCAL_CREDENTIALS) as client:
            assert client.region_name == region
            assert client.endpoint_url == f"https://imagebuilder.{region}.amazonaws.com"


def test_the_profile_may_be_in_the_credentials_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "credentials"
    path.write_text("[default]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    assert region_of() == botocore.session.Session().get_config_variable("region") == "eu-west-1"


@pytest.mark.parametrize("region", [None, ""])
def test_the_error_without_a_region_names_all_sources(region: str | None) -> None:
    with pytest.raises(exceptions.NoRegionError) as caught:
        region_of(region)
    assert type(caught.value) is exceptions.NoRegionError
    assert str(caught.value) == (
        "no region: looked at the argument region_name, at the environment variables AWS_REGION "
        "and AWS_DEFAULT_REGION, and at region in the profile 'default'"
    )


ALLOWED = "a region's name, such as us-west-2 (letters, digits and hyphens, at most 63)"


@pytest.mark.parametrize(
    "region",
    ["us west", "us-west-2/", "evil.test/", "us-west-2\n", "-us", "us-", "a" * 64, "ü", "a.b", 5],
)
def test_a_region_that_is_not_a_host_label_is_an_error(region: Any) -> None:
    with pytest.raises(exceptions.InvalidRegionError) as caught:
        ImageBuilder(region, **LOCAL_CREDENTIALS)
    assert str(caught.value) == f"region_name: {str(region)!r} given; allowed: {ALLOWED}"


@pytest.mark.parametrize("region", ["fips-us-gov-west-1", "us-gov-west-1-fips"])
def test_a_pseudo_region_is_an_error_that_names_the_region_to_use(region: str) -> None:
    with pytest.raises(
        exceptions.InvalidRegionError, match="use us-gov-west-1 with use_fips_endpoint"
    ):
        region_of(region)


def test_an_invalid_region_in_the_settings_is_an_error_with_its_source(
    monkeypatch: pytest.MonkeyPatch, config_file: Path
) -> None:
    config_file.write_text("[default]\nregion = eu west\n")
    with pytest.raises(exceptions.InvalidRegionError, match=r"^region of profile 'default': 'eu"):
        region_of()
    monkeypatch.setenv("AWS_REGION", "us.evil.test")
    with pytest.raises(exceptions.InvalidRegionError, match=r"^AWS_REGION: 'us\.evil\.test' "):
        region_of()


# Files


def test_an_unknown_profile_is_an_error(monkeypatch: pytest.MonkeyPatch, config_file: Path) -> None:
    config_file.write_text("[default]\nregion = eu-west-1\n")
    with pytest.raises(exceptions.ProfileNotFound, match="there is no profile 'nobody' in "):
        ImageBuilder("eu-west-1", profile_name="nobody", **LOCAL_CREDENTIALS)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(exceptions.ProfileNotFound):
        ImageBuilder("eu-west-1", **LOCAL_CREDENTIALS)


def test_without_a_home_directory_there_are_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a user that no passwd file has."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "HOME"):
        monkeypatch.delenv(name)

    def unknown(_: object) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert SharedConfig().get("AWS_REGION", key="region") is None


# Proxies

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
    shown = ours and f"{ours.scheme}://{ours.host}:{ours.port}"
    assert shown == proxies.get(url.partition(":")[0])


def test_a_netrc_does_not_take_the_place_of_the_signature(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    service = RecordingService()
    with http_client(service) as http:
        list_page(ImageBuilder("eu-west-1", http_client=http, **LOCAL_CREDENTIALS))
    authorization = service.request.headers["authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=local/")


# Settings of botocore that are not read, each tried and documented

PACKAGE = Path(imagebuilder_pager.__file__).parent
#: By its name in a profile: the variable, and a value with which boto3 does something else.
DIFFERENCE: dict[str, tuple[str | None, str]] = {
    "defaults_mode": ("AWS_DEFAULTS_MODE", "in-region"),
    "parameter_validation": (None, "false"),
    "tcp_keepalive": ("BOTOCORE_TCP_KEEPALIVE", "true"),
    "csm_enabled": ("AWS_CSM_ENABLED", "true"),
    "csm_host": ("AWS_CSM_HOST", "127.0.0.2"),
    "csm_port": ("AWS_CSM_PORT", "31001"),
    "csm_client_id": ("AWS_CSM_CLIENT_ID", "mine"),
    "data_path": ("AWS_DATA_PATH", "/nowhere"),
    "api_versions": (None, "\n  imagebuilder = 1999-01-01"),
    "ec2_metadata_v1_disabled": ("AWS_EC2_METADATA_V1_DISABLED", "true"),
    "proxy_ca_bundle": (None, "/nowhere.pem"),
    "proxy_client_cert": (None, "/nowhere.pem"),
    "proxy_use_forwarding_for_https": (None, "true"),
}
#: Those that make no difference to Image Builder in boto3, either.
NO_DIFFERENCE: dict[str, tuple[str | None, str]] = {
    "account_id_endpoint_mode": ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"),
    "auth_scheme_preference": ("AWS_AUTH_SCHEME_PREFERENCE", "sigv4a"),
    "disable_host_prefix_injection": ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true"),
    "disable_request_compression": ("AWS_DISABLE_REQUEST_COMPRESSION", "true"),
    "endpoint_discovery_enabled": ("AWS_ENDPOINT_DISCOVERY_ENABLED", "true"),
    "request_checksum_calculation": ("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"),
    "request_min_compression_size_bytes": ("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "1"),
    "response_checksum_validation": ("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required"),
    "s3_disable_express_session_auth": ("AWS_S3_DISABLE_EXPRESS_SESSION_AUTH", "true"),
    "sigv4a_signing_region_set": ("AWS_SIGV4A_SIGNING_REGION_SET", "*"),
}
NOT_READ = {**DIFFERENCE, **NO_DIFFERENCE}
#: By botocore's names: settings with another name here, or that name a file or a profile.
OTHERS = {"profile", "config_file", "credentials_file", "user_agent_appid"}


def behaviour() -> Any:
    """Return the settings of a client, and the request that it sends."""
    service = RecordingService()
    with http_client(service) as http:
        client = ImageBuilder("us-west-2", http_client=http, clock=FakeClock(), **LOCAL_CREDENTIALS)
        client.list_lifecycle_execution_resources(**EXECUTION)
        with pytest.raises(exceptions.ParamValidationError):
            client.list_lifecycle_execution_resources(**{**EXECUTION, "maxResults": "many"})
    request = service.request
    headers = dict(request.headers)
    del headers["amz-sdk-invocation-id"]
    config = client._rest.config._replace(clock=FakeClock())._asdict()
    del config["clock"]
    return config, request.method, request.url, headers, request.content


@pytest.mark.parametrize("key", NOT_READ)
def test_a_setting_that_is_not_read_makes_no_difference(
    key: str, config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable, value = NOT_READ[key]
    without = behaviour()
    config_file.write_text(f"[default]\n{key} = {value}\n")
    assert behaviour() == without
    if variable is not None:
        monkeypatch.setenv(variable, value)
        assert behaviour() == without


@pytest.mark.parametrize("key", NO_DIFFERENCE)
def test_a_setting_said_to_make_no_difference_in_boto3_makes_none(
    key: str, config_file: Path
) -> None:
    without = boto3_headers()
    config_file.write_text(f"[default]\n{key} = {NO_DIFFERENCE[key][1]}\n")
    assert boto3_headers() == without


def boto3_headers() -> dict[str, str]:
    """Return the headers of boto3's request, without those that differ each time."""
    (headers,) = boto3_call(lambda: (200, {}, {"imagePipelineList": []})).attempts
    for name in ("authorization", "x-amz-date", "amz-sdk-invocation-id"):
        del headers[name]
    parts = headers["user-agent"].split()
    headers["user-agent"] = " ".join(part for part in parts if not part.startswith("m/"))
    return headers


def test_the_comparison_sees_a_setting_that_is_read(config_file: Path) -> None:
    without = behaviour()
    for setting in ("sdk_ua_app_id = x", "max_attempts = 2", "use_fips_endpoint = true"):
        config_file.write_text(f"[default]\n{setting}\n")
        assert behaviour() != without, setting


def test_every_setting_of_botocore_is_read_or_among_those_that_are_not() -> None:
    source = "".join(file.read_text() for file in PACKAGE.rglob("*.py"))
    for name, (key, *_) in botocore.configprovider.BOTOCORE_DEFAUT_SESSION_VARIABLES.items():
        if name not in OTHERS:
            is_read = f'"{key}"' in source or name.startswith("metadata_service_")
            assert is_read != (key in NOT_READ), name
    assert botocore.configprovider.DEFAULT_PROXIES_CONFIG_VARS.keys() <= NOT_READ.keys()


@pytest.mark.parametrize("key", NOT_READ)
def test_a_setting_that_is_not_read_is_in_the_documents(key: str) -> None:
    page = (PACKAGE.parent / "docs" / "moving-from-boto3.md").read_text()
    assert f"`{key}`" in page.partition("## Clients")[0]
