"""The local service's faults in process: what each answer is, and what each exception."""

import datetime as dt
import email.utils
import gzip
import json
import zlib
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    SECRET_ACCESS_KEY,
    Account,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    generate_account,
)

URL = "http://imagebuilder.test/ListLifecycleExecutionResources"


@pytest.fixture(scope="module")
def account() -> Account:
    return generate_account(resources=60)


@pytest.fixture(scope="module")
def true(account: Account) -> httpx.Response:
    return LocalImageBuilder(account)(signed())


def signed(
    monkeypatch: pytest.MonkeyPatch | None = None,
    now: dt.datetime | None = None,
    session_token: str | None = None,
    **parameters: Any,
) -> httpx.Request:
    body = json.dumps({"lifecycleExecutionId": EXAMPLE_EXECUTION_ID, **parameters}).encode()
    aws_request = AWSRequest(method="POST", url=URL, data=body)
    credentials = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY, session_token)
    if monkeypatch is not None:
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: now)
    SigV4Auth(credentials, "imagebuilder", "us-west-2").add_auth(aws_request)
    return httpx.Request("POST", URL, headers=dict(aws_request.headers.items()), content=body)


def answer(account: Account, fault: Fault, **parameters: Any) -> httpx.Response:
    """What a client gets whose first request meets the fault."""
    service = LocalImageBuilder(account, faults=FaultPlan({1: fault}))
    with httpx.Client(transport=httpx.MockTransport(service)) as client:
        response = client.send(signed(**parameters))
        assert client.send(signed(**parameters)).status_code == 200, "the fault has passed"
    return response


def raw(response: httpx.Response) -> bytes:
    return b"".join(response.iter_raw())


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
    ],
)
def test_refusals(account: Account, fault: Fault, status: int, code: str | None) -> None:
    response = answer(account, fault)
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
def test_retry_after(account: Account, name: str, wait: int | str, header: str) -> None:
    assert answer(account, Fault(name, retry_after=wait)).headers["Retry-After"] == header


def test_errors_of_a_proxy(account: Account) -> None:
    html = answer(account, Fault("server-error", status=502, body="html"))
    assert (html.status_code, html.headers["Content-Type"]) == (502, "text/html")
    assert html.text.startswith("<!DOCTYPE html>")
    empty = answer(account, Fault("server-error", status=504, body="empty", retry_after=1))
    assert (empty.status_code, empty.content) == (504, b"")
    assert (empty.headers["Content-Length"], empty.headers["Retry-After"]) == ("0", "1")
    assert "Content-Type" not in empty.headers
    for response in (html, empty, answer(account, Fault("html"))):
        assert not [name for name in response.headers if name.startswith("x-amzn")]


def test_html(account: Account) -> None:
    response = answer(account, Fault("html"))
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html")
    assert response.text.startswith("<!DOCTYPE html>")


def test_redirect(account: Account) -> None:
    response = answer(account, Fault("redirect"))
    assert (response.status_code, response.headers["Location"]) == (307, URL)
    response = answer(account, Fault("redirect", status=302, location="https://x.test/"))
    assert (response.status_code, response.headers["Location"]) == (302, "https://x.test/")


def test_wrong_json(account: Account, true: httpx.Response) -> None:
    cut = answer(account, Fault("wrong-json"))
    assert cut.headers["Content-Length"] == str(len(cut.content))
    assert len(cut.content) == len(true.content) // 2
    with pytest.raises(json.JSONDecodeError):
        cut.json()
    assert answer(account, Fault("wrong-json", how="list")).content == b"[]"
    assert answer(account, Fault("wrong-json", how="empty")).content == b""


def test_wrong_type(account: Account, true: httpx.Response) -> None:
    def changed(member: str, value: Any = 17, **parameters: Any) -> Any:
        fault = Fault("wrong-type", member=member, value=value)
        response = answer(account, fault, **parameters)
        assert response.status_code == 200
        return response.json()

    expected = true.json()
    got = answer(account, Fault("wrong-type")).json()
    assert got["resources"][0].pop("resourceId") == 17
    del expected["resources"][0]["resourceId"]
    assert got["resources"] == expected["resources"]

    assert changed("nextToken", None)["nextToken"] is None
    assert changed("resources", "x")["resources"] == "x"
    assert changed("resources.1")["resources"][1] == 17
    assert changed("resources.0.state.status")["resources"][0]["state"]["status"] == 17
    assert changed("new", value=True)["new"] is True
    # As near to the member as the page goes.
    assert changed("resources.99.resourceId")["resources"] == 17
    assert changed("resources.x")["resources"] == 17
    assert changed("nextToken.0")["nextToken"] == 17
    assert changed("new.0")["new"] == 17


