"""Pages that do not match their model, over real sockets: whole, with a warning, as boto3's."""

from __future__ import annotations

import itertools
import json
import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest

from imagebuilder_pager import ImageBuilder
from imagebuilder_pager.exceptions import ResponseValidationError
from imagebuilder_pager.fleet import Account, FleetDatabase, make_targets, run_fleet
from imagebuilder_pager.local import LocalServer
from tests.fakes.accounts import LOCAL_CREDENTIALS as KEYS
from tests.fakes.broken_members import (
    RUN,
    VALUES,
    keys_of_account,
    make_broken_account,
)
from tests.fakes.clients import OPERATION
from tests.fakes.command_line import run_command
from tests.fakes.connections import SYNC_WAYS, async_client, sync_client
from tests.fakes.fleets import serve_fleet
from tests.fakes.lifecycle_account import REGION, LifecycleAccount, make_account, policy_arn
from tests.fakes.paginated_service import run

LISTING: Any = {"lifecycleExecutionId": RUN}
LOGGER = "imagebuilder_pager.calls"


@pytest.fixture
def account() -> LifecycleAccount:
    """An execution with 60 images: one has a number for an id, another one for a status."""
    account = make_account(policies=1, executions=1, images=60, amis=0, most=10)
    images = account.resources[RUN, None]
    images[33]["resourceId"] = 7
    images[47]["state"]["status"] = 5
    return account


@pytest.fixture
def server(account: LifecycleAccount) -> Iterator[LocalServer]:
    with LocalServer(account) as server:
        yield server


@pytest.fixture(scope="module")
def broken_account() -> LifecycleAccount:
    return make_broken_account()


@pytest.fixture(scope="module")
def broken_server(broken_account: LifecycleAccount) -> Iterator[str]:
    with serve_fleet(broken_account) as url:
        yield url


def list_pages(url: str, loop: str | None, way: str, mode: str, **config: Any) -> list[Any]:
    """Return the pages of the execution, by one of the clients."""
    options: dict[str, Any] = {"on_invalid_response": mode}
    params: dict[str, Any] = {**LISTING, "PaginationConfig": config}
    if loop is None:
        with sync_client(way, url, **options) as client:
            return list(client.get_paginator(OPERATION).paginate(**params))

    async def list_async() -> list[Any]:
        async with async_client(f"async {way}", url, **options) as client:
            return [page async for page in client.get_paginator(OPERATION).paginate(**params)]

    return run(loop, list_async)


def without_metadata(page: Any) -> dict[str, Any]:
    result = dict(page) if isinstance(page, dict) else page.to_dict()
    del result["ResponseMetadata"]
    return result


@pytest.mark.parametrize("way", SYNC_WAYS)
@pytest.mark.parametrize("loop", [None, "asyncio", "trio"])
def test_one_number_for_a_string_does_not_end_the_listing(
    server: LocalServer,
    account: LifecycleAccount,
    caplog: pytest.LogCaptureFixture,
    loop: str | None,
    way: str,
) -> None:
    with pytest.raises(ResponseValidationError, match='on_invalid_response="warn"') as caught:
        list_pages(server.url, loop, way, "raise")
    token = caught.value.resume_token
    with pytest.raises(ResponseValidationError) as again:  # the page that the token points at
        list_pages(server.url, loop, way, "raise", StartingToken=token)
    assert again.value.problems == caught.value.problems
    assert not [record for record in caplog.records if record.name == LOGGER]

    pages = list_pages(server.url, loop, way, "warn")
    theirs = boto3.client("imagebuilder", region_name=REGION, endpoint_url=server.url, **KEYS)
    expected = [*theirs.get_paginator(OPERATION).paginate(**LISTING)]
    assert [*map(without_metadata, pages)] == [*map(without_metadata, expected)]
    assert [item for page in pages for item in page.to_dict()["resources"]] == (
        account.resources[RUN, None]
    )
    assert pages[3].resources[3].resource_id == pages[3]["resources"][3]["resourceId"] == 7
    found = [record for record in caplog.records if record.name == LOGGER]
    assert [record.levelname for record in found] == ["WARNING"] * 2
    assert found[0].getMessage().endswith(": as they were sent: resources[].resourceId")
    assert found[1].getMessage().endswith(": as they were sent: resources[].state.status")


