"""The outputs json, jsonl, text and yaml-stream, and the output that is cut to its checkpoint."""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager import Checkpoint, exceptions
from imagebuilder_pager.cli.checkpoint import OutputCheckpoint
from imagebuilder_pager.cli.exit_codes import UsageError, describe_error
from imagebuilder_pager.cli.formats.yaml_stream import format_yaml_entry
from imagebuilder_pager.cli.stdout import Stdout
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


def read_lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


QUERY = ("--query", "resources[].resourceId")


@pytest.mark.parametrize(
    ("output", "options", "entries"),
    [
        ("jsonl", (), [RESOURCE, {"resourceId": "ami-2"}, None]),
        ("jsonl", QUERY, ["ami-1", "ami-2"]),
        ("jsonl", ("--query", "length(resources)"), [1, 2]),
        (
            *("yaml-stream", ()),
            [{**two_pages({}), "resources": [RESOURCE]}, two_pages({"nextToken": "page-2"})],
        ),
        ("yaml-stream", QUERY, [["ami-1"], ["ami-2"]]),
    ],
)
def test_jsonl_has_lines_for_the_items_of_each_page_and_yaml_stream_an_entry(
    url: str, capfd: Captured, output: str, options: tuple[str, ...], entries: list[Any]
) -> None:
    ran = run_command(url, capfd, *EXAMPLE_ID, "--output", output, *options)
    assert (read_lines if output == "jsonl" else yaml.safe_load)(ran.out) == entries
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
        ("2025-03-03T04:00:20.378+02:00", "2025-03-03T04:00:20.378000+02:00"),
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


@pytest.mark.parametrize("options", [(), QUERY])
def test_jsonl_has_no_token_left_where_the_last_page_is_empty(
    capfd: Captured, options: tuple[str, ...]
) -> None:
    page = {"resources": [{"resourceId": "ami-1"}], "nextToken": "more"}
    with page_server(lambda request: {"resources": []} if "nextToken" in request else page) as one:
        result = run_command(one.url, capfd, *EXAMPLE_ID, "--output", "jsonl", *options)
    assert (result.code, result.err) == (0, "")
    assert "ami-1" in result.out


LISTING = {"operation": "ListLifecycleExecutionResources", "lifecycleExecutionId": "lce-1"}


def truncate(path: Path, stdout: Stdout, data: dict[str, Any], *, finished: bool = False) -> None:
    """Truncate an output whose checkpoint has the data."""
    with Checkpoint(path, LISTING) as saved:
        if finished:
            saved.finish(data=data)
        else:
            saved.save("token", data=data)
    with OutputCheckpoint(str(path), LISTING, stdout) as checkpoint:
        checkpoint.truncate_output()


StdoutWith = Callable[[str, str], Stdout]


@pytest.fixture
def stdout_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Standard output, as a file with that content, opened in that mode."""
    files = []

    def make(content: str, mode: str) -> Stdout:
        path = tmp_path / "output"
        path.write_text(content)
        files.append(path.open(mode))
        monkeypatch.setattr(sys, "stdout", files[-1])
        return Stdout()

    yield make
    monkeypatch.undo()
    for file in files:
        file.close()


@pytest.mark.parametrize("other", [{}, {"lifecycleExecutionId": "lce-2"}])
def test_the_checkpoint_of_something_else_is_an_error(
    tmp_path: Path, stdout_with: StdoutWith, other: dict[str, str]
) -> None:
    with Checkpoint(tmp_path / "file", other) as checkpoint:
        checkpoint.save("token")
    with pytest.raises(exceptions.CheckpointError) as caught:
        OutputCheckpoint(str(tmp_path / "file"), LISTING, stdout_with("", "a"))
    code, message = describe_error(caught.value)
    assert code == 252
    assert message.startswith(f"--checkpoint: {tmp_path}")


def test_a_checkpoint_is_in_use_during_the_whole_run(
    tmp_path: Path, stdout_with: StdoutWith
) -> None:
    arguments = (str(tmp_path / "file"), LISTING, stdout_with("", "a"))
    with OutputCheckpoint(*arguments) as checkpoint:
        checkpoint.truncate_output()
        checkpoint.write("line\n", "token", is_one_line=True)
        with pytest.raises(exceptions.CheckpointLockedError) as caught:
            OutputCheckpoint(*arguments)
    code, message = describe_error(caught.value)
    assert code == 255
    assert message.startswith(f"--checkpoint: {tmp_path}/file is in use by another run; wait")


@pytest.mark.parametrize("mode", ["a", "r+"])
@pytest.mark.parametrize(
    "case",
    [
        ("", {"output_size": 0}, ""),
        ("one\n", {"output_size": 4}, "one\n"),
        ("one\nt", {"output_size": 4}, "one\n"),
        ("one\ntwo\n", {"output_size": 4}, "one\n"),
        ("two\n", {"output_size": 0}, ""),
        ("one\ntwo\nth", {"output_size": 4, "pending_bytes": 10}, "one\n"),
        ("one\ntwo\nthree\n", {"output_size": 4, "pending_bytes": 10}, "one\n"),
        ("one\ntwo\n", {"output_size": None}, "one\ntwo\n"),
    ],
)
def test_lines_after_the_checkpoint_are_cut_off(
    stdout_with: StdoutWith, tmp_path: Path, mode: str, case: tuple[str, dict[str, Any], str]
) -> None:
    content, data, after = case
    stdout = stdout_with(content, mode)
    truncate(tmp_path / "file", stdout, data)
    stdout.write("new\n")
    assert (tmp_path / "output").read_text() == after + "new\n"
    assert stdout.tell() == len(after) + 4


def test_the_output_of_a_finished_listing_is_not_truncated(
    stdout_with: StdoutWith, tmp_path: Path
) -> None:
    stdout = stdout_with("one\nof others\n", "a")
    truncate(tmp_path / "file", stdout, {"output_size": 4}, finished=True)
    assert (tmp_path / "output").read_text() == "one\nof others\n"


OTHER = "something else has been written"


@pytest.mark.parametrize(
    ("content", "data", "message"),
    [
        ("", {"output_size": 4}, "the output has 0 bytes, and had 4"),
        ("one\ntwo\nthree", {"output_size": 4}, OTHER),
        ("other file\n", {"output_size": 4}, OTHER),
        ("one\ntwo\nthree\nfour\n", {"output_size": 4, "pending_bytes": 10}, OTHER),
    ],
)
def test_the_output_of_something_else_is_an_error_and_not_changed(
    stdout_with: StdoutWith, tmp_path: Path, content: str, data: dict[str, Any], message: str
) -> None:
    stdout = stdout_with(content, "a")
    with pytest.raises(UsageError, match=message):
        truncate(tmp_path / "file", stdout, data)
    assert (tmp_path / "output").read_text() == content


def test_all_is_written_where_the_system_writes_a_part_at_a_time(
    stdout_with: StdoutWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = stdout_with("", "a")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    stdout.write("é, and more\n")
    assert (tmp_path / "output").read_text() == "é, and more\n"


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOTSUP])
def test_an_output_that_cannot_be_synced_is_used_without(
    stdout_with: StdoutWith, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    stdout = stdout_with("", "a")

    def fail(_: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "fsync", fail)
    stdout.sync()
    error = errno.EIO
    with pytest.raises(OSError, match="Input/output error: 'standard output'"):
        stdout.sync()
