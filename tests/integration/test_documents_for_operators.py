"""The programs of the pages about fleets and about observability, with the packages they need."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sqlite3
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import boto3
import httpx
import pytest
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider, export

from imagebuilder_pager import AsyncImageBuilder
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.fleet import FleetDatabase, load_targets, run_fleet
from imagebuilder_pager.fleet.schema import SCHEMA_VERSION
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from imagebuilder_pager.local.fleet_service import LocalFleet
from tests.fakes.clocks import NoSleepClock
from tests.fakes.example_programs import ROOT, blocks_of, run
from tests.fakes.fleets import (
    expected_records,
    fleet_environment,
    make_fleet,
    serve_fleet,
    stored_records,
)
from tests.fakes.moto_server import moto_server
from tests.fakes.moto_services import SETTINGS

FLEET = ROOT / "imagebuilder_pager" / "fleet"
NAMES = ("fleet.md", "fleet-accounts.md", "fleet-report.md", "fleet-scale.md")
PAGES = [ROOT / "docs" / name for name in NAMES]
TARGETS = blocks_of(ROOT / "docs" / "fleet.md", "toml")[0]
PYTHON = [block for page in PAGES for block in blocks_of(page)]
QUERIES = [block for page in PAGES for block in blocks_of(page, "sql")]
POLICIES = [json.loads(block) for page in PAGES for block in blocks_of(page, "json")]
(FROM_ORGANIZATION,) = (source for source in PYTHON if "organizations" in source)
PROFILE = "aws_access_key_id = local\naws_secret_access_key = local\n"


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalFleet]:
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[ops]\n{PROFILE}[build]\n{PROFILE}")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "targets.toml").write_text(TARGETS)
    fleet = make_fleet(("us-west-2", "eu-west-1", "us-east-1"), executions=7, resources=4)
    with serve_fleet(fleet):
        yield fleet


@pytest.mark.parametrize(
    "source", [one for one in PYTHON if "run_fleet" in one and "distributed" not in one]
)
def test_an_example_lists_the_fleet(
    fleet: LocalFleet, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(source)
    assert capsys.readouterr().out == ""
    with closing(sqlite3.connect("fleet.sqlite")) as connection:
        states = connection.execute("SELECT account, region, state FROM targets").fetchall()
    assert sorted(states) == [
        ("111122223333", "eu-west-1", "complete"),
        ("111122223333", "us-west-2", "complete"),
        ("build", "us-east-1", "complete"),
    ]
    assert set(stored_records(Path("fleet.sqlite"))) <= expected_records(fleet)


def test_the_example_for_dask_is_python() -> None:
    (source,) = (one for one in PYTHON if "distributed" in one)
    compile(source, "<example>", "exec")


def test_the_policy_allows_the_calls_of_the_code_and_no_more() -> None:
    code = "".join(path.read_text() for path in FLEET.glob("*.py"))
    called = {row.name for method, row in OPERATIONS.items() if f'"{method}"' in code}
    (statement,) = POLICIES[0]["Statement"]
    assert statement["Effect"] == "Allow"
    assert len(called) >= 4
    assert statement["Action"] == sorted(f"imagebuilder:{name}" for name in called)


def test_the_policies_for_assuming_name_the_role_and_the_external_id_of_the_example() -> None:
    account = tomllib.loads(TARGETS)["accounts"][0]
    (trust,), (assume,) = (policy["Statement"] for policy in POLICIES[1:])
    assert trust["Action"] == assume["Action"] == "sts:AssumeRole"
    assert trust["Condition"]["StringEquals"] == {"sts:ExternalId": account["external_id"]}
    assert account["role_arn"].endswith(assume["Resource"].removeprefix("arn:aws:iam::*"))


def test_the_accounts_of_an_organization_become_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with moto_server() as url:
        client = boto3.session.Session(**SETTINGS).client("organizations", endpoint_url=url)
        client.create_organization()
        created = [
            client.create_account(AccountName=name, Email=f"{number}@example.com")
            for number, name in enumerate(("build", 'a "name"', "closed"))
        ]
        *kept, closed = (one["CreateAccountStatus"]["AccountId"] for one in created)
        client.close_account(AccountId=closed)
        client.close()
        for name, value in fleet_environment(url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_DEFAULT_REGION", SETTINGS["region_name"])
        run(FROM_ORGANIZATION)
    targets = load_targets("targets.toml")
    assert capsys.readouterr().out == f"{len(targets)} targets\n"
    accounts = {target.account.account_id for target in targets}
    assert accounts.issuperset(kept)
    assert len(accounts) == len(kept) + 1  # the management account
    assert {target.region for target in targets} == {"us-west-2", "eu-west-1"}


def test_the_queries_return_rows(fleet: LocalFleet) -> None:
    assert len(QUERIES) == 2
    with FleetDatabase("fleet.sqlite") as database:
        run_fleet(load_targets("targets.toml"), database)
        ((ami,),) = database.query("SELECT min(resource_id) FROM resources WHERE parent_id <> ''")
        for query in QUERIES:
            text = query.replace("ami-0123456789abcdef0", ami).replace("-7 days", "-900 days")
            assert list(database.query(text)), query


def test_the_schema_has_the_tables_and_columns_that_the_document_names(tmp_path: Path) -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", text, re.MULTILINE)
    documented = {name: set(re.findall(r"`(\w+)`", f"{text} {key}")) for name, text, key in rows}
    with FleetDatabase(tmp_path / "fleet.sqlite") as database:
        assert [row[0] for row in database.query("PRAGMA user_version")] == [SCHEMA_VERSION]
        tables = database.query(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
        for (table,) in tables:
            columns = {row["name"] for row in database.query(f"PRAGMA table_info({table})")}
            assert documented[table] <= columns
            if table in {"policies", "executions", "resources"}:
                assert documented[table] == columns


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
