"""The provider chain finds boto3's credentials in the same order, and shows none of them."""

import contextlib
import json
import logging
import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from imagebuilder_pager.exceptions import (
    CredentialRetrievalError,
    InvalidConfigError,
    NoCredentialsError,
    PagerError,
    PartialCredentialsError,
    ProfileNotFound,
)
from tests.fakes.credential_endpoints import (
    PROFILES,
    ROLE,
    CredentialSettings,
    boto3_credentials,
    sts_error,
    texts_of,
)

# The same credentials as boto3


def test_the_order_of_the_providers_is_boto3s(settings: CredentialSettings) -> None:
    """From the last provider to the first, each takes precedence over those before it."""
    container_role = f"[default]\nrole_arn = {ROLE}/profile\ncredential_source = EcsContainer\n"
    for set_up, access_key in (
        (settings.set_imds, "ASIAIMDS1"),
        (settings.set_eks_with_a_token, "ASIAEKS1"),
        (settings.set_eks, "ASIAEKS1"),
        (settings.set_ecs, "ASIAECS1"),
        (settings.set_config, "AKIDCONFIG"),
        (settings.set_shared, "AKIDSHARED"),
        (settings.set_web_identity, "ASIASTSenv1"),
        (lambda: settings.file(".aws/config", container_role), "ASIASTSprofile1"),
        (settings.set_environment, "AKIDENV"),
    ):
        set_up()
        found = settings.our_credentials()
        assert found == boto3_credentials()
        assert found[0] == access_key


@pytest.mark.parametrize("profile", PROFILES)
def test_each_kind_of_profile_returns_boto3s_credentials(
    settings: CredentialSettings, profile: str
) -> None:
    settings.set_profiles()
    settings.set_environment()
    files = sorted(settings.folder.rglob("*"))
    found = settings.our_credentials(profile)
    request_count = len(settings.endpoints.requests)
    assert sorted(settings.folder.rglob("*")) == files, "no cache is written"
    assert found == boto3_credentials(profile)
    expected = {"static": "AKIDCONFIG", "process": "AKIDPROCESS"}
    assert found[0] == expected.get(profile, f"ASIASTS{profile}1")
    # STS got the same requests, except for the session's name, which has the time in it.
    forms = settings.endpoints.sts_forms
    for form in forms:
        form["RoleSessionName"] = re.sub(r"^botocore-session-\d+$", "", form["RoleSessionName"])
    half = len(forms) // 2
    assert forms[:half] == forms[half:]
    assert len(settings.endpoints.requests) == 2 * request_count


def test_an_explicit_profile_takes_precedence_over_the_environment(
    settings: CredentialSettings,
) -> None:
    settings.set_environment()
    settings.set_web_identity()
    settings.file(".aws/config", settings.profile("profile other", "AKIDCONFIG"))
    assert settings.our_credentials("other") == boto3_credentials("other")
    assert settings.our_credentials("other")[0] == "AKIDCONFIG"
    settings.environment(AWS_PROFILE="other")
    assert settings.our_credentials() == boto3_credentials()
    assert settings.our_credentials()[0] == "AKIDENV"


def test_the_older_profile_variable_comes_first_as_in_boto3(settings: CredentialSettings) -> None:
    text = settings.profile("profile a", "AKIDCONFIG") + settings.profile("profile b", "AKIDSHARED")
    settings.file(".aws/config", text)
    settings.environment(AWS_PROFILE="a", AWS_DEFAULT_PROFILE="b")
    assert settings.our_credentials() == boto3_credentials()
    assert settings.our_credentials()[0] == "AKIDSHARED"


# Refresh


@pytest.mark.parametrize(
    "set_up",
    [
        CredentialSettings.set_ecs,
        CredentialSettings.set_eks,
        CredentialSettings.set_imds,
        CredentialSettings.set_web_identity,
    ],
    ids=lambda set_up: set_up.__name__,
)
def test_credentials_of_an_endpoint_are_refreshed(
    settings: CredentialSettings, set_up: Callable[[CredentialSettings], None]
) -> None:
    set_up(settings)
    credentials = settings.find_provider()
    first = credentials.get_frozen_credentials()
    request_count = len(settings.endpoints.requests)
    settings.endpoints.generation = 2
    assert credentials.get_frozen_credentials() == first
    settings.clock.ahead = timedelta(minutes=51)
    settings.endpoints.lifetime = timedelta(hours=2)
    second = credentials.get_frozen_credentials()
    assert second.access_key == first.access_key[:-1] + "2"
    assert credentials.get_frozen_credentials() == second
    assert len(settings.endpoints.requests) == 2 * request_count


