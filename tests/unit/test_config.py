"""Regions and endpoints: boto3's in every region that botocore knows, and where they come from."""

import itertools
import os
import re
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
from imagebuilder_pager.aws.config.endpoints import ServiceMetadata, build_regional_endpoint
from imagebuilder_pager.aws.config.region import resolve_region
from imagebuilder_pager.aws.config.shared_config import SharedConfig
from imagebuilder_pager.aws.config.tls import LazySSLContext
from imagebuilder_pager.aws.credentials.sts import sts_endpoint

KEYS: dict[str, Any] = {"aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
IMAGEBUILDER = ServiceMetadata("imagebuilder", fips_partitions=frozenset({"aws-us-gov"}))
FOUR = list(itertools.product([False, True], repeat=2))
LOADER = botocore.loaders.Loader()  # one for all sessions, since it keeps what it has read


def session_of(profile: str | None = None) -> botocore.session.Session:
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", LOADER)
    session.set_credentials("AKID", "secret")
    return session


def rules() -> botocore.endpoint_provider.EndpointProvider:
    description: Any = LOADER.load_service_model("imagebuilder", "endpoint-rule-set-1")
    partitions: Any = LOADER.load_data("partitions")
    return botocore.endpoint_provider.EndpointProvider(description, partitions)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("AWS_", "SSL_", "REQUESTS_")) or name.upper().endswith(
            "_PROXY"
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    return path


@pytest.fixture(scope="module")
def session() -> botocore.session.Session:
    return session_of()


@pytest.fixture(scope="module")
def regions(session: botocore.session.Session) -> list[str]:
    """All that botocore knows, and ones that there may be some day."""
    known = set()
    for partition in session.get_available_partitions():
        for service in ("imagebuilder", "ec2", "sts", "s3"):
            known.update(session.get_available_regions(service, partition))
    partitions: Any = LOADER.load_data("partitions")
    for partition in partitions["partitions"]:
        known.update(partition["regions"])
    made_up = ["us-north-7", "mx-west-12", "cn-east-9", "us-gov-north-3", "us-iso-south-2"]
    made_up += ["us-isob-south-4", "eu-isoe-north-2", "us-isof-west-3", "eusc-de-west-2"]
    made_up += ["local", "us-east", "xx-west-1", "US-EAST-1", "eusc-fr-west-1", "cn", "us-gov-1"]
    assert len(known) > 40
    return [*sorted(known), *made_up]


class Caught(Exception):
    pass


def boto3_url(
    session: botocore.session.Session, service: str, region: str, **config: Any
) -> tuple[str, str] | None:
    """Where a client sends its request, and the region it signs for; None if it refuses."""
    try:
        client: Any = session.create_client(
            service,
            region_name=region,
            verify=False,  # nothing is sent, and certificates take their time to load
            config=botocore.config.Config(retries={"total_max_attempts": 1}, **config),
        )
    except botocore.exceptions.EndpointVariantError:
        return None
    sent: list[botocore.awsrequest.AWSPreparedRequest] = []

    def catch(request: Any, **_: Any) -> None:
        sent.append(request)
        raise Caught

    client.meta.events.register(f"before-send.{service}.*", catch)
    try:
        if service == "sts":
            client.get_caller_identity()
        else:
            client.list_image_pipelines()
    except Caught:
        pass
    except botocore.exceptions.BotoCoreError:
        return None
    (request,) = sent
    authorization: Any = request.headers["Authorization"]
    scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/", authorization.decode())
    assert scope is not None
    return "/".join(request.url.split("/")[:3]), scope[1]


def our_url(region: str, fips: bool, dual_stack: bool) -> str | None:
    try:
        return build_regional_endpoint(
            IMAGEBUILDER, region, use_fips=fips, use_dual_stack=dual_stack
        )
    except exceptions.InvalidEndpointError:
        return None


@pytest.mark.parametrize(("fips", "dual_stack"), FOUR)
def test_every_region_has_the_endpoint_of_boto3s_rules(
    regions: list[str], session: botocore.session.Session, fips: bool, dual_stack: bool
) -> None:
    """By botocore's rule set, but where its clients refuse before they come to it."""
    provider = rules()
    refused = set()
    for region in regions:
        if region.endswith("-global") and dual_stack:
            continue  # no region, and nothing that boto3 has an address for
        url = our_url(region, fips, dual_stack)
        if url is None:
            refused.add(region)
            variant: Any = {"use_fips_endpoint": fips, "use_dualstack_endpoint": dual_stack}
            assert boto3_url(session, "imagebuilder", region, **variant) is None, region
            continue
        theirs = provider.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack)
        assert url == theirs.url, region
    assert {region[:7] for region in refused} == ({"eu-isoe", "us-isof"} if dual_stack else set())


