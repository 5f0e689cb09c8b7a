"""A machine whose clock is wrong, with credentials of STS: one service's time serves the other."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import botocore.auth
import botocore.exceptions
import httpx
import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.local.errors import ServiceError
from imagebuilder_pager.local.sigv4_verifier import verify_signature
from tests.fakes.calls import MakeCalls, async_calls, sync_calls
from tests.fakes.clocks import NoSleepClock
from tests.fakes.credential_endpoints import (
    CredentialEndpoints,
    CredentialSettings,
    boto3_credentials,
)
from tests.fakes.services import error_response

MINUTE = timedelta(minutes=1)


class Services(CredentialEndpoints):
    """STS and Image Builder, which have the right time and refuse what is signed by another.

    ``responses`` has a line for each, such as ``sts 200``. ``code`` is that of a refusal by STS.
    """

    code = "SignatureDoesNotMatch"

    def __init__(self) -> None:
        super().__init__()
        self.responses: list[str] = []

    def _serve(self, request: httpx.Request) -> httpx.Response:
        now = datetime.now(UTC)
        name = "sts" if request.url.path == "/" else "imagebuilder"
        status, content = 200, b'{"resources": []}'
        if name == "sts":
            status, content = self.respond(request)
            content = content.replace(b"SignatureDoesNotMatch", self.code.encode())
        else:
            try:
                verify_signature(request, secrets=self.secrets, service=name, now=now)
            except ServiceError as error:
                status, content = 403, json.dumps({"message": error.message}).encode()
        headers = {"date": format_datetime(now, usegmt=True)}
        if status != 200:
            headers["x-amzn-errortype"] = "InvalidSignatureException"
        self.responses.append(f"{name} {status}")
        return httpx.Response(status, headers=headers, content=content)


@pytest.fixture
def endpoints() -> Iterator[Services]:
    services = Services()
    yield services
    services.close()


@pytest.fixture
def services(settings: CredentialSettings, endpoints: Services) -> Services:
    settings.set_profiles()
    settings.environment(AWS_PROFILE="source")
    return endpoints


@pytest.fixture(params=[sync_calls, async_calls], ids=["sync", "async"])
def make_calls(request: pytest.FixtureRequest) -> MakeCalls:
    function: MakeCalls = request.param
    return function


@pytest.mark.parametrize("ahead", [20, -20, 14, -14, 60 * 24, -60 * 24 * 365 * 20])
@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "RequestExpired"])
def test_the_correction_by_sts_serves_image_builder(
    services: Services, make_calls: MakeCalls, code: str, ahead: int
) -> None:
    """Credentials of 15 minutes are not taken for expired."""
    services.code, services.lifetime = code, 15 * MINUTE
    clock = NoSleepClock()
    clock.ahead = ahead * MINUTE
    assert make_calls(services._serve, 2, clock=clock) == [None, None]
    assert services.responses[:3] == ["sts 403", "sts 200", "imagebuilder 200"]
    assert "imagebuilder 403" not in services.responses


@pytest.mark.parametrize("ahead", [20, -20])
def test_the_correction_by_image_builder_serves_sts(
    services: Services, make_calls: MakeCalls, ahead: int
) -> None:
    """The clock jumps after the first page, and the credentials are expired after the second."""
    clock = NoSleepClock()

    def respond(request: httpx.Request) -> httpx.Response:
        if len(services.responses) == 4:
            services.responses.append("imagebuilder expired")
            return error_response(403, "ExpiredTokenException")
        response = services._serve(request)
        clock.ahead = ahead * MINUTE
        return response

    assert make_calls(respond, 3, clock=clock) == [None] * 3
    assert services.responses == [
        *("sts 200", "imagebuilder 200"),
        *("imagebuilder 403", "imagebuilder 200"),
        *("imagebuilder expired", "sts 200", "imagebuilder 200"),
    ]


@pytest.mark.parametrize("ahead", [70, -20])
def test_a_call_that_is_not_signed_corrects_the_clock(
    settings: CredentialSettings, services: Services, make_calls: MakeCalls, ahead: int
) -> None:
    """Else its credentials of an hour would be expired when they arrive."""
    settings.environment(AWS_PROFILE=None)
    settings.set_web_identity()
    clock = NoSleepClock()
    clock.ahead = ahead * MINUTE
    assert make_calls(services._serve, 1, clock=clock) == [None]
    assert services.responses == ["sts 200", "imagebuilder 200"]


@pytest.mark.parametrize(
    ("code", "ahead"), [("InvalidClientTokenId", 20), ("SignatureDoesNotMatch", 3)]
)
def test_a_refusal_for_another_reason_is_not_sent_again(
    services: Services, make_calls: MakeCalls, code: str, ahead: int
) -> None:
    services.code = code
    services.secrets["AKIDCONFIG"] = "another"
    clock = NoSleepClock()
    clock.ahead = ahead * MINUTE
    (error,) = make_calls(services._serve, 1, clock=clock)
    assert isinstance(error, exceptions.CredentialRetrievalError)
    assert code in str(error)
    assert services.responses == ["sts 403"]


def test_boto3_has_no_credentials_by_a_wrong_clock(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    now: Any = vars(botocore.auth)["get_current_datetime"]
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now() + 20 * MINUTE)
    with pytest.raises(botocore.exceptions.ClientError, match="SignatureDoesNotMatch"):
        boto3_credentials("source")
    assert services.responses == ["sts 403"]
