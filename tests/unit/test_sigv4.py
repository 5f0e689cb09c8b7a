"""The signature of the library without botocore: the same bytes as botocore's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager._aws.auth.botocore_sigv4 import botocore_sigv4_header
from imagebuilder_pager._aws.auth.signer import RequestSigner, SigningAlgorithm
from imagebuilder_pager._aws.auth.sigv4 import sigv4_header
from imagebuilder_pager._aws.identity import Credentials

printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=80)
labels = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
hosts = st.from_regex(r"[a-z][a-z0-9]{0,10}(\.[a-z]{1,10}){0,2}(:[1-9][0-9]{3})?", fullmatch=True)
# Dot segments, double slashes, encoded characters, and characters that are to be encoded.
segments = st.sampled_from(
    ["", ".", "..", "...", "%2F", "a b", "a+b", "\N{LATIN SMALL LETTER E WITH ACUTE}"]
)
paths = st.lists(
    segments | st.from_regex(r"[A-Za-z0-9._~:@!$&'()*,;=-]{1,20}", fullmatch=True)
).map(lambda parts: "/" + "/".join(parts))
pairs = st.from_regex(r"[A-Za-z0-9._~%+-]{0,10}(=[A-Za-z0-9._~%+=-]{0,20})?", fullmatch=True)
queries = st.lists(pairs, max_size=4).map("&".join)


class Case(NamedTuple):
    """A request, and the credentials, time and scope of its signature."""

    method: str
    host: str
    path: str
    query: str
    body: bytes
    credentials: Credentials
    now: datetime
    service: str
    region: str

    @property
    def url(self) -> str:
        return f"https://{self.host}{self.path}{'?' if self.query else ''}{self.query}"

    def sign(self, algorithm: SigningAlgorithm) -> str:
        signer = RequestSigner(
            self.credentials,
            self.service,
            self.region,
            algorithm=algorithm,
            clock=lambda: self.now,
        )
        headers = {"content-type": "application/json", "host": self.host}
        added = signer.auth_headers(self.method, self.url, headers, self.body, self.credentials)
        return added["authorization"]

    def sign_with_botocore(self) -> str:
        request = botocore.awsrequest.AWSRequest(
            self.method,
            self.url,
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


cases = st.builds(
    Case,
    st.sampled_from(["GET", "POST"]),
    hosts,
    paths,
    queries,
    st.binary(max_size=200),
    st.builds(Credentials, printable, printable, st.none() | printable),
    st.datetimes(timezones=st.just(UTC)).filter(lambda now: now.year >= 1000),
    labels,
    labels,
)


@given(cases)
def test_every_signature_is_the_same_as_that_of_botocore(case: Case) -> None:
    expected = case.sign_with_botocore()
    assert case.sign(sigv4_header) == expected
    assert case.sign(botocore_sigv4_header) == expected
