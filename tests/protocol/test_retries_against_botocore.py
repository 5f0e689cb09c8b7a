"""Retries and the headers of an attempt beside botocore's: the same waits, costs and texts."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import botocore.awsrequest
import botocore.configprovider
import httpx
import pytest
from botocore.retries import standard
from hypothesis import example, given
from hypothesis import strategies as st

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager._aws.retries import RetryQuota, RetryState
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.boto3_requests import Boto3Call, boto3_call
from tests.fakes.clocks import NOW, FakeClock
from tests.fakes.services import error_response, http_client

needs_1_44 = pytest.mark.skipif(
    not getattr(botocore.configprovider, "NEW_RETRIES_ENABLED", False),
    reason="the installed botocore has the retries of before 1.44",
)

#: Codes that both know, and a status for each.
CODES = st.sampled_from(
    [
        ("ThrottlingException", 400),
        ("RequestLimitExceeded", 503),
        ("PriorRequestNotComplete", 400),
        ("Unknown", 429),
        ("ServiceException", 500),
        ("RequestTimeout", 400),
        ("502", 502),
    ]
)
#: Numbers of every size, and other texts.
HEADERS = st.none() | st.integers(-(10**4), 10**5).map(str) | st.integers().map(str) | st.text()


def their_context(code: str, status: int, attempt: int, header: str | None) -> Any:
    headers: Any = {} if header is None else {"x-amz-retry-after": header}
    raw: Any = None
    return standard.RetryContext(
        attempt_number=attempt,
        parsed_response={"Error": {"Code": code}},
        http_response=botocore.awsrequest.AWSResponse("http://host/", status, headers, raw),
    )


def our_error(code: str, status: int, header: str | None) -> exceptions.ClientError:
    headers = {} if header is None else {"x-amz-retry-after": header}
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return exceptions.ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": metadata}, "ListImages"
    )


@needs_1_44
@given(CODES, st.integers(1, 12), st.floats(0, 1), HEADERS)
@example(("ThrottlingException", 400), 1, 0.5, "9" * 400)
@example(("ThrottlingException", 400), 1, 0.5, "9" * 5000)
@example(("ServiceException", 500), 1, 0.5, "1_000")
@example(("ServiceException", 500), 1, 0.5, " 1000 ")
@example(("ServiceException", 500), 1, 0.5, "-1")
@example(("ServiceException", 500), 1, 0.5, "nan")
@example(("ServiceException", 500), 12, 1.0, "")
def test_a_delay_is_botocores(
    failure: tuple[str, int], attempt: int, number: float, header: str | None
) -> None:
    detector = standard.ThrottlingErrorDetector(standard.RetryEventAdapter())
    backoff = standard.ExponentialBackoff(random=lambda: number, throttling_detector=detector)
    theirs = backoff.delay_amount(their_context(*failure, attempt, header))
    state = RetryState(None, 100, random=lambda: number, attempt_count=attempt)
    assert state.delay_after(our_error(*failure, header), NOW) == pytest.approx(theirs, abs=1e-12)


@needs_1_44
@given(CODES, st.integers(0, 600))
@example(("ServiceException", 500), 500)
def test_a_retry_costs_as_much_as_in_botocore(failure: tuple[str, int], used: int) -> None:
    theirs = standard.quota.RetryQuota()
    theirs.acquire(used)
    detector = standard.ThrottlingErrorDetector(standard.RetryEventAdapter())
    checker = standard.RetryQuotaChecker(theirs, detector)
    context = their_context(*failure, 1, None)
    retried = checker.acquire_retry_quota(context)

    ours = RetryQuota()
    ours.acquire(used)
    state = RetryState(ours, 3, attempt_count=1)
    assert (state.delay_after(our_error(*failure, None), NOW) is not None) == retried
    assert ours.available_capacity == theirs.available_capacity

    success: Any = their_context("", 200, 2, None).http_response
    checker.release_retry_quota(context.request_context, success)
    state.record_success()
    assert ours.available_capacity == theirs.available_capacity


@needs_1_44
def test_a_timeout_costs_as_much_as_in_botocore() -> None:
    context = standard.RetryContext(1, caught_exception=TimeoutError())
    quota = standard.quota.RetryQuota()
    detector = standard.ThrottlingErrorDetector(standard.RetryEventAdapter())
    standard.RetryQuotaChecker(quota, detector).acquire_retry_quota(context)
    ours = RetryQuota()
    RetryState(ours, 3, attempt_count=1).delay_after(exceptions.ReadTimeoutError(), NOW)
    assert ours.available_capacity == quota.available_capacity == 486


# Whole calls


def our_call(*first: httpx.Response | int, **options: Any) -> list[dict[str, str]]:
    """List image pipelines after these responses; return the headers of each attempt."""
    responses = list(first)
    attempts: list[dict[str, str]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        attempts.append(dict(request.headers))
        response = responses.pop(0) if responses else httpx.Response(200, json=NO_PIPELINES)
        return httpx.Response(response) if isinstance(response, int) else response

    arguments = {**LOCAL_CREDENTIALS, "clock": FakeClock(), **options}
    with http_client(respond) as http, contextlib.suppress(exceptions.ClientError):
        ImageBuilder("us-west-2", http_client=http, **arguments).list_image_pipelines()
    return attempts


NO_PIPELINES: dict[str, Any] = {"imagePipelineList": []}


def their_call(*first: int, **config: Any) -> Boto3Call:
    responses = list(first)
    return boto3_call(lambda: (responses.pop(0) if responses else 200, {}, NO_PIPELINES), **config)


@pytest.fixture
def configure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Mapping[str, str]], None]:
    """Set environment variables, and in the profile the settings in lower case."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    def set_all(settings: Mapping[str, str]) -> None:
        lines = ["[default]"]
        for name, value in settings.items():
            if name.islower():
                lines.append(f"{name} = {value}")
            else:
                monkeypatch.setenv(name, value)
        (tmp_path / "config").write_text("\n".join(lines))

    return set_all


