"""Runs that are killed, stopped or out of space: no item is lost, and with a checkpoint none
is repeated.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from imagebuilder_pager.local import FaultPlan, LocalImageBuilder, LocalServer, generate_account
from tests.fakes.command_line import COMMAND, local_environment, page_server

RESOURCES = 80
ACCOUNT = generate_account(resources=RESOURCES)
IDS = [resource["resourceId"] for resource in ACCOUNT.executions[0].resources]
JSONL = (*COMMAND, "--output", "jsonl")


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    """Slow enough for there to be a moment between any two pages."""
    with LocalServer(LocalImageBuilder(ACCOUNT), latency=0.02) as server:
        yield server


@pytest.fixture
def environment(server: LocalServer) -> dict[str, str]:
    return {**os.environ, **local_environment(server.url)}


def ids_in(text: str) -> list[str]:
    return [json.loads(line)["resourceId"] for line in text.splitlines()]


def test_a_listing_killed_at_random_moments_is_complete_in_the_end(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Until it is finished; a new run appends to the same file."""
    checkpoint, output = tmp_path / "checkpoint", tmp_path / "output.jsonl"
    command = [*JSONL, "--page-size", "5", "--checkpoint", str(checkpoint)]
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    kills = 0
    for _ in range(60):
        size = output.stat().st_size if output.exists() else 0
        with output.open("ab") as file:
            process = subprocess.Popen(command, stdout=file, env=environment)
            # Starting takes its time; from the first line on, the moment is random.
            while process.poll() is None and file.seek(0, os.SEEK_END) <= size:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
            code = process.wait()
        if code == 0:
            break
        kills += 1
    assert ids_in(output.read_text()) == IDS, f"seed {seed}"
    assert kills > 2, "the listing was over before it could be killed"
    assert json.loads(checkpoint.read_text())["finished"] is True

    with output.open("ab") as file:
        again = subprocess.run(
            command, stdout=file, stderr=subprocess.PIPE, env=environment, check=False
        )
    assert again.returncode == 0
    assert b"finished" in again.stderr
    assert ids_in(output.read_text()) == IDS