@pytest.mark.parametrize("prefetch", [0, 4])
def test_a_walk_has_every_record(
    broken_server: str, broken_account: LifecycleAccount, prefetch: int
) -> None:
    with ImageBuilder(
        REGION, endpoint_url=broken_server, on_invalid_response="warn", **KEYS
    ) as client:
        walk = client.walk_lifecycle(Prefetch=prefetch)
        records = list(walk)
        assert [record.key[2:] for record in records] == keys_of_account(broken_account)
        assert all(record.to_dict()["execution"] for record in records)
        # A token in the middle resumes with the rest.
        middle = len(records) // 2
        walk = client.walk_lifecycle(Prefetch=prefetch)
        for _ in itertools.islice(walk, middle):
            pass
        rest = client.walk_lifecycle(StartingToken=walk.resume_token)
        assert [record.key for record in rest] == [record.key for record in records[middle:]]


def test_a_fleet_stores_every_record_and_null_for_each_mismatch(
    broken_server: str, broken_account: LifecycleAccount, tmp_path: Path
) -> None:
    path = tmp_path / "fleet.sqlite"
    targets = make_targets([Account()], [REGION])
    with FleetDatabase(path) as database:
        failed = run_fleet(targets, database)
        assert [result.error_type for result in failed.failures] == ["ResponseValidationError"]
        result = run_fleet(targets, database, on_invalid_response="warn")
        assert not result.failures
    keys = keys_of_account(broken_account)
    # An execution without a valid id cannot be listed, and is no record.
    assert result.records == sum(1 for run, _, _ in keys if run)
    with closing(sqlite3.connect(path)) as connection:
        stored = connection.execute(
            "SELECT DISTINCT execution_id, parent_id, resource_id FROM resources"
        ).fetchall()
        types = {
            connection.execute(f"SELECT typeof({column}) FROM {table}").fetchone()[0]
            for table in ("policies", "executions", "resources", "snapshots")
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall()
        }
    assert set(stored) == {(run, parent or "", one or "") for run, parent, one in keys if one} | {
        (run, parent or "", "") for run, parent, one in keys if parent and not one
    } | {(RUN, "", "")}
    assert types <= {"text", "null", "integer"}


WARN = ("--on-invalid-response", "warn")
PLAIN = ("json", "jsonl", "text", "yaml-stream", "table")
RESOURCES = ("list-lifecycle-execution-resources", "--lifecycle-execution-id", RUN)
EXECUTIONS = ("list-lifecycle-executions", "--resource-arn", policy_arn(0))
COMMANDS = [
    *((RESOURCES, output) for output in (*PLAIN, "summary", "tree")),
    *((EXECUTIONS, output) for output in PLAIN),
    *((("list-lifecycle-policies",), output) for output in PLAIN),
]


@pytest.mark.parametrize(("listing", "output"), COMMANDS)
def test_every_output_of_the_command_line_continues(
    broken_server: str,
    broken_account: LifecycleAccount,
    capfd: pytest.CaptureFixture[str],
    listing: tuple[str, ...],
    output: str,
) -> None:
    command, *arguments = listing
    given = (*arguments, "--output", output)
    refused = run_command(broken_server, capfd, *given, command=command)
    assert refused.code == 255
    assert "--on-invalid-response warn gives these members as they were sent" in refused.err
    result = run_command(broken_server, capfd, *given, *WARN, command=command)
    assert result.code == 0, result.err
    assert result.out
    warnings = [line for line in result.err.splitlines() if line]
    assert warnings
    for line in warnings:
        assert re.match(r"Warning: List\w+: the response does not match", line)
    if output == "jsonl":
        sent: list[Any] = {
            "list-lifecycle-policies": broken_account.policies,
            "list-lifecycle-executions": broken_account.executions[policy_arn(0)],
            "list-lifecycle-execution-resources": broken_account.resources[RUN, None],
        }[command]
        assert [json.loads(line) for line in result.out.splitlines()] == sent


@pytest.mark.parametrize("output", ["jsonl", "csv", "summary", "table", "tree"])
def test_every_output_of_a_report_continues(
    broken_server: str, capfd: pytest.CaptureFixture[str], output: str
) -> None:
    given = ("--output", output)
    refused = run_command(broken_server, capfd, *given, command="lifecycle-report")
    assert refused.code == 254
    assert 'on_invalid_response="warn"' in refused.err
    result = run_command(broken_server, capfd, *given, *WARN, command="lifecycle-report")
    assert result.code == 0, result.err
    assert result.out
    assert "Warning: ListLifecyclePolicies: the response does not match" in result.err


def test_the_option_may_come_before_the_command(
    broken_server: str, capfd: pytest.CaptureFixture[str]
) -> None:
    given = ("warn", "list-lifecycle-policies")
    result = run_command(broken_server, capfd, *given, command="--on-invalid-response")
    assert result.code == 0
    assert len(json.loads(result.out)["lifecyclePolicySummaryList"]) > len(VALUES)
    assert logging.getLogger(LOGGER).handlers == []
