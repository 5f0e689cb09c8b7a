"""The headers by which AWS knows a program, an attempt and a trace, and those of the caller."""

from __future__ import annotations

import itertools
import logging
import os
from collections import UserDict
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from imagebuilder_pager import Attempt, ImageBuilder, exceptions
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.calls import MakeCalls, Outcomes, sync_calls
from tests.fakes.clients import EXECUTION, OPERATION, ClientWith, list_page
from tests.fakes.services import (
    RecordingService,
    ScriptedService,
    error_response,
    fail_on_request,
)

pytestmark = pytest.mark.usefixtures("_no_settings")
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793"


def headers_with(outcomes: Outcomes, *first: Any, **options: Any) -> list[httpx.Headers]:
    """Return the headers of the requests of one call."""
    service = ScriptedService(*first)
    (page,) = outcomes(service, **options)
    assert len(page.resources) == 25
    return [request.headers for request in service.requests]


def test_each_call_has_an_id_and_each_attempt_a_number(calls: MakeCalls) -> None:
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if len(requests) in {1, 2, 4}:
            return error_response(503)
        return httpx.Response(200, json={"resources": []})

    assert calls(respond, 3, max_attempts=4) == [None] * 3
    numbers = [request.headers["amz-sdk-request"] for request in requests]
    assert numbers == [f"attempt={number}; max=4" for number in (1, 2, 3, 1, 2, 1)]
    ids = [request.headers["amz-sdk-invocation-id"] for request in requests]
    assert ids == [ids[0]] * 3 + [ids[3]] * 2 + [ids[5]]
    assert len(set(ids)) == 3
    for request in requests:
        signed = ", SignedHeaders=content-type;host;x-amz-date, "
        assert signed in request.headers["authorization"]


def test_a_request_by_get_has_no_content_type(client_with: ClientWith) -> None:
    service = RecordingService()
    client = client_with(service, on_invalid_response="warn")
    client.get_lifecycle_policy(lifecyclePolicyArn="arn")
    request = service.request
    assert (request.method, request.content) == ("GET", b"")
    assert "content-type" not in request.headers
    assert ", SignedHeaders=host;x-amz-date, " in request.headers["authorization"]


def test_a_trace_is_that_of_the_present_invocation(
    calls: MakeCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "my-function")
    traces: list[str | None] = []

    def respond(request: httpx.Request) -> httpx.Response:
        traces.append(request.headers.get("x-amzn-trace-id"))
        monkeypatch.setenv("_X_AMZN_TRACE_ID", f"{TRACE}-{len(traces)}")
        return httpx.Response(200, json={"resources": []})

    calls(respond, 3)
    assert traces == [None, f"{TRACE}-1", f"{TRACE}-2"]


def test_bytes_that_are_not_text_do_not_break_the_request(
    outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 raises a UnicodeEncodeError."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "my-function")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", os.fsdecode(b"Root=\xff\r\nX-Evil: yes"))
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", os.fsdecode(b"\xff"))
    monkeypatch.setenv("AWS_EXECUTION_ENV", os.fsdecode(b"\xff\r\nX-Evil: yes"))
    (headers,) = headers_with(outcomes)
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
def test_an_extra_that_no_header_can_carry_is_refused(
    calls: MakeCalls, extra: object, described: str
) -> None:
    with pytest.raises(exceptions.ParamValidationError) as caught:
        calls(fail_on_request, user_agent_extra=extra)
    allowed = "a string of printable ASCII, without a line break"
    assert caught.value.problems == (("user_agent_extra", f"{described} given", allowed),)


@pytest.mark.parametrize(("length", "warned"), [(50, False), (51, True)])
def test_an_app_id_that_is_too_long_for_aws_is_a_warning_without_it(
    length: int,
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "x" * length)
    service = RecordingService()
    with caplog.at_level(logging.WARNING):
        sync_calls(service, 1, **LOCAL_CREDENTIALS)
    assert service.request.headers["user-agent"].endswith(" app/" + "x" * length)
    text = f"AWS_SDK_UA_APP_ID: {length} characters given; allowed: at most 50"
    assert caplog.messages == ([text] if warned else [])


# The extra headers.


def test_extra_headers_are_sent_and_not_signed(outcomes: Outcomes) -> None:
    extra = {"Traceparent": "00-1-2-01", "x-empty": ""}
    (without,) = headers_with(outcomes)
    (headers,) = headers_with(outcomes, extra_headers=extra)
    added = [(b"traceparent", b"00-1-2-01"), (b"x-empty", b"")]
    changing = b"amz-sdk-invocation-id"
    assert [one for one in headers.raw if one[0] != changing and one not in added] == [
        one for one in without.raw if one[0] != changing
    ]
    assert [one for one in headers.raw if one in added] == added