# Kills the process right before or right after one of its system calls, counted from the start.
KILL_AT_A_WRITE = """
import os, signal, sys
from imagebuilder_pager.cli.main import main

calls = 0
target, when = int(sys.argv.pop(1)), sys.argv.pop(1)

def counted(function):
    def call(*arguments, **keywords):
        global calls
        calls += 1
        if calls == target and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **keywords)
        if calls == target and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call

def torn(descriptor, data):
    global calls
    calls += 1
    if calls == target and when == "within":
        real_write(descriptor, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return real_write(descriptor, data)

real_write = os.write
os.write = torn if when == "within" else counted(os.write)
os.fsync = counted(os.fsync)
os.replace = counted(os.replace)
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("call", "when"),
    [
        # fsync of the output, fsync of the new checkpoint, replace, fsync of the directory; then
        # write and those four, for each item.
        *((call, "before") for call in (1, 3, 4, 5, 6, 8, 9)),
        *((call, "within") for call in (5, 10)),
    ],
)
def test_a_listing_killed_between_any_two_writes_is_resumed(
    environment: dict[str, str], tmp_path: Path, call: int, when: str
) -> None:
    checkpoint, output = tmp_path / "checkpoint", tmp_path / "output.jsonl"
    output.write_text('{"resourceId": "of before"}\n')
    options = [*JSONL[3:], "--max-items", "4", "--checkpoint", str(checkpoint)]
    with output.open("ab") as file:
        command = [sys.executable, "-c", KILL_AT_A_WRITE, str(call), when, *options]
        killed = subprocess.run(command, stdout=file, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    with output.open("ab") as file:
        ran = subprocess.run(
            [*JSONL[:3], *options],
            stdout=file,
            env=environment,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    assert ran.returncode == 0
    found = ids_in(output.read_text())
    assert found[0] == "of before"
    assert found[1:] == IDS[: len(found) - 1]
    assert 4 <= len(found) - 1 <= 6


FAILED = [
    resource["resourceId"]
    for resource in ACCOUNT.executions[0].resources
    if resource["state"]["status"] == "FAILED"
]


@pytest.mark.parametrize(
    ("call", "when"),
    [
        # The same, after the four of the announcement; a page of 20 has several lines.
        *((call, "before") for call in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 18)),
        *((call, "within") for call in (5, 14)),
    ],
)
def test_an_audit_of_failures_killed_between_any_two_writes_is_resumed(
    environment: dict[str, str], tmp_path: Path, call: int, when: str
) -> None:
    """With ``--query``, a page has any number of lines, and each is there once."""
    checkpoint, output = tmp_path / "checkpoint", tmp_path / "output.jsonl"
    before = '{"resourceId": "of before"}\n'
    output.write_text(before)
    query = "resources[?state.status == 'FAILED']"
    options = [*JSONL[3:], "--page-size", "20", "--query", query, "--checkpoint", str(checkpoint)]
    with output.open("ab") as file:
        command = [sys.executable, "-c", KILL_AT_A_WRITE, str(call), when, *options]
        killed = subprocess.run(command, stdout=file, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    for _ in range(2):
        with output.open("ab") as file:
            ran = subprocess.run(
                [*JSONL[:3], *options],
                stdout=file,
                env=environment,
                stderr=subprocess.PIPE,
                check=False,
            )
        assert ran.returncode == 0, ran.stderr
        assert ids_in(output.read_text()) == ["of before", *FAILED]
    assert len(FAILED) > 8
    assert json.loads(checkpoint.read_text())["listing"]["query"] == query


def test_two_runs_on_one_checkpoint_are_told_apart(
    environment: dict[str, str], tmp_path: Path
) -> None:
    checkpoint, output = tmp_path / "checkpoint", tmp_path / "output.jsonl"
    command = [*JSONL, "--page-size", "2", "--checkpoint", str(checkpoint)]
    with output.open("wb") as file:
        first = subprocess.Popen(command, stdout=file, env=environment)
        while output.stat().st_size == 0:
            time.sleep(0.001)
        first.send_signal(signal.SIGSTOP)
        second = subprocess.run(
            command, stdout=file, stderr=subprocess.PIPE, env=environment, check=False
        )
        first.send_signal(signal.SIGCONT)
        assert first.wait(60) == 0
    assert second.returncode == 255
    assert b"is in use by another run" in second.stderr
    assert ids_in(output.read_text()) == IDS


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_a_checkpoint_that_is_not_a_file_is_an_error(
    environment: dict[str, str], tmp_path: Path, kind: str
) -> None:
    checkpoint, victim = tmp_path / "checkpoint", tmp_path / "victim"
    victim.write_text("precious")
    if kind == "link":
        checkpoint.symlink_to(victim)
    else:
        os.mkfifo(checkpoint)
    ran = subprocess.run(
        [*JSONL, "--checkpoint", str(checkpoint)],
        capture_output=True,
        env=environment,
        check=False,
        timeout=30,
    )
    assert ran.returncode == 252
    assert b"is not a regular file" in ran.stderr
    assert victim.read_text() == "precious"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_a_signal_ends_the_run_with_the_token_to_resume_from(
    environment: dict[str, str], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    output = tmp_path / "output.jsonl"
    command = [*JSONL, "--page-size", "2"]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, env=environment)
        while output.stat().st_size == 0:
            time.sleep(0.001)
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == code
    name, _, token = err.decode().partition(": ")
    assert name == "NextToken"
    found = ids_in(output.read_text())
    assert 0 < len(found) < RESOURCES
    rest = subprocess.run(
        [*JSONL, "--starting-token", token.strip()],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert found + ids_in(rest.stdout) == IDS


@pytest.mark.parametrize("output", ["jsonl", "json", "text", "table"])
def test_a_closed_pipe_ends_the_run_without_an_error(
    environment: dict[str, str], output: str
) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--output", output],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None
    if output == "jsonl":
        assert process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("output", ["jsonl", "json", "text", "table"])
def test_a_full_disk_is_an_error(environment: dict[str, str], output: str) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [*COMMAND, "--output", output],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
        )
    assert ran.returncode == 255
    assert ran.stderr == b"\n[Errno 28] No space left on device\n"


DISK_BECOMES_FULL = """
import os, sys
from imagebuilder_pager.cli.main import main

