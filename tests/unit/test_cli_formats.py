"""What the command line writes: text and YAML, and for people, tables and trees."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager.cli.client import iso8601
from imagebuilder_pager.cli.formats.text import format_text
from imagebuilder_pager.cli.formats.yaml_stream import format_yaml_entry
from imagebuilder_pager.cli.rich_formats.console import strip_controls
from imagebuilder_pager.cli.rich_formats.describe import (
    format_time,
    format_seconds,
    kind_and_name,
    short_reason,
)
from imagebuilder_pager.models import LifecycleExecutionResource

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
def test_yaml_is_read_back_as_it_was(entries: list[Any]) -> None:
    document = "".join(map(format_yaml_entry, entries))
    assert (yaml.safe_load(document) or []) == entries


def test_yaml_is_what_one_would_write() -> None:
    entry = {"id": "a: b", "state": {"status": None}, "list": [{"a": 1, "b": [[]]}], "no": {}}
    assert format_yaml_entry(entry) == (
        '- id: "a: b"\n  state:\n    status: null\n  list:\n  - a: 1\n    b:\n    - []\n'
        '  "no": {}\n'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, ""),
        ([], ""),
        (None, "None\n"),
        (True, "True\n"),
        (1.5, "1.5\n"),
        ("a", "a\n"),
        (["a", 1], "a\t1\n"),
        ([["a"], "b"], "b\na\n"),
        ([["a", "b"], ["c"]], "a\tb\nc\n"),
        ({"b": 1, "a": 2}, "2\t1\n"),
        ({"tags": ["x", "y"]}, "TAGS\tx\nTAGS\ty\n"),
        ({"state": {"status": "OK"}, "id": 1}, "1\nSTATE\tOK\n"),
        ([{"a": 1}, {"b": 2}], "1\t\n\t2\n"),
        ({"rows": [{"a": 1}, {"b": {"c": 2}}]}, "ROWS\t1\nROWS\t\nB\t2\n"),
    ],
)
def test_text(value: Any, text: str) -> None:
    assert format_text(value) == text


@given(DATA)
def test_text_ends_its_lines(value: Any) -> None:
    text = format_text(value)
    assert text == "" or text.endswith("\n")


def test_iso_8601(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2025, 3, 3, 2, 0, 20, 378000, tzinfo=UTC)
    from imagebuilder_pager.models.fields import RawTimestamp

    sent = datetime.fromisoformat(iso8601(RawTimestamp.from_datetime(moment, 1740967220.378)))
    assert sent == moment
    # What came as a date is kept in its own zone.
    assert (
        iso8601(RawTimestamp.from_datetime(moment, "2025-03-03T02:00:20.378Z"))
        == moment.isoformat()
    )


@pytest.mark.parametrize(
    ("resource_id", "expected"),
    [
        (
            "arn:aws:imagebuilder:us-west-2:123456789012:image/web/1.0.0/1",
            ("image", "web/1.0.0/1"),
        ),
        ("arn:aws-cn:imagebuilder:cn-north-1:123456789012:image/a/b", ("image", "a/b")),
        ("ami-0123456789abcdef0", ("ami", "ami-0123456789abcdef0")),
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/platform/web@sha256:" + "0a" * 32,
            ("container", "platform/web@sha256:0a0a0a0a0a0a"),
        ),
        ("something else", ("resource", "something else")),
        ("a\x1b[31m\nb", ("resource", "a\ufffd[31m\ufffdb")),
        (None, ("resource", "")),
    ],
)
def test_kind_and_name(resource_id: str | None, expected: tuple[str, str]) -> None:
    assert kind_and_name(LifecycleExecutionResource(resource_id=resource_id)) == expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0s"),
        (59.4, "59s"),
        (59.6, "1m 00s"),
        (151, "2m 31s"),
        (3600, "1h 00m"),
        (90000, "1d 01h"),
    ],
)
def test_length(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_clock() -> None:
    moment = datetime.fromisoformat("2025-03-03T01:00:20+02:00")
    assert format_time(moment, None) == "2025-03-02 23:00:20"
    assert format_time(moment, "2025-03-02") == "23:00:20"
    assert format_time(None, None) == ""


def test_short_reason() -> None:
    assert short_reason("snapshot snap-0123456789abcdef0 of ami-0123456789abcdef0") == (
        "snapshot snap-… of ami-…"
    )
    assert short_reason("account 123456789012, policy a-b") == "account 123456789012, policy a-b"


def test_clean() -> None:
    assert strip_controls("a\x9b\x07é\t") == "a\ufffd\ufffdé\ufffd"
    assert strip_controls(None) == ""


RESOURCE: dict[str, Any] = {
    "accountId": "123456789012",
    "resourceId": "arn:aws:imagebuilder:us-west-2:123456789012:image/web/1.0.0/1",
    "state": {"status": "FAILED", "reason": "It is [red]in use[/red] \x1b[2J by others."},
    "action": {"name": "DELETE"},
    "region": "us-west-2",
    "startTime": 1740967220.378,
    "endTime": 1740967371,
}
PAGE = {
    "lifecycleExecutionId": "lce-12345678-1234-1234-1234-123456789012",
    "lifecycleExecutionState": {"status": "FAILED", "reason": "One could not be deleted."},
    "resources": [RESOURCE, {"resourceId": "ami-1"}, {}],
}

Shown = Callable[..., str]


@pytest.fixture
def shown(serve: Callable[[dict[str, Any]], str], capfd: pytest.CaptureFixture[str]) -> Shown:
    """What a terminal of that width shows."""

    def show(page: dict[str, Any], *arguments: str, width: int = 140) -> str:
        from imagebuilder_pager.cli.main import main

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", str(width))
            patch.setenv("AWS_ENDPOINT_URL", serve(page))
            patch.setenv("AWS_REGION", "us-west-2")
            patch.setenv("AWS_ACCESS_KEY_ID", "local")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "local")
            command = ("list-lifecycle-execution-resources", "--lifecycle-execution-id")
            code = main([*command, str(PAGE["lifecycleExecutionId"]), *arguments])
        out, err = capfd.readouterr()
        assert (code, err) == (0, "")
        return out

    return show


@pytest.mark.parametrize("output", ["table", "summary", "tree"])
@pytest.mark.parametrize("width", [40, 80, 140])
def test_for_people(shown: Shown, output: str, width: int) -> None:
    out = shown(PAGE, "--output", output, width=width)
    assert "\x1b" not in out  # no colour where there is no terminal, and none of the service's
    words = " ".join(out.replace("│", " ").split())
    for word in ("lce-12345678", "One could not be deleted.", "FAILED", "DELETE", "2m 31s"):
        assert word in words, out
    assert "[red]in use[/red] \ufffd[2J by others." in words
    assert all(line == line.rstrip() for line in out.splitlines())
    if width >= 80:
        assert max(map(len, out.splitlines())) <= width


@pytest.mark.parametrize("output", ["table", "summary", "tree"])
def test_for_people_in_colour(shown: Shown, output: str) -> None:
    out = shown(PAGE, "--output", output, "--color", "on")
    assert "\x1b[1;31mFAILED" in out
    assert "\x1b[2J" not in out


@pytest.mark.parametrize("output", ["table", "summary", "tree"])
def test_for_people_without_anything(shown: Shown, output: str) -> None:
    out = shown({}, "--output", output)
    assert "Lifecycle execution" in out
    assert "0 resources" in out or "no resources" in out or output == "tree"


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("resources[0].{id: resourceId, at: state}", ["id", "─", RESOURCE["resourceId"]]),
        ("resources[].[resourceId, region]", [RESOURCE["resourceId"], "ami-1", ""]),
        ("resources[].region", ["us-west-2"]),
        ("resources[0].endTime", ["1740967371"]),
        ("nothing", []),
        ("resources[?region == 'x']", []),
    ],
)
def test_a_query_as_a_table(shown: Shown, query: str, lines: list[str]) -> None:
    out = shown(PAGE, "--output", "table", "--query", query, width=200).splitlines()
    assert len(out) == len(lines)
    for line, start in zip(out, lines, strict=True):
        assert line.startswith(start)


def test_the_plain_outputs_keep_what_the_service_sent(shown: Shown) -> None:
    """Whole and fractional seconds; neither nulls nor members that the model does not have."""
    page = {**PAGE, "resources": [{**RESOURCE, "region": None, "new": 1, "imageUris": []}, None]}
    found = json.loads(shown(page))["resources"]
    expected = {name: value for name, value in RESOURCE.items() if name != "region"}
    assert found == [{**expected, "imageUris": []}, None]
    assert list(found[0]) == [
        "accountId",
        "resourceId",
        "state",
        "action",
        "imageUris",
        "startTime",
        "endTime",
    ]


@pytest.fixture
def serve() -> Any:
    """A server that answers everything with one page; children have none of their own."""
    import httpx

    from imagebuilder_pager.local import LocalServer

    servers: list[LocalServer] = []

    def start(page: dict[str, Any]) -> str:
        def answer(request: httpx.Request) -> httpx.Response:
            asked = json.loads(request.content)
            return httpx.Response(200, json={} if "parentResourceId" in asked else page)

        servers.append(LocalServer(answer))
        return servers[-1].url

    yield start
    for server in servers:
        server.close()
