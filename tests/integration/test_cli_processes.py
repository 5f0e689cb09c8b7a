"""The command in processes that are killed or stopped, or that write to terminals; and the demo."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from imagebuilder_pager.local import (
    EXAMPLE_EXECUTION_ID,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from tests.fakes.command_line import EXAMPLE_ID, LIST, local_environment, page_server
from tests.fakes.command_processes import CommandProcess, close_pipe, fill_disk, kill_at_call

RESOURCES = 80
ACCOUNT = generate_account(resources=RESOURCES)
IDS = [resource["resourceId"] for resource in ACCOUNT.executions[0].resources]
SKIPPED = [
    resource["resourceId"]
    for resource in ACCOUNT.executions[0].resources
    if resource["state"]["status"] == "SKIPPED"
]
JSONL = ("--output", "jsonl")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with LocalServer(LocalImageBuilder(ACCOUNT)) as server:
        yield server.url


def ids_in(text: str) -> list[str]:
    return [json.loads(line)["resourceId"] for line in text.splitlines()]


def wait_for_output(process: CommandProcess) -> None:
    while not process.has_ended:
        if process.output.exists() and process.output.stat().st_size:
            return
        time.sleep(0.001)


QUERY = ("--query", "resources[?state.status == 'SKIPPED']")


@pytest.mark.parametrize(
    ("options", "call", "when"),
    [
        # fsync of the output, fsync of the new checkpoint, replace, fsync of the directory; then
        # write and those four, for each item.
        *((("--max-items", "4"), call, "before") for call in (1, 3, 4, 5, 6, 8, 9)),
        *((("--max-items", "4"), call, "within") for call in (5, 10)),
        # The same, but the four are there before each write; a page of 20 has several lines.
        *((QUERY, call, "before") for call in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 18)),
        *((QUERY, call, "within") for call in (5, 14)),
    ],
)
def test_a_listing_killed_between_any_two_writes_is_resumed(
    url: str, tmp_path: Path, options: tuple[str, ...], call: int, when: str
) -> None:
    """With ``--query``, a page has any number of lines, and each is there once."""
    output, checkpoint = tmp_path / "output", tmp_path / "checkpoint"
    output.write_text('{"resourceId": "of before"}\n')
    arguments = (*JSONL, *options, "--page-size", "20", "--checkpoint", str(checkpoint))
    kill = partial(kill_at_call, call, when)
    killed = CommandProcess(url, tmp_path, *arguments, prepare=kill).wait()
    assert killed.code == -signal.SIGKILL
    ran = CommandProcess(url, tmp_path, *arguments).wait()
    assert ran.code == 0, ran.err
    before, *found = ids_in(ran.out)
    assert before == "of before"
    if options != QUERY:
        assert found == IDS[: len(found)]
        assert 4 <= len(found) <= 6
        return
    assert found == SKIPPED
    assert len(SKIPPED) > 8
    again = CommandProcess(url, tmp_path, *arguments).wait()
    assert again.out == ran.out
    assert f"The listing is finished, according to {checkpoint}; remove" in again.err
    assert json.loads(checkpoint.read_text())["listing"]["query"] == QUERY[1]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_a_signal_ends_the_run_with_the_token_to_resume_from(
    url: str, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    # Slow enough for there to be a moment between any two pages.
    with LocalServer(LocalImageBuilder(ACCOUNT), latency=0.02) as slow:
        process = CommandProcess(slow.url, tmp_path, *JSONL, "--page-size", "2")
        wait_for_output(process)
        process.send_signal(number)
        ended = process.wait()
    assert ended.code == code
    name, _, token = ended.err.partition(": ")
    assert name == "NextToken"
    assert 0 < len(ids_in(ended.out)) < RESOURCES
    rest = CommandProcess(url, tmp_path, *JSONL, "--starting-token", token.strip()).wait()
    assert ids_in(rest.out) == IDS


@pytest.mark.parametrize("output", ["json", "text", "table", "yaml-stream"])
def test_a_closed_pipe_ends_the_run_without_an_error(url: str, tmp_path: Path, output: str) -> None:
    process = CommandProcess(url, tmp_path, "--output", output, prepare=close_pipe)
    assert process.wait() == (0, "", "")


def test_a_pipe_that_is_closed_in_the_middle_is_no_error_at_exit(url: str) -> None:
    """There, Python writes the rest of its buffers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "imagebuilder_pager", LIST, *EXAMPLE_ID, *JSONL],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **local_environment(url)},
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    "option", ["--output=jsonl", "--output=json", "--output=text", "--output=table", "--help"]
)
def test_a_full_disk_is_an_error(url: str, tmp_path: Path, option: str) -> None:
    ran = CommandProcess(url, tmp_path, option, out="/dev/full").wait()
    assert (ran.code, ran.err) == (255, "\n[Errno 28] No space left on device\n")