def test_a_token_file_is_read_anew_for_each_refresh(settings: CredentialSettings) -> None:
    settings.set_eks()
    credentials = settings.find_provider()
    credentials.get_frozen_credentials()
    settings.endpoints.container_token = "Bearer rotated"
    settings.file("token", "Bearer rotated")
    settings.endpoints.generation = 2
    assert credentials.invalidate("ASIAEKS1")
    assert credentials.get_frozen_credentials().access_key == "ASIAEKS2"


def test_a_shared_file_is_read_again_when_its_credentials_are_rejected(
    settings: CredentialSettings,
) -> None:
    settings.set_shared()
    credentials = settings.find_provider()
    assert credentials.get_frozen_credentials().access_key == "AKIDSHARED"
    settings.file(".aws/credentials", settings.profile("default", "AKIDCONFIG"))
    assert credentials.get_frozen_credentials().access_key == "AKIDSHARED"
    credentials.invalidate("AKIDSHARED")
    assert credentials.get_frozen_credentials().access_key == "AKIDCONFIG"


def test_a_refresh_uses_the_provider_that_had_the_credentials(
    settings: CredentialSettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.set_imds()
    credentials = settings.find_provider()
    credentials.get_frozen_credentials()
    settings.set_shared()
    settings.endpoints.scripted = [(404, b"gone")]
    settings.clock.ahead = timedelta(minutes=51)
    with caplog.at_level(logging.WARNING):
        assert credentials.get_frozen_credentials().access_key == "ASIAIMDS1"
    assert "using the old ones until they expire" in caplog.text
    assert "EC2 instance metadata: " in caplog.text
    settings.clock.ahead = timedelta(minutes=61)
    settings.endpoints.scripted = [(404, b"gone")]
    with pytest.raises(NoCredentialsError, match="HTTP status 404") as caught:
        credentials.get_frozen_credentials()
    assert "shared" not in str(caught.value)


# No credentials


def test_without_credentials_the_error_has_each_providers_reason(
    settings: CredentialSettings,
) -> None:
    settings.set_imds()
    settings.endpoints.scripted = [(403, b"off")]
    error = settings.error(kind=NoCredentialsError)
    home, url = settings.folder, settings.endpoints.url
    assert type(error) is NoCredentialsError
    assert str(error).splitlines() == [
        "no credentials",
        "  - the arguments: neither aws_access_key_id nor credentials is given",
        "  - environment variables: AWS_ACCESS_KEY_ID is not set",
        "  - assume role: there is no profile 'default'",
        "  - web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set, and there is no profile "
        "'default'",
        "  - SSO: there is no profile 'default'",
        f"  - shared credentials file: there is no file {home}/.aws/credentials",
        "  - aws login: there is no profile 'default'",
        "  - credential process: there is no profile 'default'",
        f"  - config file: there is no file {home}/.aws/config",
        "  - container endpoint: neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor "
        "AWS_CONTAINER_CREDENTIALS_FULL_URI is set",
        f"  - EC2 instance metadata: {url}/: HTTP status 403",
    ]
    settings.file(".aws/config", "[default]\nregion = us-west-2\n[profile x]\n")
    settings.environment(AWS_EC2_METADATA_DISABLED="True", AWS_SECRET_ACCESS_KEY="x")
    text = str(settings.error(kind=NoCredentialsError))
    assert "AWS_ACCESS_KEY_ID is not set, although AWS_SECRET_ACCESS_KEY is" in text
    assert "assume role: the profile 'default' has no role_arn" in text
    assert "config file: no aws_access_key_id for the profile 'default' in " in text
    assert "EC2 instance metadata: AWS_EC2_METADATA_DISABLED is true" in text
    with pytest.raises(NoCredentialsError, match="not used, because profile_name is given"):
        settings.our_credentials("x")


KEYS = "aws_access_key_id = AKIDCONFIG\naws_secret_access_key = x\n"
#: The text of the profile ``default``, and the error.
UNUSABLE: list[tuple[str, type[PagerError], str]] = [
    ("role_arn = x", PartialCredentialsError, "source_profile or credential_source missing"),
    (
        "role_arn = x\nsource_profile = a\ncredential_source = b",
        InvalidConfigError,
        r"^profile 'default': source_profile and credential_source given; allowed: one of the two$",
    ),
    (
        "role_arn = x\nsource_profile = nobody",
        InvalidConfigError,
        "^source_profile of profile 'default': 'nobody' given; allowed: the name of a profile$",
    ),
    (
        "role_arn = x\nsource_profile = none",
        InvalidConfigError,
        "^source_profile of profile 'default': 'none' given; allowed: a profile with credentials$",
    ),
    (
        "role_arn = x\nsource_profile = default",
        InvalidConfigError,
        "'default' given; allowed: one that does not lead back: default -> default$",
    ),
    (
        "role_arn = x\nsource_profile = there",
        InvalidConfigError,
        "^source_profile of profile 'back': 'there' given; .*lead back: there -> back -> there$",
    ),
    (
        "role_arn = x\ncredential_source = Cloud",
        InvalidConfigError,
        "'Cloud' given; allowed: Environment, EcsContainer, Ec2InstanceMetadata$",
    ),
    (
        "role_arn = x\ncredential_source = Environment",
        CredentialRetrievalError,
        "^credential_source of profile 'default': Environment has no credentials: AWS_ACCESS_KEY",
    ),
    (
        "role_arn = x\ncredential_source = Ec2InstanceMetadata",
        CredentialRetrievalError,
        "AWS_EC2_METADATA_DISABLED is true",
    ),
    ("role_arn =\n  a = b\nsource_profile = static", InvalidConfigError, "^role_arn .*one value$"),
    ("web_identity_token_file = x", InvalidConfigError, "no role ARN"),
    (
        "role_arn = x\nweb_identity_token_file = /does/not/exist",
        CredentialRetrievalError,
        "web identity: No such file or directory: /does/not/exist",
    ),
    (
        "role_arn = x\nsource_profile = static\nmfa_serial = arn:mfa",
        CredentialRetrievalError,
        r"^the profile 'default' has an mfa_serial, .* On the command line, .* "
        r'eval "\$\(aws configure export-credentials --profile default --format env\)"\. '
        r"In a program, .* credentials=boto3\.Session\(profile_name='default'\)\.get_credentials",
    ),
    (
        "role_arn = x\nsource_profile = other's",
        CredentialRetrievalError,
        r"^the profile \"other's\" has an mfa_serial, .* --profile default --format env",
    ),
    ("aws_access_key_id = x", PartialCredentialsError, "config: aws_secret_access_key missing"),
    (
        "credential_process = /does/not/exist",
        CredentialRetrievalError,
        "^credential process: No such file or directory: /does/not/exist$",
    ),
    (
        "role_arn = x\nsource_profile = broken",
        CredentialRetrievalError,
        "^credential process: No such file or directory: /does/not/exist$",
    ),
    (
        "role_arn = x\nsource_profile = expired",
        CredentialRetrievalError,
        "^the credentials that assume the role of profile 'default' expired at 2020-01-01 00:00:00",
    ),
    ("credential_process = echo 'a", InvalidConfigError, "'default': a quote is not closed$"),
    ("credential_process = echo \0", InvalidConfigError, "'default': a NUL character is in it$"),
    ("credential_process =", InvalidConfigError, "'default': it is empty$"),
]
OTHER_PROFILES = f"""
[profile static]
{KEYS}
[profile none]
region = x
[profile there]
role_arn = x
source_profile = back
[profile back]
role_arn = x
source_profile = there
[profile broken]
credential_process = /does/not/exist
[profile expired]
credential_process = echo '{{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", \
"SessionToken": "c", "Expiration": "2020-01-01T00:00:00Z"}}'
[profile "other's"]
role_arn = x
source_profile = static
mfa_serial = y
"""


@pytest.mark.parametrize(("text", "kind", "problem"), UNUSABLE)
def test_a_profile_without_usable_credentials_is_an_error_that_says_why(
    settings: CredentialSettings,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    kind: type[PagerError],
    problem: str,
) -> None:
    settings.file(".aws/config", f"[default]\n{text}\n{OTHER_PROFILES}")
    error = settings.error(problem, kind)
    assert type(error) is kind
    assert not settings.endpoints.requests, "nothing is sent before the profiles are checked"
    monkeypatch.setattr("getpass.getpass", _no_prompt)
    with pytest.raises(Exception):  # noqa: B017, PT011 - boto3's is of various types
        boto3_credentials()


def test_expired_credentials_of_the_environment_assume_no_role(
    settings: CredentialSettings,
) -> None:
    settings.file(".aws/config", f"[default]\nrole_arn = {ROLE}/x\ncredential_source = Environment")
    environment = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "x"}
    settings.environment(**environment, AWS_CREDENTIAL_EXPIRATION="2020-01-01T00:00:00Z")
    with pytest.raises(CredentialRetrievalError, match="expired at 2020-01-01"):
        settings.our_credentials("default")
    assert not settings.endpoints.requests


