"""Each row of docs/credentials.md is tried in a test, and each source of the chain has a row."""

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
CHAIN, CONFIG = "integration/test_provider_chain.py", "unit/test_config.py"
ORDER = f"{CHAIN}::test_the_order_of_the_providers_is_boto3s"
KINDS = f"{CHAIN}::test_each_kind_of_profile_returns_boto3s_credentials"
GENERATED = (
    "integration/test_profiles_against_boto3.py::test_generated_profiles_have_boto3s_credentials"
)
UNUSABLE = f"{CHAIN}::test_a_profile_without_usable_credentials_is_an_error_that_says_why"
EMPTY_KEY = f"{CHAIN}::test_an_empty_key_is_an_error_and_not_a_credential"
METADATA = "integration/test_metadata_endpoints.py"
SSO, LOGIN = "integration/test_sso.py", "integration/test_login_session.py"
#: By the first cell of a row: the tests of what it says.
TESTS_OF: dict[str, list[str]] = {
    "arguments": [
        "unit/test_credentials.py::"
        "test_a_request_is_signed_with_the_credentials_of_the_arguments_or_the_environment",
        "unit/test_credentials.py::test_incomplete_credentials_in_the_arguments_are_an_error",
    ],
    "environment variables": [
        ORDER,
        "unit/test_credentials.py::test_the_environment_variables_are_those_of_botocore",
        f"{CHAIN}::test_an_explicit_profile_takes_precedence_over_the_environment",
    ],
    "assume role": [ORDER, KINDS, GENERATED, UNUSABLE],
    "web identity, as in EKS": [
        ORDER,
        KINDS,
        GENERATED,
        f"{METADATA}::test_the_line_break_at_the_end_of_a_token_file_is_not_part_of_the_token",
    ],
    "SSO (IAM Identity Center)": [
        f"{SSO}::test_a_profile_or_a_role_over_it_has_boto3s_credentials",
        f"{SSO}::test_a_token_is_renewed_or_used_as_by_boto3",
        f"{SSO}::test_a_valid_token_is_used_when_renewing_fails_and_the_reason_is_logged",
    ],
    "shared credentials file": [ORDER, GENERATED, EMPTY_KEY],
    "`aws login`": [
        f"{LOGIN}::test_the_cached_credentials_are_boto3s",
        f"{LOGIN}::test_the_directory_of_the_variable_is_boto3s",
        f"{LOGIN}::test_the_file_is_read_again_before_its_credentials_expire",
    ],
    "credential process": [
        KINDS,
        GENERATED,
        "integration/test_sts_and_processes.py::"
        "test_a_process_that_fails_writes_to_the_programs_standard_error",
        "integration/test_sts_and_processes.py::test_a_process_is_killed_after_its_timeout",
        "integration/test_credential_bounds.py::test_a_process_that_prints_without_end_is_stopped",
    ],
    "config file": [ORDER, GENERATED, EMPTY_KEY],
    "container endpoint, as in ECS and EKS Pod Identity": [
        ORDER,
        f"{METADATA}::test_metadata_requests_do_not_go_through_a_proxy",
        f"{METADATA}::test_a_container_url_that_aws_does_not_allow_is_not_requested",
    ],
    "EC2 instance metadata": [
        ORDER,
        f"{METADATA}::test_instance_metadata_is_where_the_settings_say",
        f"{METADATA}::test_instance_metadata_is_tried_as_often_as_the_settings_say",
    ],
    "files of older tools": [f"{CHAIN}::test_the_files_of_older_tools_are_not_read"],
    "profile": [f"{CHAIN}::test_the_older_profile_variable_comes_first_as_in_boto3"],
    "shared files": [
        "unit/test_shared_files.py::test_generated_files_are_read_as_botocore_reads_them",
        "unit/test_shared_files.py::test_an_invalid_file_is_an_error_with_its_line_and_without_its_text",
        "integration/test_credential_bounds.py::test_a_shared_file_that_is_far_too_large_is_not_read",
        GENERATED,
    ],
    "region": [
        f"{CONFIG}::test_the_region_comes_from_the_argument_the_variables_and_the_profile",
        f"{CONFIG}::test_a_pseudo_region_is_an_error_that_names_the_region_to_use",
    ],
    "endpoint": [
        "unit/test_endpoints.py::test_an_endpoint_in_the_settings_is_boto3s",
        "unit/test_endpoints.py::test_a_client_has_boto3s_endpoint",
    ],
    "endpoint variants": [
        "unit/test_endpoints.py::test_a_variant_is_one_of_the_regions_endpoint_only_as_in_boto3"
    ],
    "endpoint of STS": [
        "unit/test_endpoints.py::test_sts_has_boto3s_endpoint_and_signing_region_in_every_region"
    ],
    "endpoints of SSO": [
        f"{SSO}::test_the_endpoints_are_those_of_the_settings",
        "unit/test_endpoints.py::test_the_services_of_sso_have_the_endpoints_of_boto3s_rules",
    ],
    "certificates": [
        "unit/test_tls.py::test_certificates_are_those_of_boto3s_settings",
        "unit/test_tls.py::test_the_default_certificates_are_those_of_httpx",
        "unit/test_tls.py::test_one_argument_is_for_all_connections_of_a_client",
        "unit/test_transport_tls.py::test_a_new_connection_trusts_the_renewed_bundle",
    ],
    "proxies": [
        f"{CONFIG}::test_proxies_are_those_of_boto3",
        f"{CONFIG}::test_a_netrc_does_not_take_the_place_of_the_signature",
        f"{METADATA}::test_metadata_requests_do_not_go_through_a_proxy",
        f"{SSO}::test_the_services_are_called_through_the_proxy_of_the_environment",
    ],
    "expirations": [
        "unit/test_dates.py::test_a_date_is_dateutils",
        "unit/test_dates.py::test_a_date_without_a_time_zone_is_in_utc",
        "integration/test_wrong_clock.py::test_a_call_that_is_not_signed_corrects_the_clock",
    ],
}


def rows_below(heading: str) -> list[str]:
    """Return the first cells of the table below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n#")[0]
    return re.findall(r"^\| (.*?) \|", section, re.MULTILINE)[1:]


def test_each_row_is_tried() -> None:
    assert [*rows_below("The provider chain"), *rows_below("Settings")] == list(TESTS_OF)


@pytest.mark.parametrize("row", TESTS_OF)
def test_the_tests_of_a_row_exist(row: str) -> None:
    for name in TESTS_OF[row]:
        file, _, function = name.partition("::")
        assert f"def {function}(" in (TESTS / file).read_text(), name


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