def test_a_function_gives_the_headers_of_each_attempt(outcomes: Outcomes) -> None:
    numbers = itertools.count(1)
    sent = headers_with(
        outcomes, error_response(503), extra_headers=lambda: {"x-number": str(next(numbers))}
    )
    assert [headers["x-number"] for headers in sent] == ["1", "2"]


def test_a_trace_of_the_caller_replaces_that_of_lambda(
    outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "function")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-1")
    (headers,) = headers_with(outcomes, extra_headers={"X-Amzn-Trace-Id": "Root=1-2"})
    assert headers.get_list("x-amzn-trace-id") == ["Root=1-2"]


SECRET = "value-of-it"
SIGNED_OR_OURS = "neither signed nor set"
INVALID = [
    ({"X-Amz-Date": SECRET}, r"\['X-Amz-Date'\]: given; .*" + SIGNED_OR_OURS),
    *(
        ({name: SECRET}, SIGNED_OR_OURS)
        for name in ("Host", "content-length", "Transfer-Encoding", "authorization", "user-agent")
    ),
    ({"amz-sdk-request": SECRET}, SIGNED_OR_OURS),
    ({"x-a": f"{SECRET}\r\nx-b: 1"}, r"\['x-a'\]: other characters in it; allowed: a string of"),
    ({"x-a": f" {SECRET}"}, "other characters in it"),
    ({"x-a": f"{SECRET}\u00e9"}, "other characters in it"),
    ({"x-a": SECRET.encode()}, "a bytes given"),
    ({"x-a": None}, "a NoneType given"),
    ({"x a": SECRET}, "'x a' given as a name"),
    ({"": SECRET}, "'' given as a name"),
    ({7: SECRET}, r"7 \(int\) given as a name"),
    ({"x-a": SECRET, "X-A": SECRET}, "given twice"),
]


@pytest.mark.parametrize(("headers", "problem"), INVALID)
def test_headers_that_cannot_be_added_are_refused(
    outcomes: Outcomes, headers: Mapping[Any, Any], problem: str
) -> None:
    with pytest.raises(exceptions.ParamValidationError, match=problem) as caught:
        ImageBuilder("us-west-2", extra_headers=headers)
    (error,) = outcomes(fail_on_request, extra_headers=lambda: headers)
    assert str(error).replace("Async", "") == str(caught.value)
    assert SECRET not in str(error)


class Unreadable(UserDict[str, str]):
    """A mapping that another thread changes."""

    def __iter__(self) -> Any:
        raise RuntimeError("changed size")


def raise_a_retryable_error() -> Any:
    raise exceptions.ReadTimeoutError("of another client")


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (raise_a_retryable_error, "extra_headers: the function raised a ReadTimeoutError"),
        (Unreadable, "extra_headers: the function raised a RuntimeError"),
        (lambda: None, "extra_headers: the function returned None; allowed: a mapping"),
        (lambda: {"host": "x"}, SIGNED_OR_OURS),
    ],
)
def test_a_function_that_fails_in_a_listing_ends_it_with_a_token(
    client_with: ClientWith, result: Callable[[], Any], problem: str
) -> None:
    results = iter([dict, result, dict])
    seen: list[Attempt] = []
    service = ScriptedService()
    client = client_with(
        service,
        on_attempt=seen.append,
        extra_headers=lambda: next(results)(),  # noqa: PLW0108 - one for each attempt
        clock=service.clock,
        max_attempts=3,
    )
    pages = client.get_paginator(OPERATION).paginate
    iterator = iter(pages(**EXECUTION))
    next(iterator)
    with pytest.raises(exceptions.ParamValidationError, match=problem) as caught:
        next(iterator)
    assert len(service.requests) == 1
    assert [attempt.error for attempt in seen] == [None, caught.value]
    token = caught.value.resume_token
    page = next(iter(pages(**EXECUTION, PaginationConfig={"StartingToken": token})))
    assert len(page.resources) == 25


def test_a_mapping_is_copied(client_with: ClientWith) -> None:
    service = RecordingService()
    headers = {"x-a": "1"}
    client = client_with(service, extra_headers=headers)
    headers["host"] = "other"
    list_page(client)
    assert service.request.headers["x-a"] == "1"
