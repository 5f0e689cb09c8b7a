"""The calls of STS that return a role's credentials or the caller's identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from ..._dates import parse_http_date
from ...exceptions import ClientError, CredentialRetrievalError, InvalidConfigError, PagerError
from ..auth.redaction import secrets_of
from ..auth.signer import CallSigner, RequestSigner
from ..auth.sigv4 import sigv4_header
from ..clock import ServiceClock
from ..config.endpoints import ServiceMetadata, endpoint_from_config, resolve_endpoint
from ..config.shared_config import SharedConfig
from ..identity import Credentials, CredentialsContext, read_credentials, validate_header_safe
from ..retries import RetryState, call_with_retries
from ..transport.fetch import fetch_response
from ..transport.types import Deadline, Origin, ReceivedResponse
from .reports import make_report

_STS = ServiceMetadata("sts", fips_partitions=frozenset({"aws-us-gov"}))
_API_VERSION = "2011-06-15"
_BUDGET = 30.0  # seconds, of all attempts and the waits between them
_TIMEOUT = 10.0  # seconds, of each attempt, as far as the budget lasts
_MAX_ATTEMPTS = 3
_MAX_BYTES = 256 * 1024
_UNSIGNED = Credentials("", "")
_CREDENTIAL_MEMBERS = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
#: The regions that the mode "legacy" sends to the global endpoint; botocore's list.
_LEGACY_REGIONS = frozenset(
    {
        *("ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "aws-global"),
        *("ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3"),
        *("sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2"),
    }
)


def sts_endpoint(region: str, config: SharedConfig) -> tuple[str, str]:
    """Return the URL of STS, and the region to sign for.

    The settings are those of any service (``AWS_ENDPOINT_URL_STS`` and so on), and
    ``AWS_STS_REGIONAL_ENDPOINTS`` or the profile's ``sts_regional_endpoints``: ``regional``, which
    is the default, or ``legacy``. Raises :class:`InvalidConfigError` for another value.
    """
    mode = config.get_choice(
        "AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints", ("regional", "legacy")
    )
    url = resolve_endpoint(_STS, region, config)
    if mode == "legacy" and region in _LEGACY_REGIONS:
        # FIPS, dual-stack and custom endpoints have no legacy mode.
        is_default = url == f"https://sts.{region}.amazonaws.com"
        if is_default and not endpoint_from_config(_STS, config):
            return "https://sts.amazonaws.com", "us-east-1"
    return url, region


class StsClient:
    """A client of STS, with boto3's methods and parameters.

    ``credentials`` sign the calls; they are None for ``assume_role_with_web_identity``, which is
    not signed. A parameter that is None is not sent; without a ``RoleSessionName``, it is boto3's.
    The methods raise :class:`CredentialRetrievalError`, and :class:`InvalidConfigError` for a proxy
    or certificates that cannot be used.
    """

    def __init__(self, context: CredentialsContext, credentials: Credentials | None) -> None:
        self._context = context
        self._credentials = credentials

    def assume_role(self, **params: Any) -> Credentials:
        """Call AssumeRole; return the role's credentials."""
        return self._fetch_credentials("AssumeRole", params)

    def assume_role_with_web_identity(self, **params: Any) -> Credentials:
        """Call AssumeRoleWithWebIdentity; return the role's credentials."""
        return self._fetch_credentials("AssumeRoleWithWebIdentity", params)

    def get_caller_identity(self) -> dict[str, str]:
        """Call GetCallerIdentity; return ``Account`` and ``Arn``."""
        return self._call("GetCallerIdentity", {}, ("Account", "Arn"), "identity")

    def _fetch_credentials(self, action: str, params: dict[str, Any]) -> Credentials:
        if not params.get("RoleSessionName"):
            seconds = int(self._context.clock.now().timestamp())
            params["RoleSessionName"] = f"botocore-session-{seconds}"
        wanted = f"credentials for {params.get('RoleArn')}"
        members = self._call(action, params, _CREDENTIAL_MEMBERS, wanted)
        try:
            return read_credentials(members, "SessionToken")
        except ValueError as error:
            raise CredentialRetrievalError(
                f"STS returned {wanted} with an invalid Expiration"
            ) from error

    def _call(
        self, action: str, params: dict[str, Any], members: Sequence[str], wanted: str
    ) -> dict[str, str]:
        """Return these members of a response; ``wanted`` is for the error."""
        url, region = sts_endpoint(self._context.region, self._context.config)
        clock = ServiceClock.of(self._context.clock)
        credentials = self._credentials or _UNSIGNED
        signer = CallSigner(
            RequestSigner(credentials, "sts", region, algorithm=sigv4_header, clock=clock)
        )
        form = {"Action": action, "Version": _API_VERSION}
        form |= {name: str(value) for name, value in params.items() if value is not None}
        deadline = Deadline(_BUDGET, clock.monotonic)
        state = RetryState(None, _MAX_ATTEMPTS, deadline.remaining)
        # All values that are sent and must not be shown.
        secrets = {form[name] for name in ("ExternalId", "WebIdentityToken") if name in form}
        report = make_report(self._context, "sts", action, url, secrets)

        def attempt() -> dict[str, str]:
            content = urlencode(form).encode()
            headers = {
                "accept": "text/xml",
                "accept-encoding": "identity",
                "content-type": "application/x-www-form-urlencoded",
                "host": Origin.from_url(url).host_header,
            }
            if credentials is not _UNSIGNED:
                validate_header_safe(credentials)
                headers |= signer.auth_headers("POST", f"{url}/", headers, content, credentials)
                secrets.update(secrets_of(credentials, headers["authorization"]))
            response = fetch_response(
                "POST",
                f"{url}/",
                headers | state.headers(),
                content,
                ssl_context=self._context.certificates,
                timeout=min(_TIMEOUT, deadline.remaining() or 0.0),
                limit=_MAX_BYTES,
                trust_env=True,
                monotonic=clock.monotonic,
                secrets=secrets,
            )
            texts = _element_texts(response.body)
            request_id = texts.get("RequestId") or response.headers.get("x-amzn-requestid")
            report.receive(response.status, request_id)
            if response.status != 200 or not all(map(texts.get, members)):
                raise _client_error(action, response, texts, members)
            # By this clock the credentials expire, and a call that is not signed is not refused.
            clock.correct(parse_http_date(response.headers.get("date", "")), clock.now())
            return {name: texts[name] for name in members}

        try:
            return call_with_retries(attempt, state, clock, report, signer.recover)
        except InvalidConfigError:  # a proxy or the certificates: not STS's, and named
            raise
        except PagerError as error:
            raise CredentialRetrievalError(f"STS returned no {wanted}: {error}") from error


def _client_error(
    action: str, response: ReceivedResponse, texts: Mapping[str, str], members: Sequence[str]
) -> ClientError:
    if response.status == 200:
        message = f"the response has no {next(name for name in members if not texts.get(name))}"
    else:
        message = texts.get("Message", "the response is not an error of STS")
    error_response = {
        "Error": {"Code": texts.get("Code") or str(response.status), "Message": message},
        "ResponseMetadata": {
            "RequestId": texts.get("RequestId"),
            "HTTPStatusCode": response.status,
            "HTTPHeaders": dict(response.headers),
        },
    }
    return ClientError(error_response, action)


def _element_texts(body: bytes) -> dict[str, str]:
    """Return the text of an XML document's elements by name, the first of each; {} if not XML."""
    texts: dict[str, str] = {}
    try:
        document = body.decode("utf-8")
        # STS sends no document type, which could declare endless entities. A NUL means another
        # encoding, in which a document type could be hidden.
        if "<!" in document or "\0" in document:
            return {}
        for element in ET.fromstring(document).iter():  # noqa: S314 - see above
            if element.text and element.text.strip():
                texts.setdefault(element.tag.rpartition("}")[2], element.text.strip())
    except (ET.ParseError, ValueError):
        return {}
    return texts
