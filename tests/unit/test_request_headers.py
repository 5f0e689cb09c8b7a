"""The headers by which AWS knows a program, an attempt and a trace."""

from __future__ import annotations

import logging
import os
from typing import Any

import httpx
import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.calls import MakeCalls, every_client, sync_calls
from tests.fakes.clocks import FakeClock
from tests.fakes.services import RecordingService, error_response, http_client

pytestmark = pytest.mark.usefixtures("_no_settings")
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793"


def headers_of(calls: MakeCalls, count: int = 1, **options: Any) -> list[httpx.Headers]:
    service = RecordingService()
    assert calls(service, count, **LOCAL_CREDENTIALS, **options) == [None] * count
    return [request.headers for request in service.requests]


@every_client
def test_each_call_has_an_id_and_each_attempt_a_number(calls: MakeCalls) -> None:
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if len(requests) in {1, 2, 4}:
            return error_response(503)
        return httpx.Response(200, json={"resources": []})

    arguments = {"clock": FakeClock(), "max_attempts": 4, **LOCAL_CREDENTIALS}
    assert calls(respond, 3, **arguments) == [None] * 3
    numbers = [request.headers["amz-sdk-request"] for request in requests]
    assert numbers == [f"attempt={number}; max=4" for number in (1, 2, 3, 1, 2, 1)]
    ids = [request.headers["amz-sdk-invocation-id"] for request in requests]
    assert ids == [ids[0]] * 3 + [ids[3]] * 2 + [ids[5]]
    assert len(set(ids)) == 3
    for request in requests:
        signed = ", SignedHeaders=content-type;host;x-amz-date, "
        assert signed in request.headers["authorization"]


def test_a_request_by_get_has_no_content_type() -> None:
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"lifecyclePolicy": {}})

    with http_client(respond) as http:
        client = ImageBuilder("us-west-2", http_client=http, **LOCAL_CREDENTIALS)
        client.get_lifecycle_policy(lifecyclePolicyArn="arn")
    (request,) = requests
    assert (request.method, request.content) == ("GET", b"")
    assert "content-type" not in request.headers
    assert ", SignedHeaders=host;x-amz-date, " in request.headers["authorization"]


@every_client
def test_a_trace_is_that_of_the_present_invocation(
    calls: MakeCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "my-function")
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        monkeypatch.setenv("_X_AMZN_TRACE_ID", f"{TRACE}-{len(requests)}")
        return httpx.Response(200, json={"resources": []})

    calls(respond, 3, **LOCAL_CREDENTIALS)
    traces = [request.headers.get("x-amzn-trace-id") for request in requests]
    assert traces == [None, f"{TRACE}-1", f"{TRACE}-2"]


@every_client
def test_bytes_that_are_not_text_do_not_break_the_request(
    calls: MakeCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 raises a UnicodeEncodeError."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "my-function")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", os.fsdecode(b"Root=\xff\r\nX-Evil: yes"))
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", os.fsdecode(b"\xff"))
    monkeypatch.setenv("AWS_EXECUTION_ENV", os.fsdecode(b"\xff\r\nX-Evil: yes"))
    (headers,) = headers_of(calls)
    assert headers["x-amzn-trace-id"] == "Root=%FF%0D%0AX-Evil:%20yes"
    assert headers["user-agent"].endswith(" exec-env/---X-Evil--yes app/-")
    assert "x-evil" not in headers


@pytest.mark.parametrize(
    ("extra", "described"),
    [
        ("a\r\nX-Evil: yes", repr("a\r\nX-Evil: yes")),
        ("a\n", r"'a\n'"),
        ("\x00", r"'\x00'"),
        ("é", "'é'"),
        (b"team/1", "a bytes"),
        (1, "1 (int)"),
    ],
)
@every_client
def test_an_extra_that_no_header_can_carry_is_refused(
    calls: MakeCalls, extra: object, described: str
) -> None:
    service = RecordingService()
    with pytest.raises(exceptions.ParamValidationError) as caught:
        calls(service, 1, **LOCAL_CREDENTIALS, user_agent_extra=extra)
    allowed = "a string of printable ASCII, without a line break"
    assert caught.value.problems == (("user_agent_extra", f"{described} given", allowed),)
    assert service.requests == []


@pytest.mark.parametrize(("length", "warned"), [(50, False), (51, True)])
def test_an_app_id_that_is_too_long_for_aws_is_a_warning_without_it(
    length: int,
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "x" * length)
    with caplog.at_level(logging.WARNING):
        (headers,) = headers_of(sync_calls)
    assert headers["user-agent"].endswith(" app/" + "x" * length)
    text = f"AWS_SDK_UA_APP_ID: {length} characters given; allowed: at most 50"
    assert caplog.messages == ([text] if warned else [])
