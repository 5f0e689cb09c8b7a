"""Each row of docs/credentials.md is tried in a test, and each source of the chain has a row."""

import itertools
import re
from pathlib import Path

import pytest

from imagebuilder_pager._aws.clock import SYSTEM_CLOCK
from imagebuilder_pager._aws.config.shared_config import SharedConfig
from imagebuilder_pager._aws.config.tls import LazySSLContext
from imagebuilder_pager._aws.credentials.chain import _providers
from imagebuilder_pager._aws.identity import CredentialsContext

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "credentials.md").read_text()
ORDER = "test_the_order_of_the_providers_is_boto3s"
KINDS = "test_each_kind_of_profile_returns_boto3s_credentials"
GENERATED = "test_generated_profiles_have_boto3s_credentials"
#: By the first cell of a row: the tests of what it says.
TESTS_OF: dict[str, list[str]] = {
    "arguments": [
        "test_a_request_is_signed_with_the_credentials_of_the_arguments_or_the_environment",
        "test_incomplete_credentials_in_the_arguments_are_an_error",
    ],
    "environment variables": [ORDER, "test_the_environment_variables_are_those_of_botocore"],
    "assume role": [ORDER, KINDS, GENERATED],
    "web identity, as in EKS": [ORDER, KINDS, GENERATED],
    "SSO (IAM Identity Center)": [
        "test_a_token_is_renewed_or_used_as_by_boto3",
        "test_a_valid_token_is_used_when_renewing_fails_and_the_reason_is_logged",
    ],
    "shared credentials file": [ORDER, GENERATED],
    "`aws login`": ["test_the_cached_credentials_are_boto3s"],
    "credential process": [KINDS, GENERATED, "test_a_process_is_killed_after_its_timeout"],
    "config file": [ORDER, GENERATED],
    "container endpoint, as in ECS and EKS Pod Identity": [
        ORDER,
        "test_a_container_url_that_aws_does_not_allow_is_not_requested",
    ],
    "EC2 instance metadata": [ORDER, "test_instance_metadata_is_where_the_settings_say"],
    "files of older tools": ["test_the_files_of_older_tools_are_not_read"],
    "profile": ["test_the_older_profile_variable_comes_first_as_in_boto3"],
    "shared files": ["test_generated_files_are_read_as_botocore_reads_them"],
    "region": ["test_the_region_comes_from_the_argument_the_variables_and_the_profile"],
    "endpoint": ["test_an_endpoint_in_the_settings_is_boto3s"],
    "endpoint variants": ["test_a_variant_is_one_of_the_regions_endpoint_only_as_in_boto3"],
    "endpoint of STS": ["test_sts_has_boto3s_endpoint_and_signing_region_in_every_region"],
    "endpoints of SSO": ["test_the_endpoints_are_those_of_the_settings"],
    "certificates": [
        "test_certificates_are_those_of_boto3s_settings",
        "test_one_argument_is_for_all_connections_of_a_client",
    ],
    "proxies": [
        "test_proxies_are_those_of_boto3",
        "test_metadata_requests_do_not_go_through_a_proxy",
    ],
    "expirations": ["test_a_date_is_dateutils"],
}


def rows_below(heading: str) -> list[str]:
    """Return the first cells of the table below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n#")[0]
    return re.findall(r"^\| (.*?) \|", section, re.MULTILINE)[1:]


def test_each_row_is_tried() -> None:
    assert [*rows_below("The provider chain"), *rows_below("Settings")] == list(TESTS_OF)


def test_the_tests_of_a_row_exist() -> None:
    source = "".join(file.read_text() for file in TESTS.glob("*/test_*.py"))
    for name in itertools.chain(*TESTS_OF.values()):
        assert f"def {name}(" in source, name


@pytest.mark.usefixtures("_no_settings")
def test_the_sources_are_those_of_the_chain_in_its_order() -> None:
    providers = _providers(
        CredentialsContext(SharedConfig(), "us-west-2", LazySSLContext(), SYSTEM_CLOCK)
    )
    rows = [row.strip("`").partition(",")[0] for row in rows_below("The provider chain")]
    sources = [row.removesuffix(" (IAM Identity Center)") for row in rows]
    assert sources == ["arguments", *(one.name for one in providers), "files of older tools"]


def test_the_page_is_two_screens() -> None:
    assert len(PAGE.splitlines()) <= 100