def test_faults_of_the_body_leave_a_refusal_a_refusal(account: Account) -> None:
    service = LocalImageBuilder(account, faults=FaultPlan.every(1, Fault("wrong-json")))
    response = service(httpx.Request("POST", URL))
    assert response.status_code == 403
    assert response.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


def test_broken_gzip(account: Account) -> None:
    def compressed(how: str) -> httpx.Response:
        plan = FaultPlan({1: Fault("broken-gzip", how=how)})
        return LocalImageBuilder(account, faults=plan)(signed())

    for how in ("damaged", "cut"):
        response = compressed(how)
        assert response.headers["Content-Encoding"] == "gzip"
        body = raw(response)
        assert response.headers["Content-Length"] == str(len(body))
        assert body.startswith(b"\x1f\x8b"), "it begins as gzip does"
        with pytest.raises((zlib.error, EOFError)):
            gzip.decompress(body)
    with pytest.raises(httpx.DecodingError):
        answer(account, Fault("broken-gzip"))
    with pytest.raises(json.JSONDecodeError):
        answer(account, Fault("broken-gzip", how="cut")).json()


@pytest.mark.parametrize("minutes", [20, -20, 6.5])
def test_a_clock_that_is_off(
    account: Account, minutes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = dt.datetime(2025, 3, 3, 12, 0, tzinfo=dt.UTC)
    plan = FaultPlan({2: Fault("clock-skew", minutes=minutes)})
    service = LocalImageBuilder(account, clock=lambda: real, faults=plan)
    first = service(signed(monkeypatch, real))
    assert (first.status_code, first.headers["Date"]) == (200, "Mon, 03 Mar 2025 12:00:00 GMT")
    token = first.json()["nextToken"]
    for _ in range(2):
        refused = service(signed(monkeypatch, real, nextToken=token))
        assert refused.status_code == 403
        assert refused.headers["x-amzn-ErrorType"] == "InvalidSignatureException"
        expired = "Signature expired" if minutes > 0 else "Signature not yet current"
        assert refused.json()["message"].startswith(expired)
    # It stays off, so that a client that goes by the Date header gets through.
    date = email.utils.parsedate_to_datetime(refused.headers["Date"])
    assert date - real == dt.timedelta(minutes=minutes)
    for _ in range(2):
        page = service(signed(monkeypatch, date, nextToken=token))
        assert page.status_code == 200
        assert email.utils.parsedate_to_datetime(page.headers["Date"]) == date
    # Tokens do not age by it, and the same place has the same one.
    assert service(signed(monkeypatch, date)).json()["nextToken"] == token


def test_a_key_that_stays_expired(account: Account) -> None:
    plan = FaultPlan({2: Fault("expired-credentials", lasting=True), 4: Fault("throttle")})
    service = LocalImageBuilder(account, faults=plan)

    def status(session_token: str | None) -> int:
        return service(signed(session_token=session_token)).status_code

    assert [status(token) for token in ("a", "a", "a", "a", "b", None, "a")] == [
        *(200, 403, 403, 429, 200, 200, 403)
    ]
    assert service(httpx.Request("POST", URL)).headers["x-amzn-ErrorType"] == (
        "MissingAuthenticationTokenException"
    )
    assert [visit.request for visit, _ in plan.injected] == [2, 4]


def test_a_fault_on_the_last_page(account: Account) -> None:
    plan = FaultPlan.on_page("last", Fault("throttle"), times=2)
    service = LocalImageBuilder(account, faults=plan)
    statuses: list[int] = []
    parameters: dict[str, Any] | None = {}
    while parameters is not None:
        response = service(signed(**parameters))
        statuses.append(response.status_code)
        if response.status_code == 200:
            token = response.json().get("nextToken")
            parameters = {"nextToken": token} if token else None
    assert statuses == [200, 200, 429, 429, 200]
    assert [(visit.page, visit.attempt) for visit, _ in plan.injected] == [(3, 1), (3, 2)]
