"""Settings: the region, the profile and its files, and proxies."""

from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.session
import botocore.utils
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager._aws.config.proxies import resolve_proxy
from imagebuilder_pager._aws.config.region import resolve_region
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.clients import list_page
from tests.fakes.services import RecordingService

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
    with httpx.Client(transport=httpx.MockTransport(service), trust_env=True) as http:
        list_page(ImageBuilder("eu-west-1", http_client=http, **LOCAL_CREDENTIALS))
    authorization = service.request.headers["authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=local/")
