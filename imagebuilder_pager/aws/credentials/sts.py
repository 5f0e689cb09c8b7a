"""The calls of STS that make keys of a role: what ``botocore.credentials`` asks a client for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

import httpx

from ...exceptions import ClientError, CredentialRetrievalError, InvalidConfigError, PagerError
from ..auth.botocore_sigv4 import SigV4Auth
from ..config.endpoints import ServiceMetadata, endpoint_from_config, resolve_endpoint
from ..config.shared_config import Profile
from ..identity import Credentials, CredentialsContext
from ..retries import RetryQuota, RetryState
from ..transport.errors import map_transport_error

__all__ = ["StsClient", "sts_endpoint"]


_STS = ServiceMetadata("sts", fips_partitions=frozenset({"aws-us-gov"}))
_API_VERSION = "2011-06-15"
_TIMEOUT = 10.0  # seconds, of each attempt
_MAX_ATTEMPTS = 3
_MAX_BYTES = 256 * 1024
#: The regions that "legacy" sends to the one endpoint that STS had first; botocore's list.
_LEGACY_REGIONS = frozenset(
    {
        *("ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "aws-global"),
        *("ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3"),
        *("sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2"),
    }
)


def sts_endpoint(region: str, profile: Profile) -> tuple[str, str]:
    """The URL of STS, and the region to sign for.

    The settings are those of any service (``AWS_ENDPOINT_URL_STS`` and so on), and
    ``AWS_STS_REGIONAL_ENDPOINTS`` or the profile's ``sts_regional_endpoints``: ``regional``, which
    is the default, or ``legacy``.
    """
    found = profile.get("AWS_STS_REGIONAL_ENDPOINTS", key="sts_regional_endpoints")
    if found is not None and found.value not in {"regional", "legacy"}:
        raise InvalidConfigError(
            f"{found.source}: {found.value[:80]!r} given; allowed: regional, legacy"
        )
    url = resolve_endpoint(_STS, region, profile)
    # Neither FIPS nor dual-stack nor an endpoint of one's own: those have no legacy.
    plain = url == f"https://sts.{region}.amazonaws.com" and not endpoint_from_config(_STS, profile)
    if plain and found is not None and found.value == "legacy" and region in _LEGACY_REGIONS:
        return "https://sts.amazonaws.com", "us-east-1"
    return url, region


class StsClient:
    """What ``botocore.credentials`` uses of a boto3 STS client.

    ``keys`` sign ``assume_role``; None for ``assume_role_with_web_identity``, which is not signed.
    """

    def __init__(self, surroundings: CredentialsContext, keys: Credentials | None) -> None:
        self._surroundings = surroundings
        self._credentials = keys

    def assume_role(self, **params: Any) -> dict[str, Any]:
        """AssumeRole, with boto3's parameters and answer, as far as keys are concerned."""
        return self._call("AssumeRole", params)

    def assume_role_with_web_identity(self, **params: Any) -> dict[str, Any]:
        """AssumeRoleWithWebIdentity, with boto3's parameters and answer, likewise."""
        return self._call("AssumeRoleWithWebIdentity", params)

    def _call(self, action: str, params: dict[str, Any]) -> dict[str, Any]:
        url, region = sts_endpoint(self._surroundings.region, self._surroundings.profile)
        clock = self._surroundings.clock
        auth = (
            None
            if self._credentials is None
            else SigV4Auth(self._credentials, "sts", region, clock=clock.now)
        )
        form = {"Action": action, "Version": _API_VERSION}
        form |= {name: str(value) for name, value in params.items()}
        attempts = RetryState(RetryQuota(), _MAX_ATTEMPTS, clock.monotonic)
        with httpx.Client(
            verify=self._surroundings.certificates.context(), timeout=_TIMEOUT
        ) as http:
            while True:
                attempts.start_attempt()
                try:
                    return self._send(http, url, auth, form)
                except PagerError as error:
                    failure = error
                if (wait := attempts.delay_after(failure, clock.now())) is None:
                    break
                clock.sleep(wait)
        raise CredentialRetrievalError(
            f"STS gave no keys for {params.get('RoleArn')}: {failure}"
        ) from failure

    def _send(
        self, http: httpx.Client, url: str, auth: httpx.Auth | None, form: dict[str, str]
    ) -> dict[str, Any]:
        # As in signing's own requests, nothing but what is signed: no cookies, no default headers.
        request = httpx.Request(
            "POST",
            url + "/",
            data=form,
            headers={"Accept": "text/xml", "Accept-Encoding": "identity"},
            extensions={"timeout": http.timeout.as_dict()},
        )
        problem = None
        try:
            response = http.send(request, auth=auth, follow_redirects=False, stream=True)
            try:
                body = b""
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > _MAX_BYTES:
                        break
            finally:
                response.close()
        except httpx.HTTPError as error:
            problem = map_transport_error(error, url)
        if problem is not None:
            raise problem  # outside of the handler: its context has the request, with the token
        texts = _element_texts(body)
        if response.status_code != 200 or not all(map(texts.get, _KEYS)):
            raise self._client_error(form, response, texts)
        keys = {name: texts[name] for name in _KEYS}
        return {"Credentials": keys, "AssumedRoleUser": {"Arn": texts.get("Arn", "")}}

    def _client_error(
        self, form: Mapping[str, str], response: httpx.Response, texts: Mapping[str, str]
    ) -> ClientError:
        if response.status_code == 200:
            message = "there are no keys in the answer"
        else:
            message = texts.get("Message", "the answer is no error of STS")[:500]
        # Whatever answered may repeat what it was sent.
        secrets = [form.get("WebIdentityToken")]
        if self._credentials is not None:
            secrets += [self._credentials.secret_key, self._credentials.token]
        for secret in filter(None, secrets):
            message = message.replace(secret, "(removed)")
        answer = {
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
        return ClientError(answer, form["Action"])


_KEYS = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")


def _element_texts(body: bytes) -> dict[str, str]:
    """The texts of an XML document's elements by their names, the first of each; {} for no XML."""
    if b"<!" in body:  # a document type, which STS has none of, could declare endless entities
        return {}
    texts: dict[str, str] = {}
    try:
        for element in ET.fromstring(body).iter():  # noqa: S314 - see above
            if element.text and element.text.strip():
                texts.setdefault(element.tag.rpartition("}")[2], element.text.strip())
    except ET.ParseError:
        return {}
    return texts