def _no_prompt(*_: object) -> str:
    raise EOFError


@pytest.mark.parametrize("file", ["config", "credentials"])
@pytest.mark.parametrize("empty", ["aws_access_key_id", "aws_secret_access_key"])
def test_an_empty_key_is_an_error_and_not_a_credential(
    settings: CredentialSettings, file: str, empty: str
) -> None:
    keys = {"aws_access_key_id": "AKIDCONFIG", "aws_secret_access_key": "x", empty: ""}
    text = "".join(f"{key} = {value}\n" for key, value in keys.items())
    settings.file(f".aws/{file}", f"[default]\n{text}")
    settings.error(f"{file}: {empty} missing or empty", PartialCredentialsError)
    assert "" in boto3_credentials()


def test_a_file_that_may_not_be_read_is_named_among_the_reasons(
    settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As boto3 does, the search continues with the next source."""
    settings.set_config()
    path = settings.folder / ".aws" / "config"

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("imagebuilder_pager._aws.config.shared_files.open", refuse, raising=False)
    monkeypatch.setattr("os.access", lambda *_: False)
    reason = f"the file {path} may not be read"
    error = settings.error(f"config file: {reason}", NoCredentialsError)
    assert f"assume role: there is no profile 'default'; {reason}\n" in str(error)
    with pytest.raises(ProfileNotFound, match=f"'dev' in .*; {reason}$"):
        settings.our_credentials("dev")


@pytest.mark.parametrize("variable", ["BOTO_CONFIG", "AWS_CREDENTIAL_FILE"])
def test_the_files_of_older_tools_are_not_read(settings: CredentialSettings, variable: str) -> None:
    path = settings.file(
        "old",
        "AWSAccessKeyId=AKIDOLD\nAWSSecretKey=x\n"
        if variable == "AWS_CREDENTIAL_FILE"
        else "[Credentials]\naws_access_key_id = AKIDOLD\naws_secret_access_key = x\n",
    )
    settings.environment(**{variable: path})
    assert boto3_credentials()[0] == "AKIDOLD"
    settings.error(kind=NoCredentialsError)


# Secrets

SECRET_TEXTS = re.compile(
    r"SecretOf|TokenOf|TaskUuidSecret|container-token|MetadataTokenSecret|web\.identity\.token|"
    r"Signature=[0-9a-f]"
)


def test_nothing_secret_is_logged_or_shown(
    settings: CredentialSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """Each source, with good and bad responses, and all loggers at DEBUG."""
    shown = []

    def search(profile: str | None = None) -> None:
        credentials = settings.find_provider(profile)
        with contextlib.suppress(PagerError):
            credentials.get_frozen_credentials()
            shown.append(repr(credentials) + repr(credentials.cached()))
            settings.endpoints.scripted = [(500, b"SecretOfNothing"), (200, b"SecretOfNothing")] * 3
            credentials.invalidate(credentials.get_frozen_credentials().access_key)
            try:
                credentials.get_frozen_credentials()
            except PagerError as error:
                shown.append(texts_of(error))
        settings.endpoints.scripted = []

    with caplog.at_level(logging.DEBUG):
        for set_up in (
            settings.set_imds,
            settings.set_ecs,
            settings.set_config,
            settings.set_shared,
            settings.set_web_identity,
            settings.set_environment,
        ):
            set_up()
            search()
        settings.set_profiles()
        for profile in PROFILES:
            search(profile)
        # STS repeats what proves the caller's identity.
        issued = json.dumps(settings.endpoints.issue("ECS")).encode()
        for profile, secret, before in (
            ("web", "web.identity.token", []),
            ("container", "TokenOfECS1", [(200, issued)]),
        ):
            refusal = 400, sts_error(secret, f"{secret} is not mine")
            settings.endpoints.scripted = [*before, refusal]
            with pytest.raises(
                CredentialRetrievalError, match=r"\(removed\) is not mine"
            ) as caught:
                settings.our_credentials(profile)
            shown.append(texts_of(caught.value))
    assert len(shown) > 20
    assert not SECRET_TEXTS.search("\n".join(shown))
    assert len(caplog.records) > 20
    for record in caplog.records:
        text = caplog.handler.format(record) + str(record.args)
        assert not SECRET_TEXTS.search(text), text
