"""Credentials of ECS, EKS and EC2 instance metadata: the requests and the failures."""

import json
import logging
from datetime import timedelta
from typing import Any

import botocore.utils
import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.transport.network import SocketBackend
from imagebuilder_pager._aws.transport.types import ReceivedResponse
from tests.fakes.credential_endpoints import (
    CredentialSettings,
    Response,
    boto3_credentials,
    texts_of,
)
from tests.fakes.proxies import RunningProxy

FETCH_RESPONSE = "imagebuilder_pager._aws.credentials.metadata_http.fetch_response"


def test_metadata_requests_do_not_go_through_a_proxy(settings: CredentialSettings) -> None:
    with RunningProxy() as proxy:
        url = f"http://{proxy.address}"
        settings.environment(HTTP_PROXY=url, http_proxy=url, HTTPS_PROXY=url, ALL_PROXY=url)
        for set_up in (settings.set_imds, settings.set_eks, settings.set_ecs):
            set_up()
            assert settings.our_credentials()[0].startswith("ASIA")
        assert proxy.requests == []
        # A request to STS goes through the proxy, as by boto3.
        settings.set_web_identity()
        for no_proxy in ("", "127.0.0.1"):
            settings.environment(NO_PROXY=no_proxy)
            assert settings.our_credentials()[0] == "ASIASTSenv1"
        (request,) = proxy.requests
        assert request.startswith(f"POST {settings.endpoints.url}".encode())


#: With which the host would be another one.
RELATIVE = ["@evil.test/creds", ".evil.test/creds", ":80@evil.test/", "evil"]


@pytest.mark.parametrize(
    "url",
    [
        *("http://evil.test/creds", "http://10.0.0.1/creds", "http://0x7f.1/creds"),
        *("http://169.254.170.3/creds", "http://169.254.169.254/creds", "http://[fd00:ec2::24]/c"),
        # An address that is allowed, in another part of the URL or of the name.
        *("http://169.254.170.2.evil.test/creds", "http://127.0.0.1.nip.test/creds"),
        *("http://169.254.170.2@evil.test/creds", "http://user:password@127.0.0.1/creds"),
        *("ftp://127.0.0.1/creds", "file:///etc/passwd", "//127.0.0.1/creds", "creds", ""),
        *RELATIVE,
    ],
)
def test_a_container_url_that_aws_does_not_allow_is_not_requested(
    settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(FETCH_RESPONSE, pytest.fail)
    kind = "RELATIVE" if url in RELATIVE else "FULL"
    settings.environment(**{f"AWS_CONTAINER_CREDENTIALS_{kind}_URI": url})
    error = settings.error("the container endpoint's URL")
    assert "password" not in str(error)


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/creds", "http://127.8.9.1:8080/creds", "http://localhost/creds"),
        *("http://[::1]/creds", "https://anywhere.test/creds", "http://169.254.170.2/creds"),
        *("http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/v1/credentials"),
    ],
)
def test_a_container_url_that_aws_allows_is_requested(
    settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    requested = []

    def respond(_method: str, url: str, *_: Any, **__: Any) -> ReceivedResponse:
        requested.append(url)
        return ReceivedResponse(200, {}, json.dumps(settings.endpoints.issue("ECS")).encode())

    monkeypatch.setattr(FETCH_RESPONSE, respond)
    settings.environment(AWS_CONTAINER_CREDENTIALS_FULL_URI=url)
    assert settings.our_credentials()[0] == "ASIAECS1"
    assert requested == [url]
    theirs: Any = botocore.utils.ContainerMetadataFetcher()
    theirs._validate_allowed_url(url)


def test_a_failing_container_endpoint_is_tried_three_times_a_second_apart(
    settings: CredentialSettings,
) -> None:
    settings.set_eks()
    settings.endpoints.scripted = [(500, b"SecretOfEKS1"), (200, b'{"AccessKeyId": "SecretOfEKS1')]
    assert settings.our_credentials()[0] == "ASIAEKS1"
    assert settings.clock.slept == [1, 1]
    settings.endpoints.scripted = [(503, b"SecretOfEKS1")] * 3
    error = settings.error("HTTP status 503")
    assert "SecretOf" not in str(error)
    assert "/v1/credentials" not in str(error)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((401, b"{}"), "HTTP status 401"),
        ((302, b"http://127.0.0.1/v2/credentials/x"), "HTTP status 302"),
        ((200, b'{"AccessKeyId": "A", "SecretAccessKey": "s", "Token": "t"}'), "has no Expiration"),
        ((200, b'{"Code": "AccessDenied", "message": "x"}'), r"\(error code AccessDenied\)"),
        ((200, b'{"AccessKeyId": 5}'), "has no AccessKeyId, SecretAccessKey, Token, Expiration"),
        ((200, b"x" * 100_000), "too long"),
    ],
)
def test_a_container_response_without_credentials_is_an_error(
    settings: CredentialSettings, answer: Response, problem: str
) -> None:
    settings.set_ecs()
    settings.endpoints.scripted = [answer]
    error = settings.error(problem)
    assert len(settings.endpoints.requests) == 1
    assert "TaskUuidSecret" not in str(error)


def test_a_container_response_that_repeats_the_token_as_its_code_does_not_show_it(
    settings: CredentialSettings,
) -> None:
    settings.set_eks_with_a_token()
    settings.environment(AWS_CONTAINER_AUTHORIZATION_TOKEN="TokenOfTheContainer7")
    for padding in ("", "x" * 70):
        settings.endpoints.scripted = [
            (200, b'{"Code": "%sTokenOfTheContainer7"}' % padding.encode())
        ]
        error = settings.error(r"\(error code ")
        assert "TokenOf" not in str(error)
    assert settings.endpoints.requests[-1].headers["authorization"] == "TokenOfTheContainer7"


