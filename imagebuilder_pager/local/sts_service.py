"""STS on this machine: AssumeRole and GetCallerIdentity, in its query protocol.

The rule: the credentials of a role are valid for the local Image Builder, in the role's account,
until they expire. Each call returns new ones, so that a test can see a refresh.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import re
import secrets
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import httpx

from .._validation import ROLE_ARN
from .errors import ServiceError
from .service import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from .sigv4_verifier import verify_signature

#: The codes of STS for those of other services.
_CODES = {
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "UnrecognizedClientException": "InvalidClientTokenId",
}
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


@dataclass(frozen=True, slots=True)
class _Session:
    """The caller with a set of credentials: account, ARN, session token, expiration."""

    account: str
    arn: str
    token: str | None = field(default=None, repr=False)
    expiration: dt.datetime | None = None


class LocalSts:
    """STS, and the register of all valid credentials; thread-safe.

    Any role in ``accounts`` can be assumed. The user with ``ACCESS_KEY_ID`` belongs to the first
    account. ``lifetime`` is the lifetime of a role's credentials for a request without
    ``DurationSeconds``. ``secrets`` are the secret access keys by access key id, including those of
    roles.
    """

    def __init__(self, accounts: Sequence[str], lifetime: dt.timedelta) -> None:
        self._accounts = accounts
        self._lifetime = lifetime
        self._lock = threading.Lock()
        user = _Session(accounts[0], f"arn:aws:iam::{accounts[0]}:user/local")
        self._sessions = {ACCESS_KEY_ID: user}
        self.secrets: dict[str, str] = {ACCESS_KEY_ID: SECRET_ACCESS_KEY}
        self.assume_role_count: int = 0

    def find_account(self, request: httpx.Request, access_key_id: str, now: dt.datetime) -> str:
        """Return the account of a request's credentials; for unknown ones, the user's account.

        Raises ``ServiceError`` for a wrong session token and for expired credentials. The signature
        is verified elsewhere.
        """
        session = self._sessions.get(access_key_id) or self._sessions[ACCESS_KEY_ID]
        token = request.headers.get("x-amz-security-token")
        if session.token is not None and token != session.token:
            problem = "The security token included in the request is invalid."
            raise ServiceError("UnrecognizedClientException", problem)
        if session.expiration is not None and now >= session.expiration:
            problem = "The security token included in the request is expired"
            raise ServiceError("ExpiredTokenException", problem)
        return session.account

    def respond(
        self, request: httpx.Request, access_key_id: str, now: dt.datetime
    ) -> httpx.Response:
        """Return the response to a request that is signed with these credentials."""
        status = 200
        headers = {
            "Content-Type": "text/xml",
            "Date": email.utils.format_datetime(now, usegmt=True),
        }
        try:
            verify_signature(request, secrets=self.secrets, service="sts", now=now)
            self.find_account(request, access_key_id, now)
            form = dict(parse_qsl(request.read().decode("utf-8", "replace")))
            action = form.get("Action")
            if action == "AssumeRole":
                result = self._assume_role(form, now)
            elif action == "GetCallerIdentity":
                session = self._sessions[access_key_id]
                result = (
                    f"<Arn>{escape(session.arn)}</Arn><UserId>{access_key_id}</UserId>"
                    f"<Account>{session.account}</Account>"
                )
            else:
                raise ServiceError("UnknownOperationException", "The action is not valid.")
            body = (
                f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{result}</{action}Result>'
                f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
                f"</{action}Response>"
            )
        except ServiceError as error:
            status = error.status
            body = (
                f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type>'
                f"<Code>{_CODES.get(error.code, error.code.removesuffix('Exception'))}</Code>"
                f"<Message>{escape(error.message)}</Message></Error>"
                f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
            )
        return httpx.Response(status, headers=headers, content=body.encode())

    def _assume_role(self, form: Mapping[str, str], now: dt.datetime) -> str:
        role, name = form.get("RoleArn", ""), form.get("RoleSessionName", "")
        match = re.fullmatch(ROLE_ARN, role, re.ASCII)
        seconds = form.get("DurationSeconds")
        is_valid = seconds is None or (
            re.fullmatch("[0-9]{3,5}", seconds) and 900 <= int(seconds) <= 43_200
        )
        if match is None or not name or not is_valid:
            raise ServiceError("InvalidRequestException", "A parameter is missing or not valid.")
        account, role_name = match.groups()
        if account not in self._accounts:
            raise ServiceError(
                "AccessDeniedException",
                f"The caller is not authorized to perform: sts:AssumeRole on resource: {role}",
            )
        arn = f"arn:aws:sts::{account}:assumed-role/{role_name.rpartition('/')[2]}/{name}"
        lifetime = self._lifetime if seconds is None else dt.timedelta(seconds=int(seconds))
        expiration = now.replace(microsecond=0) + lifetime
        session = _Session(account, arn, secrets.token_urlsafe(120), expiration)
        key, secret = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30)
        with self._lock:
            self._sessions[key] = session
            self.secrets[key] = secret
            self.assume_role_count += 1
        return (
            f"<Credentials><AccessKeyId>{key}</AccessKeyId>"
            f"<SecretAccessKey>{secret}</SecretAccessKey>"
            f"<SessionToken>{session.token}</SessionToken>"
            f"<Expiration>{expiration:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
            f"<AssumedRoleUser><Arn>{escape(arn)}</Arn>"
            f"<AssumedRoleId>AROALOCAL:{escape(name)}</AssumedRoleId></AssumedRoleUser>"
        )
