"""The local service's faults, in process: other responses, and the exceptions of httpx."""

import asyncio
import datetime as dt
import email.utils
import gzip
import json
import zlib
from typing import Any

import httpx
import pytest
import respx

from imagebuilder_pager.local import (
    Account,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    generate_account,
)
from tests.fakes.accounts import URL, signed_list_request
from tests.fakes.local_operations import call

ACCOUNT = generate_account(resources=60)


def local(fault: Fault) -> LocalImageBuilder:
    """Return a service whose first request meets the fault."""
    return LocalImageBuilder(ACCOUNT, faults=FaultPlan({1: fault}))


@pytest.fixture(scope="module")
def original() -> httpx.Response:
    return LocalImageBuilder(ACCOUNT)(signed_list_request())


def response_with(fault: Fault) -> httpx.Response:
    """Return the response to a client whose first request meets the fault."""
    service = local(fault)
    with httpx.Client(transport=httpx.MockTransport(service)) as client:
        response = client.send(signed_list_request())
        again = client.send(signed_list_request())
    assert again.status_code == 200, "the fault has passed"
    return response


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault("throttle"), 429, "CallRateLimitExceededException"),
        (Fault("throttle", code="ThrottlingException"), 400, "ThrottlingException"),
        (Fault("server-error"), 500, "ServiceException"),
        (Fault("server-error", status=502), 502, None),
        (Fault("server-error", status=503), 503, "ServiceUnavailableException"),
        (Fault("server-error", status=504), 504, None),
        (Fault("expired-token"), 400, "InvalidPaginationTokenException"),
        (Fault("expired-credentials"), 403, "ExpiredTokenException"),
        (Fault("error", code="TeapotException", status=418), 418, "TeapotException"),
    ],
)
def test_an_error_response_has_its_status_code_and_headers(
    fault: Fault, status: int, code: str | None
) -> None:
    response = response_with(fault)
    assert response.status_code == status
    assert response.headers.get("x-amzn-ErrorType") == code
    assert response.headers["x-amzn-RequestId"]
    assert response.headers["Date"]
    assert response.headers["Content-Type"] == "application/json"
    assert "Retry-After" not in response.headers
    assert list(response.json()) == ["message"]


@pytest.mark.parametrize(
    ("wait", "header"), [(2, "2"), (0.5, "0.5"), ("Wed, 21 Oct 2026 07:28:00 GMT",) * 2]
)
@pytest.mark.parametrize("name", ["throttle", "server-error"])
def test_retry_after_is_a_header(name: str, wait: int | str, header: str) -> None:
    assert response_with(Fault(name, retry_after=wait)).headers["Retry-After"] == header


def test_an_error_of_a_proxy_has_no_headers_of_the_service() -> None:
    page = response_with(Fault("html"))
    html = response_with(Fault("server-error", status=502, body="html"))
    for response, status in ((page, 200), (html, 502)):
        assert (response.status_code, response.headers["Content-Type"]) == (status, "text/html")
        assert response.text.startswith("<!DOCTYPE html>")
    empty = response_with(Fault("server-error", status=504, body="empty", retry_after=1))
    assert (empty.status_code, empty.content) == (504, b"")
    assert (empty.headers["Content-Length"], empty.headers["Retry-After"]) == ("0", "1")
    assert "Content-Type" not in empty.headers
    for response in (page, html, empty):
        assert not [name for name in response.headers if name.startswith("x-amzn")]


def test_a_redirect_has_its_location() -> None:
    own = response_with(Fault("redirect"))
    assert (own.status_code, own.headers["Location"]) == (307, URL)
    other = response_with(Fault("redirect", status=302, location="https://x.test/"))
    assert (other.status_code, other.headers["Location"]) == (302, "https://x.test/")


def test_wrong_json_cuts_or_replaces_the_body(original: httpx.Response) -> None:
    cut = response_with(Fault("wrong-json"))
    assert cut.headers["Content-Length"] == str(len(cut.content))
    assert len(cut.content) == len(original.content) // 2
    with pytest.raises(json.JSONDecodeError):
        cut.json()
    assert response_with(Fault("wrong-json", how="list")).content == b"[]"
    assert response_with(Fault("wrong-json", how="empty")).content == b""


