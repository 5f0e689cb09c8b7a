"""The calls of STS that return a role's credentials, for ``botocore.credentials``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

import httpx

from ...exceptions import ClientError, CredentialRetrievalError, InvalidConfigError, PagerError
from ..auth.httpx_auth import SigV4Auth
from ..config.endpoints import ServiceMetadata, endpoint_from_config, resolve_endpoint
from ..config.shared_config import SharedConfig
from ..identity import Credentials, CredentialsContext
from ..retries import RetryState, call_with_retries
from ..transport.body import read_body
from ..transport.errors import map_httpx_error

__all__ = ["StsClient", "sts_endpoint"]


_STS = ServiceMetadata("sts", fips_partitions=frozenset({"aws-us-gov"}))
_API_VERSION = "2011-06-15"
_TIMEOUT = 10.0  # seconds, of each attempt
_MAX_ATTEMPTS = 3
_MAX_BYTES = 256 * 1024
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
    mode = config.get("AWS_STS_REGIONAL_ENDPOINTS", key="sts_regional_endpoints")
    if mode is not None and mode.value not in {"regional", "legacy"}:
        raise InvalidConfigError(
            f"{mode.source}: {mode.value[:80]!r} given; allowed: regional, legacy"
        )
    url = resolve_endpoint(_STS, region, config)
    # FIPS, dual-stack and custom endpoints have no legacy mode.
    is_default = url == f"https://sts.{region}.amazonaws.com" and not endpoint_from_config(
        _STS, config
    )
    if is_default and mode is not None and mode.value == "legacy" and region in _LEGACY_REGIONS:
        return "https://sts.amazonaws.com", "us-east-1"
    return url, region


class StsClient:
    """An STS client with the two methods of boto3's that ``botocore.credentials`` calls.

    ``credentials`` sign ``assume_role``; they are None for ``assume_role_with_web_identity``, which
    is not signed.
    """

    def __init__(self, context: CredentialsContext, credentials: Credentials | None) -> None:
        self._context = context
        self._credentials = credentials

    def assume_role(self, **params: Any) -> dict[str, Any]:
        """Call AssumeRole with boto3's parameters; return what boto3 returns of the credentials.

        Raises :class:`CredentialRetrievalError`.
        """
        return self._call("AssumeRole", params)

    def assume_role_with_web_identity(self, **params: Any) -> dict[str, Any]:
        """Call AssumeRoleWithWebIdentity, in the same way as :meth:`assume_role`."""
        return self._call("AssumeRoleWithWebIdentity", params)

    def _call(self, action: str, params: dict[str, Any]) -> dict[str, Any]:
        url, region = sts_endpoint(self._context.region, self._context.config)
        clock = self._context.clock
        auth = (
            None
            if self._credentials is None
            else SigV4Auth(self._credentials, "sts", region, clock=clock.now)
        )
        form = {"Action": action, "Version": _API_VERSION}
        form |= {name: str(value) for name, value in params.items()}
        state = RetryState(None, _MAX_ATTEMPTS, clock.monotonic)
        with httpx.Client(verify=self._context.certificates.context(), timeout=_TIMEOUT) as http:
            try:
                return call_with_retries(lambda: self._send(http, url, auth, form), state, clock)
            except PagerError as error:
                raise CredentialRetrievalError(
                    f"STS returned no credentials for {params.get('RoleArn')}: {error}"
                ) from error

    def _send(
        self, http: httpx.Client, url: str, auth: httpx.Auth | None, form: dict[str, str]
    ) -> dict[str, Any]:
        # Nothing but what is signed: no cookies, no default headers.
        request = httpx.Request(
            "POST",
            url + "/",
            data=form,
            headers={"Accept": "text/xml", "Accept-Encoding": "identity"},
            extensions={"timeout": http.timeout.as_dict()},
        )
        failure = None
        try:
            response = http.send(request, auth=auth, follow_redirects=False, stream=True)
            try:
                body = read_body(response, _MAX_BYTES) or b""
            finally:
                response.close()
        except httpx.HTTPError as error:
            failure = map_httpx_error(error, url)
        if failure is not None:
            raise failure  # outside of the handler: its context has the request, with the token
        texts = _element_texts(body)
        if response.status_code != 200 or not all(map(texts.get, _CREDENTIAL_MEMBERS)):
            raise self._client_error(form, response, texts)
        credentials = {name: texts[name] for name in _CREDENTIAL_MEMBERS}
        return {"Credentials": credentials, "AssumedRoleUser": {"Arn": texts.get("Arn", "")}}

    def _client_error(
        self, form: Mapping[str, str], response: httpx.Response, texts: Mapping[str, str]
    ) -> ClientError:
        if response.status_code == 200:
            message = "the response has no credentials"
        else:
            message = texts.get("Message", "the response is not an error of STS")[:500]
        # A response may repeat what it was sent.
        secrets = [form.get("WebIdentityToken")]
        if self._credentials is not None:
            secrets += [self._credentials.secret_key, self._credentials.token]
        for secret in filter(None, secrets):
            message = message.replace(secret, "(removed)")
        error_response = {
            "Error": {
                "Code": texts.get("Code") or str(response.status_code),
                "Message": message,
            },
            "ResponseMetadata": {
                "RequestId": texts.get("RequestId"),
                "HTTPStatusCode": response.status_code,
                "HTTPHeaders": dict(response.headers),
            },
        }
        return ClientError(error_response, form["Action"])


_CREDENTIAL_MEMBERS = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")


def _element_texts(body: bytes) -> dict[str, str]:
    """Return the text of an XML document's elements by name, the first of each; {} if not XML."""
    if b"<!" in body:  # STS has no document type; one could declare entities that expand endlessly
        return {}
    texts: dict[str, str] = {}
    try:
        for element in ET.fromstring(body).iter():  # noqa: S314 - see above
            if element.text and element.text.strip():
                texts.setdefault(element.tag.rpartition("}")[2], element.text.strip())
    except ET.ParseError:
        return {}
    return texts
