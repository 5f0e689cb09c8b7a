"""The signature of the library without botocore: the same bytes as botocore's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager.aws.auth.httpx_auth import SigV4Auth
from imagebuilder_pager.aws.auth.signer import RequestSigner
from imagebuilder_pager.aws.auth.sigv4 import sigv4_header
from imagebuilder_pager.aws.identity import Credentials

printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=80)
labels = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
hosts = st.from_regex(r"[a-z][a-z0-9]{0,10}(\.[a-z]{1,10}){0,2}(:[1-9][0-9]{3})?", fullmatch=True)
paths = st.from_regex(r"/[A-Za-z0-9._~-]{1,40}", fullmatch=True).filter(
    lambda path: path not in {"/.", "/.."}
)


class Case(NamedTuple):
    """A request, and the credentials, time and scope of its signature."""

    host: str
    path: str
    body: bytes
    credentials: Credentials
    now: datetime
    service: str
    region: str

    def sign_without_botocore(self) -> str:
        signer = RequestSigner(self.credentials, self.service, self.region, clock=lambda: self.now)
        url = f"https://{self.host}{self.path}"
        headers = {"content-type": "application/json", "host": self.host}
        added = signer.auth_headers(
            "POST", url, headers, self.body, self.credentials, algorithm=sigv4_header
        )
        return added["authorization"]

    def sign_with_botocore(self) -> str:
        request = botocore.awsrequest.AWSRequest(
            "POST",
            f"https://{self.host}{self.path}",
            headers={"Content-Type": "application/json"},
            data=self.body,
        )
        ours = self.credentials
        credentials = botocore.credentials.Credentials(ours.access_key, ours.secret_key, ours.token)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "botocore.auth.get_current_datetime", lambda *, remove_tzinfo=True: self.now
            )
            botocore.auth.SigV4Auth(credentials, self.service, self.region).add_auth(request)
        return str(request.headers["Authorization"])

    def sign_with_httpx_auth(self) -> str:
        request = httpx.Request(
            "POST",
            f"https://{self.host}{self.path}",
            content=self.body,
            headers={"Content-Type": "application/json"},
        )
        auth = SigV4Auth(self.credentials, self.service, self.region, clock=lambda: self.now)
        next(auth.auth_flow(request))
        return str(request.headers["authorization"])


cases = st.builds(
    Case,
    hosts,
    paths,
    st.binary(max_size=200),
    st.builds(Credentials, printable, printable, st.none() | printable),
    st.datetimes(timezones=st.just(UTC)).filter(lambda now: now.year >= 1000),
    labels,
    labels,
)


@given(cases)
def test_every_signature_is_the_same_as_that_of_botocore(case: Case) -> None:
    assert case.sign_without_botocore() == case.sign_with_botocore() == case.sign_with_httpx_auth()