def test_wrong_type_replaces_one_member(original: httpx.Response) -> None:
    def changed(member: str, value: Any = 17) -> Any:
        response = response_with(Fault("wrong-type", member=member, value=value))
        assert response.status_code == 200
        return response.json()

    expected = original.json()
    got = response_with(Fault("wrong-type")).json()
    assert got["resources"][0].pop("resourceId") == 17
    del expected["resources"][0]["resourceId"]
    assert got["resources"] == expected["resources"]

    for page, path in (
        ({"imageVersionList": [{"arn": "a"}, {}]}, {"imageVersionList": [17, {}]}),
        ({"imageVersionList": [], "requestId": "r"}, {"imageVersionList": 17, "requestId": "r"}),
    ):
        given = Account(pages={"ListImages": [page]})
        service = LocalImageBuilder(given, faults=FaultPlan({1: Fault("wrong-type")}))
        assert json.loads(call(service, "ListImages").read()) == path

    assert changed("nextToken", None)["nextToken"] is None
    assert changed("resources", "x")["resources"] == "x"
    assert changed("resources.1")["resources"][1] == 17
    assert changed("resources.0.state.status")["resources"][0]["state"]["status"] == 17
    assert changed("new", value=True)["new"] is True
    # Where the path leaves the page.
    assert changed("resources.99.resourceId")["resources"] == 17
    assert changed("resources.x")["resources"] == 17
    assert changed("nextToken.0")["nextToken"] == 17
    assert changed("new.0")["new"] == 17


def test_a_fault_of_the_body_keeps_the_status_of_an_error() -> None:
    service = LocalImageBuilder(ACCOUNT, faults=FaultPlan.every(1, Fault("wrong-json")))
    response = service(httpx.Request("POST", URL))
    assert response.status_code == 403
    assert response.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


@pytest.mark.parametrize(
    ("how", "error"), [("damaged", httpx.DecodingError), ("cut", json.JSONDecodeError)]
)
def test_broken_gzip_cannot_be_decompressed(how: str, error: type[Exception]) -> None:
    response = local(Fault("broken-gzip", how=how))(signed_list_request())
    assert response.headers["Content-Encoding"] == "gzip"
    body = b"".join(response.iter_raw())
    assert response.headers["Content-Length"] == str(len(body))
    assert body.startswith(b"\x1f\x8b"), "it begins with the magic number of gzip"
    with pytest.raises((zlib.error, EOFError)):
        gzip.decompress(body)
    with pytest.raises(error):
        response_with(Fault("broken-gzip", how=how)).json()


@pytest.mark.parametrize("minutes", [20, -20, 6.5])
def test_a_skewed_clock_stays_skewed(minutes: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def signed_at(now: dt.datetime, **parameters: Any) -> httpx.Request:
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: now)
        return signed_list_request(**parameters)

    real = dt.datetime(2025, 3, 3, 12, 0, tzinfo=dt.UTC)
    plan = FaultPlan({2: Fault("clock-skew", minutes=minutes)})
    service = LocalImageBuilder(ACCOUNT, clock=lambda: real, faults=plan)
    first = service(signed_at(real))
    assert (first.status_code, first.headers["Date"]) == (200, "Mon, 03 Mar 2025 12:00:00 GMT")
    token = first.json()["nextToken"]
    for _ in range(2):
        error_response = service(signed_at(real, nextToken=token))
        assert error_response.status_code == 403
        assert error_response.headers["x-amzn-ErrorType"] == "InvalidSignatureException"
        expired = "Signature expired" if minutes > 0 else "Signature not yet current"
        assert error_response.json()["message"].startswith(expired)
    # The clock stays wrong, so that a client that corrects its own by the Date header succeeds.
    date = email.utils.parsedate_to_datetime(error_response.headers["Date"])
    assert date - real == dt.timedelta(minutes=minutes)
    for _ in range(2):
        page = service(signed_at(date, nextToken=token))
        assert page.status_code == 200
        assert email.utils.parsedate_to_datetime(page.headers["Date"]) == date
    # Tokens are not older by it, and the same position has the same token.
    assert service(signed_at(date)).json()["nextToken"] == token


