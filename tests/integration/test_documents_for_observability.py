"""The programs of docs/observability.md, with the packages that they are for."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import httpx
import pytest
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider, export

from imagebuilder_pager import AsyncImageBuilder
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from tests.fakes.clocks import NoSleepClock
from tests.fakes.example_programs import ROOT, blocks_of, run

DOCUMENT = ROOT / "docs" / "observability.md"
PROGRAMS = blocks_of(DOCUMENT)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[httpx.Request]]:
    """Return the requests to the local service, whose first response is an error."""
    faults = FaultPlan.parse("server-error@1")
    service = LocalImageBuilder(generate_account(), faults=faults)
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return service(request)

    monkeypatch.setattr(time, "sleep", bool)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
    with LocalServer(respond) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IMAGEBUILDER", server.url)
        yield requests


def run_program(text: str) -> dict[str, Any]:
    """Run the program that has the text, and return its names."""
    (source,) = (program for program in PROGRAMS if text in program)
    return run(source)


class SpanList(export.ConsoleSpanExporter):
    """An exporter that keeps the spans."""

    spans: ClassVar[list[Any]] = []

    def export(self, spans: Any) -> export.SpanExportResult:
        self.spans.extend(spans)
        return export.SpanExportResult.SUCCESS


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the spans that a program exports to the console."""
    monkeypatch.setattr(SpanList, "spans", [])
    monkeypatch.setattr(export, "ConsoleSpanExporter", SpanList)
    return SpanList.spans


def assert_sent(requests: list[httpx.Request], spans: list[Any]) -> None:
    """Check the names of two spans, and that each request has the ``traceparent`` of its span."""
    assert [span.name for span in spans] == ["imagebuilder.ListLifecyclePolicies"] * 2
    contexts = [span.get_span_context() for span in spans]
    expected = [f"00-{one.trace_id:032x}-{one.span_id:016x}" for one in contexts]
    assert [request.headers["traceparent"][:-3] for request in requests] == expected


def test_all_programs_are_run_below() -> None:
    assert len(PROGRAMS) == 5


def test_the_loggers_are_those_of_the_document() -> None:
    package = ROOT / "imagebuilder_pager"
    sources = [path.read_text(encoding="utf-8") for path in package.rglob("*.py")]
    used = {
        name for source in sources for name in re.findall(r"^_log = (.*)$", source, re.MULTILINE)
    }
    named = set(re.findall(r"^\| `([\w.]+)` \|", DOCUMENT.read_text(), re.MULTILINE))
    assert used == {f'logging.getLogger("{name}")' for name in named}
    assert len(named) == 3


def test_the_log_shows_attempts_and_not_httpxs_lines(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("imagebuilder_pager", "httpx"):
        caplog.set_level(logging.INFO, name)  # restored after the test
    run_program("import logging")
    assert logging.getLogger("imagebuilder_pager.calls").isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)


def test_prometheus_has_a_histogram_of_the_attempts(requests: list[httpx.Request]) -> None:
    registry = run_program("prometheus_client")["registry"]
    labels = {"service": "imagebuilder", "operation": "ListLifecyclePolicies"}
    failed = {**labels, "status": "500", "error": "ServiceException"}
    ended = {**labels, "status": "200", "error": ""}
    for values in (failed, ended):
        assert registry.get_sample_value("aws_attempt_seconds_count", values) == 1


def test_each_line_is_in_the_embedded_metric_format(
    requests: list[httpx.Request], capsys: pytest.CaptureFixture[str]
) -> None:
    run_program("CloudWatchMetrics")
    failed, ended = map(json.loads, capsys.readouterr().out.splitlines())
    assert (failed["Failed"], ended["Failed"]) == (1, 0)
    for line in (failed, ended):
        assert isinstance(line["_aws"]["Timestamp"], int)
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert isinstance(directive["Namespace"], str)
        for metric in directive["Metrics"]:
            assert isinstance(line[metric["Name"]], int | float)
            assert metric["Unit"] in {"Milliseconds", "Count"}
        for names in directive["Dimensions"]:
            assert all(isinstance(line[name], str) for name in names)
        assert line["RequestId"]


def test_each_attempt_has_a_span_with_its_traceparent(
    requests: list[httpx.Request], spans: list[Any]
) -> None:
    run_program("ContextVar")
    *attempts, report = spans
    assert_sent(requests, attempts)
    assert {span.parent.span_id for span in attempts} == {report.context.span_id}
    assert [span.status.is_ok for span in attempts] == [False, True]


def test_the_instrumentation_of_httpx_sees_the_default_client(
    requests: list[httpx.Request], spans: list[Any]
) -> None:
    try:
        run_program("HTTPXClientInstrumentor")
    finally:
        HTTPXClientInstrumentor().uninstrument()
    assert_sent(requests, spans)


def test_the_instrumentation_of_httpx_sees_the_async_client(
    requests: list[httpx.Request], spans: list[Any]
) -> None:
    provider = TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(SpanList()))

    async def name_span(span: Any, request: Any) -> None:
        span.update_name("imagebuilder." + request.url.path.strip("/"))

    async def main() -> None:
        async with AsyncImageBuilder("us-west-2", clock=NoSleepClock()) as client:
            await client.list_lifecycle_policies()

    HTTPXClientInstrumentor().instrument(tracer_provider=provider, async_request_hook=name_span)
    try:
        asyncio.run(main())
    finally:
        HTTPXClientInstrumentor().uninstrument()
    assert_sent(requests, spans)