def test_half_a_line_is_cut_off_when_the_disk_becomes_full(url: str, tmp_path: Path) -> None:
    """The token resumes with the item of that line."""
    ran = CommandProcess(url, tmp_path, *JSONL, prepare=partial(fill_disk, 5000)).wait()
    assert ran.code == 255
    *_, message, token_line = ran.err.splitlines()
    assert message == "[Errno 28] No space left on device"
    assert len(ran.out) <= 5000
    assert ids_in(ran.out) == IDS[: ran.out.count("\n")]
    token = token_line.removeprefix("NextToken: ")
    assert (
        ids_in(CommandProcess(url, tmp_path, *JSONL, "--starting-token", token).wait().out) == IDS
    )


def test_lines_are_written_before_the_next_page_has_come(tmp_path: Path) -> None:
    """The first is there before the second page has been asked for."""
    released = threading.Event()
    requested = threading.Event()
    service = LocalImageBuilder(ACCOUNT)

    def second_page_waits(request: httpx.Request) -> httpx.Response:
        if service.requests:
            requested.set()
            released.wait(20)
        return service(request)

    with LocalServer(second_page_waits) as server:
        process = CommandProcess(server.url, tmp_path, *JSONL)
        assert requested.wait(20)
        assert ids_in(process.output.read_text()) == IDS[:25]
        released.set()
        ran = process.wait()
    assert (ran.code, ids_in(ran.out)) == (0, IDS)


def test_ctrl_c_does_not_wait_for_the_children_that_a_tree_lists(tmp_path: Path) -> None:
    are_asked_for, may_answer = threading.Barrier(5), threading.Event()

    def respond(params: dict[str, Any]) -> Any:
        if "parentResourceId" in params:
            are_asked_for.wait(20)
            may_answer.wait()
            return {"resources": []}
        arn = "arn:aws:imagebuilder:us-west-2:123456789012:image/image-{}/1.0.0/1"
        return {"resources": [{"resourceId": arn.format(number)} for number in range(4)]}

    with page_server(respond) as server:
        process = CommandProcess(server.url, tmp_path, "--output", "tree")
        are_asked_for.wait(20)
        process.send_signal(signal.SIGINT)
        try:
            ran = process.wait()
        finally:
            may_answer.set()
    assert ran.code == 130
    assert "Traceback" not in ran.err


# Clears the screen, moves the cursor, sets the title; DEL, and CSI as one character.
EVIL = "before\x1b[2J\x1b]0;title\x07\r\x08\x7f\x9b2Jafter"
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# The colours of rich.
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


RESOURCE = {"resourceId": EVIL, "state": {"status": "FAILED", "reason": EVIL}, EVIL: EVIL}


@pytest.fixture
def server() -> Iterator[LocalServer]:
    """A server of one page."""
    with page_server(lambda _: {"resources": [RESOURCE], "nextToken": EVIL}) as server:
        yield server