def test_lasting_expired_credentials_stay_expired() -> None:
    plan = FaultPlan({2: Fault("expired-credentials", lasting=True), 4: Fault("throttle")})
    service = LocalImageBuilder(ACCOUNT, faults=plan)

    def status(session_token: str | None) -> int:
        return service(signed_list_request(session_token=session_token)).status_code

    assert [status(token) for token in ("a", "a", "a", "a", "b", None, "a")] == [
        *(200, 403, 403, 429, 200, 200, 403)
    ]
    assert service(httpx.Request("POST", URL)).headers["x-amzn-ErrorType"] == (
        "MissingAuthenticationTokenException"
    )
    assert [info.request for info, _ in plan.injected] == [2, 4]
    expired = ("403 ExpiredTokenException", Fault("expired-credentials", lasting=True))
    assert [(service.calls[n].outcome, service.calls[n].fault) for n in (1, 2)] == [expired] * 2


# The connection's.

BROKEN_CONNECTIONS: list[tuple[str, type[httpx.TransportError]]] = [
    ("reset-before", httpx.ReadError),
    ("reset-within", httpx.ReadError),
    ("close-before", httpx.RemoteProtocolError),
    ("half-body", httpx.RemoteProtocolError),
    ("body-shorter", httpx.RemoteProtocolError),
    ("stall", httpx.ReadTimeout),
    ("stall-within", httpx.ReadTimeout),
]


@pytest.mark.parametrize(("name", "error"), BROKEN_CONNECTIONS)
def test_a_broken_connection_is_an_error_of_httpx(
    name: str, error: type[httpx.TransportError]
) -> None:
    with pytest.raises(error) as caught:
        response_with(Fault(name))
    assert str(caught.value.request.url) == URL

    async def send_async() -> int:
        service = local(Fault(name))
        async with httpx.AsyncClient(transport=httpx.MockTransport(service)) as client:
            with pytest.raises(error):
                await client.send(signed_list_request())
            return (await client.send(signed_list_request())).status_code

    assert asyncio.run(send_async()) == 200


@pytest.mark.parametrize("name", ["reset-within", "half-body", "stall-within"])
def test_half_of_the_body_comes_before_the_error(original: httpx.Response, name: str) -> None:
    service = local(Fault(name))
    received: list[bytes] = []
    with httpx.Client(transport=httpx.MockTransport(service)) as client:
        response = client.send(signed_list_request(), stream=True)
        assert response.headers["Content-Length"] == str(len(original.content))
        with pytest.raises(httpx.TransportError):
            received.extend(iter(response.iter_bytes()))
    assert b"".join(received) == original.content[: len(original.content) // 2]


def test_a_delay_longer_than_the_read_timeout_is_an_error() -> None:
    plan = FaultPlan.every(1, Fault("slow", delay=60))
    transport = httpx.MockTransport(LocalImageBuilder(ACCOUNT, faults=plan))
    with httpx.Client(transport=transport) as client:
        for timeout in (61.0, None):
            assert client.post(URL, timeout=timeout).status_code == 403
        with pytest.raises(httpx.ReadTimeout):
            client.post(URL, timeout=59.0)


@pytest.mark.parametrize("name", ["broken-gzip", "reset-before", "reset-within"])
def test_faults_work_with_respx(name: str) -> None:
    service = local(Fault(name))
    with respx.mock, httpx.Client() as client:
        respx.post(URL).mock(side_effect=service)
        with pytest.raises((httpx.ReadError, httpx.DecodingError)):
            client.send(signed_list_request())
        assert client.send(signed_list_request()).status_code == 200
    assert service.requests == 2
