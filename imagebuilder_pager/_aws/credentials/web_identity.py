"""Credentials for a token of a web identity, by STS: EKS service accounts (IRSA) have one."""

from __future__ import annotations

import os

from ...exceptions import InvalidConfigError
from ..identity import Credentials, CredentialsContext
from .token_file import read_token_file

_VARIABLE_BY_KEY = {
    "web_identity_token_file": "AWS_WEB_IDENTITY_TOKEN_FILE",
    "role_arn": "AWS_ROLE_ARN",
    "role_session_name": "AWS_ROLE_SESSION_NAME",
}


class WebIdentityProvider:
    """The provider that calls AssumeRoleWithWebIdentity.

    Each of its three settings is that of the environment, else that of the profile. Without
    ``use_environment`` they are the profile's only.
    """

    name = "web identity"

    def __init__(
        self, context: CredentialsContext, profile_name: str, *, use_environment: bool
    ) -> None:
        self._context = context
        self._profile_name = profile_name
        self._use_environment = use_environment

    def load(self) -> Credentials | None:
        """Return the credentials of the role, None if no token file is set."""
        token_file = self._setting("web_identity_token_file")
        if not token_file:
            return None
        role_arn = self._setting("role_arn")
        if not role_arn:
            raise InvalidConfigError(
                "web identity: a token file is set, and no role ARN: neither AWS_ROLE_ARN nor the "
                f"role_arn of the profile {self._profile_name!r}"
            )
        token = read_token_file(token_file)
        from .sts import StsClient

        return StsClient(self._context, None).assume_role_with_web_identity(
            RoleArn=role_arn,
            RoleSessionName=self._setting("role_session_name"),
            WebIdentityToken=token,
        )

    def missing_reason(self) -> str:
        reason = self._context.config.missing_key_reason("web_identity_token_file")
        if not self._use_environment:
            return reason
        return f"AWS_WEB_IDENTITY_TOKEN_FILE is not set, and {reason}"

    def _setting(self, key: str) -> str | None:
        if self._use_environment and (value := os.environ.get(_VARIABLE_BY_KEY[key])) is not None:
            return value
        return self._context.config.setting(key, self._profile_name)
