"""The endpoints are boto3's: in every region that botocore knows, and from the settings."""

import itertools
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import botocore.config
import botocore.session
import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager._aws.config.endpoints import ServiceMetadata, build_regional_endpoint
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from imagebuilder_pager._aws.credentials.sso_calls import OIDC, PORTAL
from imagebuilder_pager._aws.credentials.sts import sts_endpoint
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.boto3_endpoints import (
    LOADER,
    boto3_endpoint,
    boto3_url,
    caught_request,
    endpoint_rules,
    make_session,
)
from tests.fakes.clients import EXECUTION, list_page
from tests.fakes.connections import page_response
from tests.fakes.transports import LOCALHOST_CERTIFICATE, Serve

pytestmark = [
    pytest.mark.usefixtures("_no_settings"),
    # These clients do not verify, since certificates are slow to load.
    pytest.mark.filterwarnings("ignore::imagebuilder_pager.exceptions.InsecureRequestWarning"),
]

IMAGEBUILDER = ServiceMetadata("imagebuilder", fips_partitions=frozenset({"aws-us-gov"}))
OWN = "https://host.test"
FOUR = list(itertools.product([False, True], repeat=2))


def url_of(**arguments: Any) -> str:
    with ImageBuilder(**{"verify": False, **LOCAL_CREDENTIALS, **arguments}) as client:
        return client.endpoint_url


@pytest.fixture(scope="module")
def session() -> botocore.session.Session:
    return make_session()


@pytest.fixture(scope="module")
def regions(session: botocore.session.Session) -> list[str]:
    """All regions of botocore, and made-up ones."""
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


@pytest.mark.parametrize(("fips", "dual_stack"), FOUR)
def test_every_region_has_the_endpoint_of_boto3s_rules(
    regions: list[str], session: botocore.session.Session, fips: bool, dual_stack: bool
) -> None:
    """By botocore's rule set, but where its clients refuse before they come to it."""
    provider = endpoint_rules(IMAGEBUILDER.name)
    refused = set()
    for region in regions:
        if region.endswith("-global") and dual_stack:
            continue  # no region, and nothing that boto3 has an address for
        try:
            url = build_regional_endpoint(
                IMAGEBUILDER, region, use_fips=fips, use_dual_stack=dual_stack
            )
        except exceptions.InvalidEndpointError:
            refused.add(region)
            variant: Any = {"use_fips_endpoint": fips, "use_dualstack_endpoint": dual_stack}
            assert boto3_url(session, "imagebuilder", region, **variant) is None, region
            continue
        theirs = provider.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack)
        assert url == theirs.url, region
    assert {region[:7] for region in refused} == ({"eu-isoe", "us-isof"} if dual_stack else set())


@pytest.mark.parametrize(("fips", "dual_stack"), FOUR)
@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1", "us-isof-south-1"])
def test_a_client_has_boto3s_endpoint(
    session: botocore.session.Session, region: str, fips: bool, dual_stack: bool
) -> None:
    variant: Any = {"use_fips_endpoint": fips, "use_dualstack_endpoint": dual_stack}
    theirs = boto3_url(session, "imagebuilder", region, **variant)
    if theirs is not None:
        assert (url_of(region_name=region, **variant), region) == theirs
        return
    with pytest.raises(exceptions.InvalidEndpointError, match=f"dual-stack endpoints in {region}"):
        url_of(region_name=region, **variant)


@pytest.mark.parametrize(("fips", "dual_stack"), FOUR)
@pytest.mark.parametrize("service", [PORTAL, OIDC], ids=lambda service: service.name)
def test_the_services_of_sso_have_the_endpoints_of_boto3s_rules(
    regions: list[str], service: ServiceMetadata, fips: bool, dual_stack: bool
) -> None:
    rules = endpoint_rules(service.name)
    for region in regions:
        if dual_stack and re.search("-global|isoe-|isof-", region):
            continue  # as for Image Builder
        url = build_regional_endpoint(service, region, use_fips=fips, use_dual_stack=dual_stack)
        theirs = rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack)
        assert url == theirs.url, region


def test_a_service_without_fips_partitions_has_its_fips_name_in_govcloud() -> None:
    url = build_regional_endpoint(ServiceMetadata("thing"), "us-gov-west-1", use_fips=True)
    assert url == "https://thing-fips.us-gov-west-1.amazonaws.com"


@pytest.mark.parametrize("mode", ["regional", "legacy"])
def test_sts_has_boto3s_endpoint_and_signing_region_in_every_region(
    regions: list[str], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", mode)
    session = make_session()
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


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_USE_FIPS_ENDPOINT", "TRUE"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
        ("AWS_ENDPOINT_URL_STS", "https://sts.us-east-1.amazonaws.com"),
    ],
)
def test_the_legacy_mode_of_sts_has_no_effect_on_variants_and_custom_endpoints(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    monkeypatch.setenv(variable, value)
    theirs = boto3_url(make_session(), "sts", "us-east-1")
    assert sts_endpoint("us-east-1", SharedConfig()) == theirs


def test_an_unknown_sts_mode_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "global")
    with pytest.raises(exceptions.InvalidConfigError, match="allowed: regional, legacy"):
        sts_endpoint("us-east-1", SharedConfig())


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


@pytest.mark.parametrize("profile", [None, "other"])
@pytest.mark.parametrize(
    "default",
    [
        "",
        "endpoint_url=https://default.test",
        "services = mine",
        "services = mine\nignore_configured_endpoint_urls = True",
    ],
)
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


