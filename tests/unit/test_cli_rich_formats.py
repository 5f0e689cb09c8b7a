"""The outputs table, summary and tree, at several widths, and the words that they use."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from imagebuilder_pager.cli.logs import EscapingFormatter
from imagebuilder_pager.cli.rich_formats.console import replace_controls
from imagebuilder_pager.cli.rich_formats.describe import (
    format_seconds,
    format_time,
    interval_of,
    kind_and_name,
    short_reason,
)
from imagebuilder_pager.cli.terminal import escape_controls
from imagebuilder_pager.models import LifecycleExecutionResource
from tests.fakes.command_line import EXAMPLE_ID, CommandResult, page_server, run_command

ARN = "arn:aws:imagebuilder:us-west-2:123456789012:image/web/1.0.0/1"
CONTAINER = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/platform/web@sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("resource_id", "expected"),
    [
        (ARN, ("image", "web/1.0.0/1")),
        ("arn:aws-cn:imagebuilder:cn-north-1:123456789012:image/a/b", ("image", "a/b")),
        ("ami-0123456789abcdef0", ("ami", "ami-0123456789abcdef0")),
        (CONTAINER, ("container", "platform/web@sha256:0a0a0a0a0a0a")),
        ("something else", ("resource", "something else")),
        ("a\x1b[31m\nb", ("resource", "a\ufffd[31m\ufffdb")),
        (None, ("resource", "")),
    ],
)
def test_a_resource_has_a_kind_and_a_short_name(
    resource_id: str | None, expected: tuple[str, str]
) -> None:
    assert kind_and_name(LifecycleExecutionResource(resource_id=resource_id)) == expected


def test_seconds_are_formatted_in_two_units() -> None:
    texts = {0.4: "0s", 59.4: "59s", 59.6: "1m 00s", 151: "2m 31s", 3600: "1h 00m", 90000: "1d 01h"}
    assert {seconds: format_seconds(seconds) for seconds in texts} == texts
    days = {0.0: "1 minute", 0.01: "14 minutes", 0.25: "6 hours", 1.0: "24 hours", 7.0: "7 days"}
    assert {number: interval_of(number) for number in days} == days


def test_a_time_is_in_utc_and_has_its_date_unless_all_are_of_one() -> None:
    moment = datetime.fromisoformat("2025-03-03T01:00:20+02:00")
    assert format_time(moment, None) == "2025-03-02 23:00:20"
    assert format_time(moment, "2025-03-02") == "23:00:20"
    assert format_time(None, None) == ""


UUID = "7d444840-9dc0-11d1-b245-5FFDCE74FAD2"


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("snap-0123456789abcdef0 of ami-0123456789abcdef0", "snap-… of ami-…"),
        (f"see lce-{UUID}", "see lce-…"),
        (f"(Status Code: 503, Request ID: {UUID})", "(Status Code: 503, Request ID: …)"),
        ("Request ID: 9DC011D1B2455FFD", "Request ID: …"),
        ("Role arn:aws:iam::123456789012:role/X", "Role arn:aws:iam::…:role/X"),
        (
            "not-defaced, port 12345, policy a-b, 1.0.0",
            "not-defaced, port 12345, policy a-b, 1.0.0",
        ),
    ],
)
def test_a_short_reason_has_no_ids(text: str, short: str) -> None:
    assert short_reason(text) == short


def test_no_character_that_steers_a_terminal_is_left() -> None:
    text = "a\x1b[31m\x00\x9b\u202e\u2066\u200f\ufeff\ud800\t\nb"
    replaced = "\N{REPLACEMENT CHARACTER}"
    assert replace_controls(text) == f"a{replaced}[31m{replaced * 9}b"
    assert escape_controls(text) == (
        "a\\u001b[31m\\u0000\\u009b\\u202e\\u2066\\u200f\\ufeff\\ud800\t\nb"
    )
    assert replace_controls(None) == ""
    record = logging.makeLogRecord({"msg": "a\x1b[31m%s", "args": ("\x9b",)})
    assert EscapingFormatter().format(record) == "a\\u001b[31m\\u009b"


RESOURCE: dict[str, Any] = {
    "accountId": "123456789012",
    "resourceId": ARN,
    "state": {"status": "FAILED", "reason": "It is [red]in use[/red] \x1b[2J by others."},
    "action": {"name": "DELETE"},
    "region": "us-west-2",
    "startTime": 1740967220.378,
    "endTime": 1740967371,
}
PAGE = {
    "lifecycleExecutionId": EXAMPLE_ID[1],
    "lifecycleExecutionState": {"status": "FAILED", "reason": "One could not be deleted."},
    "resources": [RESOURCE, {"resourceId": "ami-1"}, {}],
}

Shown = Callable[..., str]


@pytest.fixture
def shown(capfd: pytest.CaptureFixture[str]) -> Shown:
    """Return the function that shows a page at a width; its images have no children."""

    def show(page: dict[str, Any], *arguments: str, width: int | str = 140) -> str:
        with page_server(
            lambda request: {"resources": []} if "parentResourceId" in request else page
        ) as server:
            ran = run_command(
                server.url, capfd, *EXAMPLE_ID, *arguments, environment={"COLUMNS": str(width)}
            )
        assert (ran.code, ran.err) == (0, "")
        return ran.out

    return show


@pytest.mark.parametrize("output", ["table", "summary", "tree"])
@pytest.mark.parametrize("width", ["0", "1", "-5", "", "x", "\N{SUPERSCRIPT TWO}", "9" * 5000])
def test_columns_that_are_not_a_width_hide_nothing(shown: Shown, output: str, width: str) -> None:
    out = shown(PAGE, "--output", output, width=width)
    assert "".join(EXAMPLE_ID[1].split()) in "".join(out.replace("│", " ").split())
    assert max(map(len, out.splitlines())) <= 1_000


@pytest.mark.parametrize("output", ["table", "summary", "tree"])
@pytest.mark.parametrize("width", [40, 80, 140])
def test_all_is_shown_at_any_width_without_controls_of_the_service(
    shown: Shown, output: str, width: int
) -> None:
    out = shown(PAGE, "--output", output, width=width)
    assert "\x1b" not in out  # no colour where there is no terminal, and none of the service's
    words = " ".join(out.replace("│", " ").split())
    for word in ("Lifecycle execution lce-", "One could not be deleted.", "FAILED", "DELETE"):
        assert word in words, out
    assert "2m 31s" in words
    assert "[red]in use[/red] \ufffd[2J by others." in words
    assert all(line == line.rstrip() for line in out.splitlines())
    if width >= 80:
        assert max(map(len, out.splitlines())) <= width


@pytest.mark.parametrize("output", ["table", "summary", "tree"])
def test_a_status_is_in_colour(shown: Shown, output: str) -> None:
    out = shown(PAGE, "--output", output, "--color", "on")
    assert "\x1b[1;31mFAILED" in out
    assert "\x1b[2J" not in out


def test_a_name_is_not_in_the_colour_of_a_status(shown: Shown) -> None:
    out = shown({"resources": [{"resourceId": "FAILED"}]}, "--output", "table", "--color", "on")
    assert "\x1b[1mFAILED" in out


@pytest.mark.parametrize("output", ["table", "summary", "tree"])
def test_an_empty_response_is_shown_as_no_resources(shown: Shown, output: str) -> None:
    out = shown({"resources": []}, "--output", output)
    assert "Lifecycle execution" in out
    assert "0 resources" in out or "no resources" in out or output == "tree"


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        (
            "resources[:2].{id: resourceId, At: region, isDeleted: `true`}",
            [
                f"{'id':{len(ARN)}}  At",
                f"{ARN}  us-west-2",
                "  isDeleted true",
                "ami-1",
                "  isDeleted true",
            ],
        ),
        (
            "resources[:2].[resourceId, region, action.name]",
            [
                f"{'resourceId':{len(ARN)}}  region",
                *(f"{ARN}  us-west-2", "  action.name DELETE", "ami-1"),
            ],
        ),
        (
            "map(&[resourceId, region, 'unnamed'], resources[:2])",
            [f"{ARN}  us-west-2", "  unnamed", "ami-1", "  unnamed"],
        ),
        ("resources[].region", ["us-west-2"]),
        ("resources[0].endTime", ["1740967371"]),
        ("resources[0].{id: resourceId, at: action}", [f"id       {ARN}", "at.name  DELETE"]),
        ("nothing", []),
        ("resources[?region == 'x']", []),
        ("[resources[?region == 'x']]", []),
    ],
)
def test_the_result_of_a_query_is_a_table(shown: Shown, query: str, lines: list[str]) -> None:
    out = shown(PAGE, "--output", "table", "--query", query, width=80)
    assert out.splitlines() == lines


def image(number: int) -> dict[str, Any]:
    arn = f"arn:aws:imagebuilder:us-west-2:123456789012:image/image-{number}/1.0.0/1"
    return {**RESOURCE, "resourceId": arn}


def show_tree(
    capfd: pytest.CaptureFixture[str], children_of: Callable[[int], Any], images: int
) -> CommandResult:
    def respond(request: dict[str, Any]) -> Any:
        parent = request.get("parentResourceId")
        if parent is None:
            return {"resources": [image(number) for number in range(images)]}
        return children_of(int(parent.partition("image-")[2].partition("/")[0]))

    with page_server(respond) as server:
        return run_command(server.url, capfd, *EXAMPLE_ID, "--output", "tree")


def test_the_tree_lists_the_children_of_four_images_at_a_time_and_keeps_their_order(
    capfd: pytest.CaptureFixture[str],
) -> None:
    fourth = threading.Barrier(4, timeout=20)
    running: list[int] = []
    most: list[int] = []

    def children_of(number: int) -> Any:
        running.append(number)
        most.append(len(running))
        if number < 4:
            fourth.wait()  # the first four are there at once, or the test fails
        running.remove(number)
        return {"resources": [{"resourceId": f"ami-{number}"}]}

    ran = show_tree(capfd, children_of, images=11)
    assert (ran.code, ran.err) == (0, "")
    named = [word for word in ran.out.split() if word.startswith(("image-", "ami-"))]
    expected = [(f"image-{number}/1.0.0/1", f"ami-{number}") for number in range(11)]
    assert named == [name for pair in expected for name in pair]
    assert max(most) == 4


def test_the_tree_shows_the_images_before_the_one_whose_children_fail(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def children_of(number: int) -> Any:
        return b"<html>" if number == 2 else {"resources": [None, {"resourceId": "ami-1"}]}

    ran = show_tree(capfd, children_of, images=5)
    assert ran.code == 255
    assert "image-1/" in ran.out
    assert "image-2/" not in ran.out
    assert ran.out.count("ami-1") == 2  # a null child is left out


@pytest.mark.parametrize("output", ["table", "summary", "tree"])
def test_nulls_in_the_lists_of_a_page_are_left_out(shown: Shown, output: str) -> None:
    resources = [
        None,
        {"resourceId": "ami-1", "snapshots": [None, {"snapshotId": "snap-1"}]},
        {"resourceId": "a/b@sha256:" + "0" * 64, "imageUris": [None, "a/b:1"]},
    ]
    out = shown({"resources": resources}, "--output", output)
    assert "None" not in out
    assert ("1 AMIs" if output == "summary" else "ami-1") in out