@pytest.mark.parametrize(
    ("settings", "attempts"),
    [
        ({"AWS_RETRY_MODE": "standard"}, 3),
        ({"AWS_RETRY_MODE": "adaptive"}, 3),
        ({"AWS_RETRY_MODE": "legacy"}, 5),
        ({"AWS_RETRY_MODE": "legacy", "AWS_MAX_ATTEMPTS": "2"}, 2),
        ({"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "1"}, 1),
        ({"AWS_RETRY_MODE": "adaptive", "max_attempts": "4"}, 4),
        ({"retry_mode": "legacy"}, 5),
        ({"retry_mode": "standard", "max_attempts": "6"}, 6),
        ({"retry_mode": "legacy", "AWS_RETRY_MODE": "standard"}, 3),
        ({"retry_mode": "standard", "max_attempts": "6", "AWS_MAX_ATTEMPTS": "2"}, 2),
        pytest.param({}, 3, marks=needs_1_44),
    ],
)
def test_a_setting_makes_as_many_attempts_as_in_boto3(
    settings: dict[str, str], attempts: int, configure: Callable[[Mapping[str, str]], None]
) -> None:
    configure(settings)
    assert len(our_call(*[500] * 9)) == len(their_call(*[500] * 9).attempts) == attempts


@pytest.mark.parametrize("mode", ["standard", "adaptive", "legacy"])
def test_the_argument_is_that_of_botocores_config(mode: Any) -> None:
    ours = our_call(*[500] * 9, retry_mode=mode, max_attempts=4)
    theirs = their_call(*[500] * 9, retries={"mode": mode, "total_max_attempts": 4})
    assert len(ours) == len(theirs.attempts) == 4


def signed_headers(headers: dict[str, str]) -> list[str]:
    found = re.search(r"SignedHeaders=([^,]*)", headers["authorization"])
    assert found is not None
    return found[1].split(";")


@needs_1_44
def test_each_attempt_has_its_number_and_the_id_of_the_call_as_botocores() -> None:
    ours = our_call(500, 503)
    theirs = their_call(500, 503).attempts
    for attempts in (ours, theirs):
        assert [headers["amz-sdk-request"] for headers in attempts] == [
            "attempt=1; max=3",
            "attempt=2; max=3",
            "attempt=3; max=3",
        ]
        (identifier,) = {headers["amz-sdk-invocation-id"] for headers in attempts}
        assert re.fullmatch(
            r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-.{12}", identifier
        )
        assert not any("amz-sdk" in name for name in signed_headers(attempts[0]))


@pytest.mark.parametrize(
    "trace",
    [
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        "Root=1-é 日本;Self=[a]{b}'\"&,+:/?#%",
        "Root=1\r\nX-Evil: yes",
        "",
        None,
    ],
)
@pytest.mark.parametrize("function", ["my-function", "", None])
def test_the_trace_of_a_lambda_function_is_botocores(
    trace: str | None, function: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_X_AMZN_TRACE_ID", trace), ("AWS_LAMBDA_FUNCTION_NAME", function)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    ours, theirs = our_call(500), their_call(500, retries={"mode": "standard"}).attempts
    values = [headers.get("x-amzn-trace-id") for headers in ours]
    assert values == [headers.get("x-amzn-trace-id") for headers in theirs]
    assert (values[0] is not None) == bool(trace and function is not None)
    assert "x-evil" not in ours[0]
    for headers in (*ours, *theirs):
        assert "x-amzn-trace-id" not in signed_headers(headers)


USER_AGENTS: list[tuple[dict[str, str], str | None]] = [
    ({}, None),
    ({"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"}, None),
    ({"AWS_EXECUTION_ENV": "a#b/c d\r\né"}, "team/1"),
    ({"AWS_SDK_UA_APP_ID": "orders"}, None),
    ({"AWS_SDK_UA_APP_ID": "a#b/c d\r\né,"}, "team/1 (audit; x=1)"),
    ({"sdk_ua_app_id": "of-the-profile"}, None),
    ({"sdk_ua_app_id": "of-the-profile", "AWS_SDK_UA_APP_ID": "of-the-variable"}, ""),
    ({"AWS_SDK_UA_APP_ID": "x" * 60, "AWS_EXECUTION_ENV": "CloudShell"}, "two words"),
]


@pytest.mark.parametrize(("settings", "extra"), USER_AGENTS)
def test_the_user_agent_has_the_callers_parts_as_botocores(
    settings: dict[str, str], extra: str | None, configure: Callable[[Mapping[str, str]], None]
) -> None:
    configure(settings)
    (ours,) = our_call(user_agent_extra=extra)
    (theirs,) = their_call(user_agent_extra=extra).attempts
    assert callers_parts(ours["user-agent"]) == callers_parts(theirs["user-agent"])


def callers_parts(agent: str) -> str:
    """Return the part after Python's implementation, without botocore's features and settings."""
    rest = agent.partition(" md/pyimpl#")[2].partition(" ")[2]
    return " ".join(part for part in rest.split(" ") if not part.startswith(("m/", "cfg/")))


def test_image_builders_own_throttle_is_retried_where_botocore_gives_up() -> None:
    """Its code is not in botocore's fixed list."""
    code = "CallRateLimitExceededException"
    headers = {"x-amzn-ErrorType": code}
    theirs = boto3_call(lambda: (429, headers, {}), retries={"mode": "standard"})
    assert len(theirs.attempts) == 1
    assert code in str(theirs.error)
    assert len(our_call(error_response(429, code), error_response(429, code))) == 3
