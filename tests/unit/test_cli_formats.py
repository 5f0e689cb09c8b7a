"""The outputs json, jsonl, text and yaml-stream: their formats, timestamps and tokens."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager.cli.formats.yaml_stream import format_yaml_entry
from imagebuilder_pager.models import ListLifecycleExecutionResourcesResponse
from tests.fakes.command_line import EXAMPLE_ID, page_server, run_command

Captured = pytest.CaptureFixture[str]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(0, 10**9).map(lambda number: round(number, 3))
    | st.text()
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(DATA, max_size=3))
def test_a_yaml_library_reads_the_entries_back(entries: list[Any]) -> None:
    document = "".join(map(format_yaml_entry, entries))
    assert (yaml.safe_load(document) or []) == entries


def test_yaml_has_the_usual_style() -> None:
    entry = {"id": "a: b", "state": {"status": None}, "list": [{"a": 1, "b": [[]]}], "no": {}}
    assert format_yaml_entry(entry) == (
        '- id: "a: b"\n  state:\n    status: null\n  list:\n  - a: 1\n    b:\n    - []\n'
        '  "no": {}\n'
    )


RESOURCE: dict[str, Any] = {
    "accountId": "123456789012",
    "resourceId": "ami-1",
    "state": {"status": "FAILED", "reason": "It is in use."},
    "action": {"name": "DELETE"},
    "imageUris": [],
    "startTime": 1740967220.378,
    "endTime": 1740967371,
}


def two_pages(request: dict[str, Any]) -> dict[str, Any]:
    """Two resources on two pages, with a null and a member that the model does not have."""
    state = {"status": "FAILED"}
    if "nextToken" in request:
        return {"lifecycleExecutionState": state, "resources": [{"resourceId": "ami-2"}, None]}
    resource = {**RESOURCE, "region": None, "new": 1}
    return {"lifecycleExecutionState": state, "resources": [resource], "nextToken": "page-2"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with page_server(two_pages) as server:
        yield server.url


def test_json_has_what_the_service_sent_but_nulls_and_unknown_members(
    url: str, capfd: Captured
) -> None:
    found = json.loads(run_command(url, capfd, *EXAMPLE_ID).out)
    assert found["resources"] == [RESOURCE, {"resourceId": "ami-2"}, None]
    assert list(found["resources"][0]) == list(RESOURCE)


WITHOUT_PAGINATION = (("--no-paginate",), ("--max-results", "1"))


@pytest.mark.parametrize("options", WITHOUT_PAGINATION)
def test_without_pagination_there_is_one_page_with_the_services_token(
    url: str, capfd: Captured, options: tuple[str, ...]
) -> None:
    page = {**two_pages({}), "resources": [RESOURCE]}
    for output, read, expected in (
        ("json", json.loads, page),
        ("yaml-stream", yaml.safe_load, [page]),
        ("text", lambda text: text.splitlines()[:2], ["page-2", "LIFECYCLEEXECUTIONSTATE\tFAILED"]),
    ):
        ran = run_command(url, capfd, *EXAMPLE_ID, "--output", output, *options)
        assert read(ran.out) == expected
        assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("options", WITHOUT_PAGINATION)
@pytest.mark.parametrize("output", ["jsonl", "table", "summary", "tree"])
def test_outputs_of_items_say_the_services_token_on_standard_error(
    url: str, capfd: Captured, output: str, options: tuple[str, ...]
) -> None:
    ran = run_command(url, capfd, *EXAMPLE_ID, "--output", output, *options)
    assert "ami-1" in ran.out or output == "summary"
    assert "ami-2" not in ran.out
    assert (ran.code, ran.err) == (0, "NextToken: page-2\n")


@pytest.mark.parametrize(
    ("output", "names_token"),
    [("jsonl", True), ("text", True), ("yaml-stream", True), ("tree", True), ("json", False)],
)
def test_an_error_on_a_later_page_ends_with_the_token_of_what_was_written(
    url: str, capfd: Captured, output: str, names_token: bool
) -> None:
    def respond(request: dict[str, Any]) -> Any:
        return b"<html>" if "nextToken" in request else two_pages(request)

    arguments = (*EXAMPLE_ID, "--output", output)
    with page_server(respond) as server:
        failed = run_command(server.url, capfd, *arguments)
    assert failed.code == 255
    assert ("ami-1" in failed.out, "NextToken: " in failed.err) == (names_token, names_token)
    if names_token:
        token = failed.err.splitlines()[-1].removeprefix("NextToken: ")
        rest = run_command(url, capfd, *EXAMPLE_ID, "--starting-token", token)
        assert json.loads(rest.out)["resources"] == [{"resourceId": "ami-2"}, None]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ((), [RESOURCE, {"resourceId": "ami-2"}, None]),
        (("--query", "resources[].resourceId"), ["ami-1", "ami-2"]),
        (("--query", "length(resources)"), [1, 2]),
    ],
)
def test_jsonl_has_a_line_for_each_item_or_element_of_the_query_of_each_page(
    url: str, capfd: Captured, options: tuple[str, ...], lines: list[Any]
) -> None:
    ran = run_command(url, capfd, *EXAMPLE_ID, "--output", "jsonl", *options)
    assert [json.loads(line) for line in ran.out.splitlines()] == lines
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("options", "entries"),
    [
        ((), [{**two_pages({}), "resources": [RESOURCE]}, two_pages({"nextToken": "page-2"})]),
        (("--query", "resources[].resourceId"), [["ami-1"], ["ami-2"]]),
    ],
)
def test_yaml_stream_has_an_entry_for_each_page(
    url: str, capfd: Captured, options: tuple[str, ...], entries: list[Any]
) -> None:
    ran = run_command(url, capfd, *EXAMPLE_ID, "--output", "yaml-stream", *options)
    assert yaml.safe_load(ran.out) == entries
    assert (ran.code, ran.err) == (0, "")


RAW_TIMESTAMPS = (
    st.floats(-(2**31), 2**33)
    | st.integers(-(2**31), 2**33)
    | st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC).isoformat())
)


def body_with(raw: Any) -> bytes:
    return json.dumps({"resources": [{"startTime": raw}]}).encode()


@given(RAW_TIMESTAMPS)
def test_a_raw_timestamp_is_the_value_that_json_has(raw: Any) -> None:
    body = body_with(raw)
    read = ListLifecycleExecutionResourcesResponse.from_json
    found = read(body, {}, raw_timestamps=True).resources[0].start_time
    moment = read(body, {}).resources[0].start_time
    assert found == moment
    assert type(moment) is datetime
    assert json.dumps(getattr(found, "raw", None)) == json.dumps(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (1740967220.378, "2025-03-03T03:00:20.378000+01:00"),
        ("1740967220.378", "2025-03-03T03:00:20.378000+01:00"),
        ("2025-03-03T02:00:20.378Z", "2025-03-03T02:00:20.378000+00:00"),
    ],
)
def test_iso_8601_is_in_local_time_for_seconds_and_in_its_own_zone_for_a_date(
    capfd: Captured, raw: object, expected: str
) -> None:
    options = ("--cli-timestamp-format", "iso8601", "--output", "text")
    with page_server(lambda _: body_with(raw)) as server:
        ran = run_command(
            server.url, capfd, *EXAMPLE_ID, *options, environment={"TZ": "Europe/Berlin"}
        )
    assert ran.out.splitlines()[-1] == f"RESOURCES\t{expected}"


def respond_with_an_empty_last_page(request: dict[str, Any]) -> dict[str, Any]:
    if request.get("nextToken") is None:
        return {"resources": [{"resourceId": "ami-1"}], "nextToken": "more"}
    return {"resources": []}


@pytest.mark.parametrize("options", [(), ("--query", "resources[].resourceId")])
def test_jsonl_has_no_token_left_where_the_last_page_is_empty(
    capfd: Captured, options: tuple[str, ...]
) -> None:
    with page_server(respond_with_an_empty_last_page) as server:
        result = run_command(server.url, capfd, *EXAMPLE_ID, "--output", "jsonl", *options)
    assert (result.code, result.err) == (0, "")
    assert "ami-1" in result.out


def test_a_null_item_does_not_end_jsonl_with_a_checkpoint(capfd: Captured, tmp_path: Path) -> None:
    page = {"resources": [{"resourceId": "a"}, None, {"resourceId": "b"}]}
    options = ("--output", "jsonl", "--checkpoint", str(tmp_path / "file"))
    with page_server(lambda _: page) as server:
        result = run_command(server.url, capfd, *EXAMPLE_ID, *options)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == ['{"resourceId":"a"}', "null", '{"resourceId":"b"}']
    assert json.loads((tmp_path / "file").read_text())["finished"] is True
