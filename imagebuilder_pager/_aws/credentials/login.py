"""Credentials of ``aws login``: those in its cache, which the AWS CLI and AWS's SDKs renew."""

from __future__ import annotations

import hashlib
import os
import shlex

from ...exceptions import CredentialRetrievalError
from ..clock import ServiceClock
from ..identity import Credentials, CredentialsContext, read_credentials
from .login_cache import LoginRequired, read_login_file

_CACHE_MEMBERS = {
    "AccessKeyId": "accessKeyId",
    "SecretAccessKey": "secretAccessKey",
    "SessionToken": "sessionToken",
    "Expiration": "expiresAt",
}


class LoginProvider:
    """The provider of a profile with a ``login_session``.

    The session's file is read at each call, and never written: a refresh finds the credentials that
    another tool has renewed.
    """

    name = "aws login"

    def __init__(self, context: CredentialsContext, profile_name: str) -> None:
        self._context = context
        self._profile_name = profile_name

    def load(self) -> Credentials | None:
        """Return the cached credentials, None if the profile has no ``login_session``.

        Raises :class:`CredentialRetrievalError` if there are none, or expired ones.
        """
        session = self._context.config.setting("login_session", self._profile_name)
        if session is None:
            return None
        try:
            return self._read(_cache_path(session))
        except LoginRequired as error:
            reason = str(error)
        option = f"--profile {shlex.quote(self._profile_name)}"
        raise CredentialRetrievalError(
            f"aws login: {reason}; run any command of the AWS CLI with this profile, such as aws "
            f"sts get-caller-identity {option}, or, if the session is over, aws login {option}; or "
            "have in another profile: credential_process = aws configure export-credentials "
            f"{option} --format process"
        )

    def missing_reason(self) -> str:
        return self._context.config.missing_key_reason("login_session")

    def _read(self, path: str) -> Credentials:
        members = read_login_file(path).get("accessToken")
        values = members if isinstance(members, dict) else {}
        found = {name: values.get(member) for name, member in _CACHE_MEMBERS.items()}
        missing = [
            _CACHE_MEMBERS[name]
            for name, value in found.items()
            if not value or not isinstance(value, str)
        ]
        if missing:
            raise LoginRequired(f"the file {path} has no accessToken with {', '.join(missing)}")
        try:
            credentials = read_credentials(found, "SessionToken")
        except ValueError:
            raise LoginRequired(f"expiresAt in the file {path} is not a date") from None
        now = ServiceClock.of(self._context.clock).machine_now()
        if (expiration := credentials.expiration) and expiration <= now:
            raise LoginRequired(f"the credentials in the file {path} expired at {expiration}")
        return credentials


def _cache_path(session: str) -> str:
    """Return the path of a session's file, whether or not it exists."""
    directory = os.environ.get("AWS_LOGIN_CACHE_DIRECTORY") or "~/.aws/login/cache"
    directory = os.path.expanduser(os.path.expandvars(directory))  # noqa: PTH111 - needs no home
    name = hashlib.sha256(session.encode()).hexdigest()
    return os.path.join(directory, f"{name}.json")  # noqa: PTH118 - as above
