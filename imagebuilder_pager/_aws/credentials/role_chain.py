"""The profiles that a role is based on, checked before the first of them is used.

A role is assumed with the credentials of its ``source_profile``, which may be those of another
role, or with those of its ``credential_source``. A profile's own keys come before its role, except
for the profile that is asked for. A profile with a web identity is no role here: it has a provider.
"""

from __future__ import annotations

import shlex
from typing import NamedTuple

from ...exceptions import (
    CredentialRetrievalError,
    InvalidConfigError,
    PartialCredentialsError,
    Problem,
)
from ..config.shared_config import Resolved, SharedConfig

CREDENTIAL_SOURCES = ("Environment", "EcsContainer", "Ec2InstanceMetadata")
_KEY_PAIR = {"aws_access_key_id", "aws_secret_access_key"}


class RoleChain(NamedTuple):
    """The profiles with the roles, the last to be assumed first, and the source of the last one.

    ``source_profile`` is None if the last one has a ``credential_source``.
    """

    roles: list[str]
    source_profile: str | None


def read_role_chain(config: SharedConfig) -> RoleChain | None:
    """Return the chain of the client's profile, None if it has no role.

    Raises :class:`InvalidConfigError`, :class:`PartialCredentialsError` for a role without a
    source, and :class:`CredentialRetrievalError` for one with an ``mfa_serial``.
    """
    name: str | None = config.profile_name
    roles: list[str] = []
    while name is not None and _has_role(config, name, is_source=bool(roles)):
        roles.append(name)
        name = _source_of(config, roles)
    return RoleChain(roles, name) if roles else None


def invalid_setting(
    config: SharedConfig, profile_name: str, key: str, allowed: str
) -> InvalidConfigError:
    """Return the error for a setting of a profile."""
    value = config.setting(key, profile_name) or ""
    return Resolved(value, f"{key} of profile {profile_name!r}").invalid(allowed)


def _keys_of(config: SharedConfig, profile_name: str) -> set[str]:
    return set(config.full_config()["profiles"].get(profile_name, {}))


def _has_role(config: SharedConfig, profile_name: str, *, is_source: bool) -> bool:
    keys = _keys_of(config, profile_name)
    has_own = "web_identity_token_file" in keys or (is_source and bool(keys & _KEY_PAIR))
    return "role_arn" in keys and not has_own


def _source_of(config: SharedConfig, roles: list[str]) -> str | None:
    """Return the source profile of the last role, None for a ``credential_source``."""
    name = roles[-1]
    keys = _keys_of(config, name)
    if "mfa_serial" in keys:
        raise _mfa_error(name, config.profile_name)
    if {"source_profile", "credential_source"} <= keys:
        given = "source_profile and credential_source given"
        raise InvalidConfigError(Problem(f"profile {name!r}", given, "one of the two"))
    if not {"source_profile", "credential_source"} & keys:
        raise PartialCredentialsError(
            f"incomplete credentials in the profile {name!r}: source_profile or credential_source "
            "missing"
        )
    source = config.setting("source_profile", name)
    if source is None:
        if config.setting("credential_source", name) not in CREDENTIAL_SOURCES:
            raise invalid_setting(config, name, "credential_source", ", ".join(CREDENTIAL_SOURCES))
    elif source not in config.full_config()["profiles"]:
        raise invalid_setting(config, name, "source_profile", "the name of a profile")
    # A profile may be its own source, for the keys that it has beside the role.
    elif source in roles and not (source == name and keys & _KEY_PAIR):
        circle = " -> ".join([*roles[roles.index(source) :], source])
        allowed = f"one that does not lead back: {circle}"
        raise invalid_setting(config, name, "source_profile", allowed)
    return source


def _mfa_error(profile_name: str, client_profile: str) -> CredentialRetrievalError:
    return CredentialRetrievalError(
        f"the profile {profile_name!r} has an mfa_serial, and no MFA code is asked for here. On "
        "the command line, let the AWS CLI ask for it, and then leave out --profile: eval "
        f'"$(aws configure export-credentials --profile {shlex.quote(client_profile)} --format '
        'env)". In a program, let boto3 ask for it: '
        f"credentials=boto3.Session(profile_name={client_profile!r}).get_credentials()"
    )
