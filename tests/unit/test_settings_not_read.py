"""The settings that botocore reads and this library does not, each tried and documented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import botocore.configprovider
import pytest

import imagebuilder_pager
from imagebuilder_pager import ImageBuilder, exceptions
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.boto3_requests import boto3_call
from tests.fakes.clients import EXECUTION
from tests.fakes.clocks import FakeClock
from tests.fakes.services import RecordingService, http_client

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