@pytest.mark.parametrize(("fips", "dual_stack"), FOUR)
@pytest.mark.parametrize(
    "region",
    [
        *("us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1"),
        *("us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1", "us-north-7"),
    ],
)
def test_a_client_has_boto3s_endpoint(
    session: botocore.session.Session, region: str, fips: bool, dual_stack: bool
) -> None:
    theirs = boto3_url(
        session,
        "imagebuilder",
        region,
        use_fips_endpoint=fips,
        use_dualstack_endpoint=dual_stack,
    )
    arguments: dict[str, Any] = {
        "use_fips_endpoint": fips,
        "use_dualstack_endpoint": dual_stack,
        **KEYS,
    }
    if theirs is None:
        with pytest.raises(
            exceptions.InvalidEndpointError, match=f"dual-stack endpoints in {region}"
        ):
            ImageBuilder(region, **arguments)
        return
    with ImageBuilder(region, **arguments) as client:
        assert client.region_name == region
        assert (client.endpoint_url, client.region_name) == theirs


def test_a_service_without_fips_partitions_has_its_fips_name_in_govcloud() -> None:
    url = build_regional_endpoint(ServiceMetadata("thing"), "us-gov-west-1", use_fips=True)
    assert url == "https://thing-fips.us-gov-west-1.amazonaws.com"


@pytest.mark.parametrize("mode", ["regional", "legacy"])
def test_sts_has_boto3s_endpoint_and_signing_region_everywhere(
    regions: list[str], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", mode)
    session = session_of()
    legacy = 0
    for region in regions:
        if region.endswith("-global") or region in {"local", "US-EAST-1"}:
            continue
        ours = sts_endpoint(region, SharedConfig())
        # Clients are slow to make: one for each region that legacy mode knows, and a few others.
        if mode == "legacy" or region.endswith("-1"):
            assert ours == boto3_url(session, "sts", region), region
        legacy += ours[0] == "https://sts.amazonaws.com"
    assert legacy == (15 if mode == "legacy" else 0)


@pytest.mark.parametrize("variable", ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"])
def test_legacy_sts_is_for_plain_endpoints(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    monkeypatch.setenv(variable, "TRUE")
    session = session_of()
    assert sts_endpoint("us-east-1", SharedConfig()) == boto3_url(session, "sts", "us-east-1")


def test_an_sts_mode_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "global")
    with pytest.raises(exceptions.InvalidConfigError, match="allowed: regional, legacy"):
        sts_endpoint("us-east-1", SharedConfig())


# Regions


@given(st.from_regex(r"[a-zA-Z0-9\-._/ \n]{1,66}", fullmatch=True))
def test_a_region_is_refused_as_by_botocore(region: str) -> None:
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
def test_a_pseudo_region_is_refused_with_what_to_write(region: str) -> None:
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


def test_a_bad_region_of_a_profile_says_where_it_is(config_file: Path) -> None:
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


# Endpoints of one's own

CONFIG = """
[default]
region = eu-west-1
{default}
[profile other]
region = eu-west-1
endpoint_url = https://other.test
services = mine
[services mine]
imagebuilder =
  endpoint_url = https://section.test/base
sts =
  endpoint_url = https://sts.test
"""


def url_of(**arguments: Any) -> str:
    with ImageBuilder(**{"verify": False, **KEYS, **arguments}) as client:
        return client.endpoint_url


def boto3_endpoint(profile: str | None = None) -> str:
    client = session_of(profile).create_client("imagebuilder", verify=False)
    url: str = client.meta.endpoint_url
    return url


@pytest.mark.parametrize("profile", [None, "other"])
@pytest.mark.parametrize("default", ["", "endpoint_url=https://default.test", "services = mine"])
@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"AWS_ENDPOINT_URL": "https://all.test"},
        {"AWS_ENDPOINT_URL_IMAGEBUILDER": "https://service.test"},
        {
            "AWS_ENDPOINT_URL": "https://all.test",
            "AWS_ENDPOINT_URL_IMAGEBUILDER": "https://service.test",
        },
        {"AWS_ENDPOINT_URL_STS": "https://sts.test"},
        {"AWS_ENDPOINT_URL": "https://all.test", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        {"AWS_ENDPOINT_URL": "https://all.test", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "1"},
    ],
)
def test_an_endpoint_in_the_settings_is_boto3s(
    monkeypatch: pytest.MonkeyPatch,
    config_file: Path,
    variables: dict[str, str],
    default: str,
    profile: str | None,
) -> None:
    config_file.write_text(CONFIG.format(default=default))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert url_of(profile_name=profile) == boto3_endpoint(profile)
    assert url_of(profile_name=profile, endpoint_url="https://arg.test/") == "https://arg.test"