real_write, left = os.write, int(sys.argv.pop(1))

def write(descriptor, data):
    global left
    if not left:
        raise OSError(28, "No space left on device")
    written = real_write(descriptor, data[:left])
    left -= written
    return written

os.write = write
sys.exit(main())
"""


def test_half_a_line_is_cut_off_when_the_disk_becomes_full(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """The token resumes with the item of that line."""
    output = tmp_path / "output.jsonl"
    with output.open("wb") as file:
        ran = subprocess.run(
            [sys.executable, "-c", DISK_BECOMES_FULL, "5000", *JSONL[3:]],
            stdout=file,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
        )
    assert ran.returncode == 255
    *_, message, token_line = ran.stderr.decode().splitlines()
    assert message == "[Errno 28] No space left on device"
    found = ids_in(output.read_text())
    assert found == IDS[: len(found)]
    assert output.stat().st_size <= 5000
    command = [*JSONL, "--starting-token", token_line.removeprefix("NextToken: ")]
    rest = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert found + ids_in(rest.stdout) == IDS


def test_lines_are_written_before_the_next_page_has_come(environment: dict[str, str]) -> None:
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
        process = subprocess.Popen(
            [*JSONL, "--endpoint-url", server.url], stdout=subprocess.PIPE, env=environment
        )
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(25)]
        assert ids_in(b"".join(first).decode()) == IDS[:25]
        assert requested.wait(20)
        released.set()
        out, _ = process.communicate(timeout=20)
    assert ids_in(out.decode()) == IDS[25:]
    assert process.returncode == 0


def test_an_error_on_a_later_page_ends_with_the_token_to_resume_from(
    environment: dict[str, str], server: LocalServer
) -> None:
    faults = FaultPlan.parse("html@3")
    with LocalServer(LocalImageBuilder(ACCOUNT, faults=faults)) as failing:
        ran = subprocess.run(
            [*JSONL, "--endpoint-url", failing.url],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    assert ran.returncode == 255
    found = ids_in(ran.stdout)
    assert found == IDS[:50]
    token = ran.stderr.splitlines()[-1].removeprefix("NextToken: ")
    rest = subprocess.run(
        [*JSONL, "--starting-token", token],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert ids_in(rest.stdout) == IDS[50:]


def test_ctrl_c_does_not_wait_for_the_children_that_a_tree_lists() -> None:
    are_asked_for, may_answer = threading.Barrier(5), threading.Event()

    def respond(params: dict[str, Any]) -> Any:
        if "parentResourceId" in params:
            are_asked_for.wait(20)
            may_answer.wait(60)
            return {"resources": []}
        arn = "arn:aws:imagebuilder:us-west-2:123456789012:image/image-{}/1.0.0/1"
        return {"resources": [{"resourceId": arn.format(number)} for number in range(4)]}

    with page_server(respond) as server:
        environment = {**os.environ, **local_environment(server.url)}
        command = [*COMMAND, "--output", "tree"]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
        )
        are_asked_for.wait(20)
        process.send_signal(signal.SIGINT)
        try:
            _, error = process.communicate(timeout=20)
        finally:
            process.kill()
            may_answer.set()
    assert process.returncode == 130
    assert b"Traceback" not in error
