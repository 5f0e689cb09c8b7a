"""Generated profiles have boto3's credentials, or are an error where they are one in boto3."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.credential_endpoints import (
    PROCESS_OUTPUT,
    ROLE,
    SECRETS,
    CredentialSettings,
    boto3_credentials,
)

NAMES = ["default", "a", "b", "c"]
SETTINGS = {
    "role_arn": [f"{ROLE}/one", f"{ROLE}/two"],
    "source_profile": [*NAMES, "nobody"],
    "credential_source": ["Environment", "EcsContainer", "environment"],
    "external_id": ["an id"],
    "role_session_name": ["me", ""],
    "duration_seconds": ["900", "soon"],
    "web_identity_token_file": ["{token}", ""],
    "credential_process": [f"/bin/echo '{json.dumps(PROCESS_OUTPUT)}'"],
}
KEYS = st.sampled_from(
    [
        "",
        f"aws_access_key_id = AKIDCONFIG\naws_secret_access_key = {SECRETS['AKIDCONFIG']}\n",
        f"aws_access_key_id = AKIDSHARED\naws_secret_access_key = {SECRETS['AKIDSHARED']}\n"
        "aws_session_token = one\naws_security_token = two\n",
        "aws_access_key_id = AKIDCONFIG\n",
        f"aws_secret_access_key = {SECRETS['AKIDCONFIG']}\n",
    ]
)


@st.composite
def profiles(draw: st.DrawFn) -> str:
    """Return a profile: usually a role with a source, else any of its settings."""
    chosen = {"role_arn", draw(st.sampled_from(["source_profile", "credential_source"]))}
    if draw(st.booleans()):
        chosen = draw(st.sets(st.sampled_from(list(SETTINGS)), max_size=4))
    lines = [f"{key} = {draw(st.sampled_from(SETTINGS[key]))}\n" for key in sorted(chosen)]
    return "".join(lines) + draw(KEYS)


FILES = st.dictionaries(st.sampled_from(NAMES), profiles(), min_size=1)


def outcome(find: Any, settings: CredentialSettings) -> Any:
    """Return the credentials, and the calls of STS; None for an error."""
    del settings.endpoints.requests[:]
    try:
        found = find("default")
    except Exception:  # noqa: BLE001 - boto3's is of various types
        return None
    forms = settings.endpoints.sts_forms
    for form in forms:
        if form["RoleSessionName"].startswith("botocore-session-"):
            form["RoleSessionName"] = "botocore-session"
    return found, forms


@given(config=FILES, credentials=FILES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_generated_profiles_have_boto3s_credentials(
    settings: CredentialSettings, config: dict[str, str], credentials: dict[str, str]
) -> None:
    token = settings.file("web-token", "web.identity.token")
    settings.file(
        ".aws/config",
        "".join(f"[profile {name}]\n{text}" for name, text in config.items()).replace(
            "{token}", token
        ),
    )
    settings.file(
        ".aws/credentials",
        "".join(f"[{name}]\n{text}" for name, text in credentials.items()).replace(
            "{token}", token
        ),
    )
    settings.set_ecs()
    settings.set_environment()
    assert outcome(settings.our_credentials, settings) == outcome(boto3_credentials, settings)
