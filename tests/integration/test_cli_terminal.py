"""Control characters that the service sends: none of them reaches a terminal."""

import json
import os
import pty
import re
import select
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from imagebuilder_pager.local import LocalServer
from tests.fakes.command_line import page_server
from tests.fakes.command_processes import CommandProcess

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