def test_a_missing_services_section_is_an_error(config_file: Path) -> None:
    config_file.write_text("[default]\nregion = eu-west-1\nservices = nowhere\n")
    with pytest.raises(
        exceptions.InvalidConfigError, match=r"\[services nowhere\], which is not in"
    ):
        url_of()


@pytest.mark.parametrize("option", ["use_fips_endpoint", "use_dualstack_endpoint"])
@pytest.mark.parametrize("own", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_{}", "profile", "ignored"])
@pytest.mark.parametrize("service", ["imagebuilder", "sts"])
def test_a_variant_is_one_of_the_regions_endpoint_only_as_in_boto3(
    monkeypatch: pytest.MonkeyPatch, config_file: Path, service: str, own: str, option: str
) -> None:
    text = f"[default]\nregion = eu-west-1\n{option} = true\n"
    config_file.write_text(text + (f"endpoint_url = {OWN}\n" if own == "profile" else ""))
    if own == "ignored":
        monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    if own != "profile":
        variable = own if own.startswith("AWS_") else "AWS_ENDPOINT_URL"
        monkeypatch.setenv(variable.format(service.upper()), OWN)
    ours = url_of() if service == "imagebuilder" else sts_endpoint("eu-west-1", SharedConfig())[0]
    assert boto3_url(make_session(), service, "eu-west-1") == (ours, "eu-west-1")
    assert (ours == OWN) == (own != "ignored")


@pytest.mark.parametrize("option", ["use_fips_endpoint", "use_dualstack_endpoint"])
def test_the_argument_endpoint_url_has_no_variant_as_in_boto3(option: str) -> None:
    variant: Any = {option: True}
    assert url_of(region_name="eu-west-1", endpoint_url=OWN, **variant) == OWN
    client = make_session().create_client(
        "imagebuilder",
        "eu-west-1",
        endpoint_url=OWN,
        verify=False,
        config=botocore.config.Config(**variant),
    )
    assert caught_request(client, "list_image_pipelines").url.startswith(f"{OWN}/")


def test_an_argument_switches_a_variant_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    with_fips, without = url_of(region_name="r"), url_of(region_name="r", use_fips_endpoint=False)
    assert with_fips == "https://imagebuilder-fips.r.amazonaws.com"
    assert without == "https://imagebuilder.r.amazonaws.com"


# The argument endpoint_url


ALLOWED = "allowed: http:// or https://, a host and, where needed, a port and a path"


@pytest.mark.parametrize(
    "url",
    [
        *("", "127.0.0.1:8080", "localhost", "ftp://127.0.0.1"),  # another scheme, or none
        *("https://", "https:///path", "http://[::1", "http://a b", "http://a\n"),  # no host
        *("http://127.0.0.1:99999", "http://127.0.0.1:0", "http://127.0.0.1:port", "http://a/\x7f"),
        *("http://a..b", "http://..", f"http://{'a' * 64}", "http://xn--/"),  # no labels
        *("http://\N{SNOWMAN}", "http://999.1.1.1"),
        *(5, b"http://127.0.0.1", ["http://127.0.0.1"]),
    ],
)
def test_an_endpoint_that_is_not_a_url_is_an_error(url: Any) -> None:
    with pytest.raises(exceptions.InvalidEndpointError) as caught:
        url_of(region_name="us-west-2", endpoint_url=url)
    assert str(caught.value) == f"endpoint_url: {str(url)!r} given; {ALLOWED}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:sesame@a.test", "https://...@a.test"),
        ("https://user@a.test/path", "https://...@a.test/path"),
        ("https://@a.test", "https://...@a.test"),
        ("https://a.test?x=1", "https://a.test?x=1"),
        ("https://a.test/?", "https://a.test/?"),
        ("https://a.test/#part", "https://a.test/#part"),
        ("https://a.test#", "https://a.test#"),
    ],
)
def test_an_endpoint_with_a_user_a_query_or_a_fragment_is_an_error(url: str, shown: str) -> None:
    with pytest.raises(exceptions.InvalidEndpointError) as caught:
        url_of(region_name="us-west-2", endpoint_url=url)
    assert str(caught.value) == (
        f"endpoint_url: {shown!r} given; a user name, a password, a query or a fragment cannot be "
        "part of it"
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://a.test.", "https://a.test"),
        ("https://a.test.:8443/base/", "https://a.test:8443/base"),
    ],
)
def test_a_final_dot_of_the_host_is_dropped(given: str, kept: str) -> None:
    assert url_of(region_name="us-west-2", endpoint_url=given) == kept


def test_a_host_with_a_final_dot_is_reached_as_by_boto3(
    serve: Serve, localhost_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate is for the host without the dot, and so is the header."""
    response = page_response("r-1")
    server = serve([response], [response], context=localhost_context)
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        "socket.getaddrinfo", lambda _, *rest, **kw: resolve("127.0.0.1", *rest, **kw)
    )
    arguments: Any = {"endpoint_url": f"https://127.0.0.1.:{server.port}"}
    arguments["verify"] = str(LOCALHOST_CERTIFICATE)
    theirs: Any = make_session().create_client("imagebuilder", "us-west-2", **arguments)
    theirs.list_lifecycle_execution_resources(**EXECUTION)
    with ImageBuilder("us-west-2", **arguments, **LOCAL_CREDENTIALS) as client:
        list_page(client)
    assert len(server.requests) == 2
    for request in server.requests:
        assert f"\r\nhost: 127.0.0.1:{server.port}\r\n" in request.decode().lower()