def test_the_profile_can_say_that_endpoints_are_ignored(config_file: Path) -> None:
    config_file.write_text(
        CONFIG.format(default="services = mine\nignore_configured_endpoint_urls = True")
    )
    assert url_of() == boto3_endpoint() == "https://imagebuilder.eu-west-1.amazonaws.com"


def test_a_services_section_that_there_is_not_is_refused(config_file: Path) -> None:
    config_file.write_text("[default]\nregion = eu-west-1\nservices = nowhere\n")
    with pytest.raises(
        exceptions.InvalidConfigError, match=r"\[services nowhere\], which is not in"
    ):
        url_of()


def test_a_bad_url_in_the_settings_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://name:pw@host.test")
    with pytest.raises(exceptions.InvalidEndpointError, match=r"^AWS_ENDPOINT_URL: ") as caught:
        url_of(region_name="eu-west-1")
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("option", ["use_fips_endpoint", "use_dualstack_endpoint"])
@pytest.mark.parametrize("where", ["argument", "variable", "profile"])
@pytest.mark.parametrize("own", ["argument", "variable"])
def test_variants_cannot_be_combined_with_an_endpoint_of_ones_own(
    monkeypatch: pytest.MonkeyPatch, config_file: Path, option: str, where: str, own: str
) -> None:
    """botocore's rule set refuses it as well, when a request is made."""
    config_file.write_text(f"[default]\n{option} = {str(where == 'profile').lower()}\n")
    if where == "variable":
        monkeypatch.setenv(f"AWS_{option.upper()}", "true")
    arguments: dict[str, Any] = {option: True} if where == "argument" else {}
    if own == "variable":
        monkeypatch.setenv("AWS_ENDPOINT_URL", "https://host.test")
    else:
        arguments["endpoint_url"] = "https://host.test"
    with pytest.raises(
        exceptions.InvalidEndpointError, match=f"^{option} cannot be combined"
    ) as caught:
        url_of(region_name="eu-west-1", **arguments)
    assert ("AWS_ENDPOINT_URL" if own == "variable" else "endpoint_url") in str(caught.value)
    with pytest.raises(botocore.exceptions.EndpointProviderError, match="custom endpoint"):
        rules().resolve_endpoint(
            Region="eu-west-1",
            Endpoint="https://host.test",
            UseFIPS="fips" in option,
            UseDualStack="dual" in option,
        )


def test_an_argument_switches_a_variant_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    fips, plain = "https://imagebuilder-fips", "https://imagebuilder"
    assert url_of(region_name="us-east-1") == f"{fips}.us-east-1.amazonaws.com"
    assert (
        url_of(region_name="us-east-1", use_fips_endpoint=False)
        == f"{plain}.us-east-1.amazonaws.com"
    )


# Files


def test_a_profile_that_there_is_not_is_an_error(
    monkeypatch: pytest.MonkeyPatch, config_file: Path
) -> None:
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


def test_the_clients_connections_are_verified_as_was_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def context(**arguments: Any) -> ssl.SSLContext:
        with ImageBuilder("eu-west-1", **arguments, **KEYS) as client:
            assert client._own is not None
            transport: Any = client._own._transports.acquire()
            found: ssl.SSLContext = transport._pool._ssl_context
            return found

    assert context().verify_mode == ssl.CERT_REQUIRED
    assert context(verify=False).verify_mode == ssl.CERT_NONE
    chosen = ssl.create_default_context()
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: chosen)
    assert context(verify="/some.pem") is chosen


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("variable", [None, "SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_the_usual_certificates_are_those_of_httpx(
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
    with pytest.raises(exceptions.ParamValidationError, match="verify: 5 given"):
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
    """For each scheme its own, but not for what NO_PROXY names."""
    for name in ("http", "https"):
        monkeypatch.setenv(f"{name.upper()}_PROXY", f"http://{name}-proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    proxies: Any = botocore.utils.get_environ_proxies(url)
    theirs = proxies.get(url.partition(":")[0])
    with ImageBuilder("eu-west-1", endpoint_url=url, verify=False, **KEYS) as client:
        assert client._own is not None
        transport: Any = client._own._transports.acquire()
    pool: Any = transport._pool
    proxy = getattr(pool, "_proxy_url", None)
    ours = proxy and f"{proxy.scheme.decode()}://{proxy.host.decode()}:{proxy.port}"
    assert ours == theirs


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
        return httpx.Response(200, json={})

    with httpx.Client(transport=httpx.MockTransport(answer), trust_env=True) as http:
        client = ImageBuilder("eu-west-1", http_client=http, **KEYS)
        client.list_lifecycle_execution_resources(
            lifecycleExecutionId="lce-12345678-1234-1234-1234-123456789012"
        )
    assert sent[0].headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