def test_an_unusable_container_token_is_an_error_that_does_not_show_it(
    settings: CredentialSettings,
) -> None:
    settings.set_eks_with_a_token()
    path = settings.file("token", "Secret\nX: y")
    allowed = "has characters that cannot be part of a header; allowed: printable ASCII$"
    settings.environment(AWS_CONTAINER_AUTHORIZATION_TOKEN="Secret\r\nX: y")
    error = settings.error(f"AWS_CONTAINER_AUTHORIZATION_TOKEN {allowed}")
    assert "Secret" not in texts_of(error)
    settings.environment(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=path)
    assert "Secret" not in texts_of(settings.error(f"the token file {path} {allowed}"))
    settings.environment(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="/does/not/exist")
    settings.error(r"No such file .*/does/not/exist")


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n\n"])
def test_the_line_break_at_the_end_of_a_token_file_is_not_part_of_the_token(
    settings: CredentialSettings, end: str
) -> None:
    """botocore refuses the first, and sends STS the second as it is."""
    settings.set_eks()
    settings.file("token", settings.endpoints.container_token + end)
    with pytest.raises(ValueError, match="not a legal header value"):
        boto3_credentials()
    assert settings.our_credentials()[0] == "ASIAEKS1"
    settings.set_web_identity()
    settings.file("web-token", "web.identity.token" + end)
    assert settings.our_credentials()[0] == "ASIASTSenv1"


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([(403, b"off")], "HTTP status 403"),
        ([(200, b"")], "not a metadata token"),
        ([(200, b"token"), (404, b"")], "the instance has no role"),
        ([(200, b"token"), (200, b"")], "the instance has no role"),
        ([(200, b"token"), (200, b"role"), (200, b"<html>")], "not a JSON object"),
        ([(200, b"token"), (200, b"role"), (200, b"[" * 60_000)], "not a JSON object"),
        (
            [(200, b"token"), (200, b"role"), (200, b'{"Code":"AssumeRoleUnauthorizedAccess"}')],
            r"\(error code AssumeRoleUnauthorizedAccess\)",
        ),
    ],
)
def test_instance_metadata_without_credentials_says_why(
    settings: CredentialSettings, answers: list[Response], why: str
) -> None:
    settings.set_imds()
    settings.endpoints.scripted = [*answers]
    settings.error(f"EC2 instance metadata: http.*{why}", exceptions.NoCredentialsError)
    assert settings.endpoints.scripted == []
    assert len(settings.endpoints.requests) == len(answers)  # and none without a token


def test_instance_metadata_is_tried_as_often_as_the_settings_say(
    settings: CredentialSettings,
) -> None:
    settings.set_imds()
    settings.endpoints.scripted = [(500, b""), (200, b"token"), (500, b"")]
    settings.environment(AWS_METADATA_SERVICE_NUM_ATTEMPTS="3")
    assert settings.our_credentials()[0] == "ASIAIMDS1"
    settings.endpoints.scripted = [(500, b"")]
    settings.environment(AWS_METADATA_SERVICE_NUM_ATTEMPTS=None)
    settings.file(".aws/config", "[default]\nmetadata_service_num_attempts = 2\n")
    assert settings.our_credentials()[0] == "ASIAIMDS1"


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({}, "169.254.169.254"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, "fd00:ec2::254"),
        ({"AWS_IMDS_USE_IPV6": "true"}, "fd00:ec2::254"),
        (
            {"AWS_IMDS_USE_IPV6": "true", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv4"},
            "169.254.169.254",
        ),
    ],
)
def test_instance_metadata_is_where_the_settings_say(
    settings: CredentialSettings,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    host: str,
) -> None:
    connected = []

    def connect(_: SocketBackend, host: str, port: int, timeout: float | None = None) -> None:
        connected.append((host, port, timeout and round(timeout, 1)))
        raise TimeoutError

    monkeypatch.setattr(SocketBackend, "connect_tcp", connect)
    settings.set_imds()
    settings.environment(
        AWS_EC2_METADATA_SERVICE_ENDPOINT=None, AWS_METADATA_SERVICE_TIMEOUT="4", **variables
    )
    settings.error("no response in time", exceptions.NoCredentialsError)
    assert connected == [(host, 80, 4)]


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv5", "ipv4, ipv6"),
        ("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "often", "a whole number, 1 or more"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "0", "a whole number, 1 or more"),
    ],
)
def test_an_invalid_setting_of_instance_metadata_is_an_error(
    settings: CredentialSettings, variable: str, value: str, allowed: str
) -> None:
    settings.set_imds()
    settings.environment(**{"AWS_EC2_METADATA_SERVICE_ENDPOINT": None, variable: value})
    error = settings.error(kind=exceptions.InvalidConfigError)
    assert str(error) == f"{variable}: {value!r} given; allowed: {allowed}"


def test_old_credentials_of_instance_metadata_are_used_and_refreshed_later(
    settings: CredentialSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """AWS's rule for an outage of the issuer of credentials; botocore keeps it too."""
    settings.set_imds()
    settings.endpoints.lifetime = timedelta(minutes=-5)
    with caplog.at_level(logging.WARNING):
        credentials = settings.find_provider()
        assert credentials.get_frozen_credentials().access_key == "ASIAIMDS1"
    assert "has no new credentials" in caplog.text
    assert boto3_credentials()[0] == "ASIAIMDS1"
    request_count = len(settings.endpoints.requests)
    credentials.get_frozen_credentials()
    assert len(settings.endpoints.requests) == request_count
    settings.clock.ahead = timedelta(minutes=26)
    credentials.get_frozen_credentials()
    assert len(settings.endpoints.requests) > request_count