def run_on_terminal(server: LocalServer, directory: Path, *options: str) -> str:
    """Return the text sent to a terminal that is both standard output and standard error."""
    controller, terminal = pty.openpty()
    name = os.ttyname(terminal)
    process = CommandProcess(server.url, directory, *options, out=name, err=name)
    sent = b""
    while not process.has_ended or select.select([controller], [], [], 0)[0]:
        if select.select([controller], [], [], 0.01)[0]:
            sent += os.read(controller, 65536)
    os.close(controller)
    os.close(terminal)
    assert process.wait().code in {0, 254, 255}
    return sent.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    "options",
    [
        ("--output", "jsonl", "--max-items", "1"),
        ("--output", "jsonl", "--no-paginate"),
        ("--output", "text"),
        ("--output", "text", "--debug"),
        ("--output", "text", "--no-paginate"),
        ("--output", "yaml-stream", "--max-items", "1"),
        ("--output", "table", "--no-paginate"),
        ("--output", "summary", "--no-paginate"),
        ("--output", "tree", "--no-paginate"),
        ("--output", "table", "--query", "resources", "--no-paginate"),
    ],
    ids=" ".join,
)
def test_no_control_character_of_a_page_reaches_a_terminal(
    server: LocalServer, tmp_path: Path, options: tuple[str, ...]
) -> None:
    assert_harmless(run_on_terminal(server, tmp_path, *options))


@pytest.mark.parametrize("options", [(), ("--debug",)])
def test_no_control_character_of_an_error_reaches_a_terminal(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    error = httpx.Response(400, json={"__type": f"Invalid{EVIL}", "message": EVIL})
    with LocalServer(lambda _: error) as server:
        assert_harmless(run_on_terminal(server, tmp_path, *options))


def assert_harmless(sent: str) -> None:
    assert "after" in sent
    assert CONTROLS.findall(COLOURS.sub("", sent)) == []


def test_into_a_file_text_is_as_the_service_sent_it(server: LocalServer, tmp_path: Path) -> None:
    ran = CommandProcess(server.url, tmp_path, "--output", "text", "--no-paginate").wait()
    assert ran.code == 0
    assert EVIL in ran.out


def test_json_on_a_terminal_is_the_same_document(server: LocalServer, tmp_path: Path) -> None:
    sent = run_on_terminal(server, tmp_path, "--output", "json", "--no-paginate")
    assert CONTROLS.findall(sent) == []
    assert json.loads(sent)["resources"][0]["resourceId"] == EVIL


def test_the_demo_goes_from_policies_to_resources_and_ends_with_the_summary() -> None:
    environment = {**os.environ, "COLUMNS": "100"}
    ran = subprocess.run(
        [sys.executable, "-m", "imagebuilder_pager", "demo"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    before, _, summary = ran.stdout.partition("$ imagebuilder-pager ")
    policies, executions = before.partition(" executions of retire-old-amis")[::2]
    for name in ("retire-old-amis", "trim-container-images", "retire-windows-amis"):
        assert re.search(rf"^  {name} +(EN|DIS)ABLED +last run 202[45]-", policies, re.MULTILINE)
    assert re.search(r"^  trim-sandbox-images +ENABLED +-$", policies, re.MULTILINE)
    listed = re.findall(
        r"^  (lce-[0-9a-f-]{36}) ([A-Z_]+) +([0-9-]{10})$", executions, re.MULTILINE
    )
    assert listed[0] == (EXAMPLE_EXECUTION_ID, "IN_PROGRESS", "2025-03-03")
    assert [date for *_, date in listed] == sorted((date for *_, date in listed), reverse=True)
    assert len(listed) == 5
    assert f"The resources of {EXAMPLE_EXECUTION_ID}," in executions
    assert before.count("Stopped at MaxItems.") == 2
    assert "The listing is complete: 140 resources." in before
    assert "def list_executions(" in before
    assert "def list_resources(" in before
    first, _, rest = summary.partition("\n\n")
    assert first == (
        "list-lifecycle-execution-resources "
        f"--lifecycle-execution-id {EXAMPLE_EXECUTION_ID} --output summary"
    )
    for words in ("140 images", "TOTAL", "us-west-2", "Time", "What failed, and why"):
        assert words in rest
