"""The signature by hand is botocore's, byte for byte."""

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
    """A request and what it is signed with."""

    host: str
    path: str
    body: bytes
    keys: Credentials
    moment: datetime
    service: str
    region: str

    def by_hand(self) -> str:
        signer = RequestSigner(self.keys, self.service, self.region, clock=lambda: self.moment)
        url = f"https://{self.host}{self.path}"
        headers = {"content-type": "application/json", "host": self.host}
        added = signer.auth_headers(
            "POST", url, headers, self.body, self.keys, algorithm=sigv4_header
        )
        return added["authorization"]

    def by_botocore(self) -> str:
        request = botocore.awsrequest.AWSRequest(
            "POST",
            f"https://{self.host}{self.path}",
            headers={"Content-Type": "application/json"},
            data=self.body,
        )
        keys = botocore.credentials.Credentials(*self.keys_in_order())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "botocore.auth.get_current_datetime", lambda *, remove_tzinfo=True: self.moment
            )
            botocore.auth.SigV4Auth(keys, self.service, self.region).add_auth(request)
        return str(request.headers["Authorization"])

    def by_the_library(self) -> str:
        request = httpx.Request(
            "POST",
            f"https://{self.host}{self.path}",
            content=self.body,
            headers={"Content-Type": "application/json"},
        )
        auth = SigV4Auth(self.keys, self.service, self.region, clock=lambda: self.moment)
        auth.attach_resume_token(request, self.keys)
        return str(request.headers["authorization"])

    def keys_in_order(self) -> tuple[str, str, str | None]:
        return self.keys.access_key, self.keys.secret_key, self.keys.token


cases = st.builds(
    Case,
    hosts,
    paths,
    st.binary(max_size=200),
    st.builds(Credentials, printable, printable, st.none() | printable),
    st.datetimes(timezones=st.just(UTC)).filter(lambda moment: moment.year >= 1000),
    labels,
    labels,
)


@given(cases)
def test_it_is_botocores(case: Case) -> None:
    assert case.by_hand() == case.by_botocore() == case.by_the_library()
