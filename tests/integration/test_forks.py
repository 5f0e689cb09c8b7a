"""Forks at awkward times: the child has its own connections and locks."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from imagebuilder_pager.local import LocalServer
from tests.fakes.servers import OK, Script, ScriptedServer
from tests.fakes.transports import KINDS, TransportKind

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")

START = """
import asyncio, os, signal, sys, threading, time
from imagebuilder_pager import H11Client, ImageBuilder
from imagebuilder_pager._threads import SharedCalls, result_of
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID

way, url = sys.argv[1:]


def make_client(**options):
    return ImageBuilder(
        "us-west-2", endpoint_url=url, http_client=H11Client(**options) if way == "h11" else None,
        max_attempts=1, aws_access_key_id="local", aws_secret_access_key="local",
    )


def list_page(client):
    page = client.list_lifecycle_execution_resources(lifecycleExecutionId=EXAMPLE_EXECUTION_ID)
    assert page.resources


def in_child(function):
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        try:
            function()
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    return lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def in_child_while_held(locks, function):
    held, forked = threading.Event(), threading.Event()

    def hold():
        for lock in locks:
            lock.acquire()
        held.set()
        forked.wait(30)
        for lock in locks:
            lock.release()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    code = in_child(function)()
    forked.set()
    thread.join()
    return code


"""


def run(program: str, way: str, url: str = "", *, warnings: str = "ignore") -> str:
    """Run a program with a kind of transport and the URL of a server; return its output."""
    done = subprocess.run(
        [sys.executable, "-W", warnings, "-c", START + program, way, url],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    return done.stdout + done.stderr


ways = pytest.mark.parametrize("way", ["httpx", "h11"])

WITH_HELD_LOCKS = """
client = make_client()
list_page(client)
locks = [client._rest.quota._lock, client._transport._pool._lock]
print(in_child_while_held(locks, lambda: [list_page(client), client.close()]))
list_page(client)
"""


@ways
def test_the_child_does_not_wait_for_locks_of_the_parents_threads(
    local_server: LocalServer, way: str
) -> None:
    assert run(WITH_HELD_LOCKS, way, local_server.url) == "0\n"


WITH_A_SHARED_CALL = """
calls = SharedCalls()
calls.start("key", threading.Event().wait)


def call():
    assert result_of(calls.start("key", lambda: 7), 5) == 7


print(in_child_while_held([calls._lock], call))
"""


def test_the_child_does_not_wait_for_a_call_that_the_parents_threads_share() -> None:
    assert run(WITH_A_SHARED_CALL, "") == "0\n"


WHILE_CONNECTING = """
for number in range(6):
    client = make_client(preconnect=True) if way == "h11" else make_client()
    if number % 2:
        time.sleep(0.05)
    wait = in_child(lambda: list_page(client))
    list_page(client)
    assert wait() == 0
print(0)
"""


@ways
def test_a_fork_during_preconnecting_gives_each_process_its_own_connection(
    local_server: LocalServer, way: str
) -> None:
    assert run(WHILE_CONNECTING, way, local_server.url) == "0\n"


IN_ITS_FIRST_CALL = """
client = make_client()
thread = threading.Thread(target=list_page, args=(client,))
thread.start()
time.sleep(DELAY)
print(in_child(lambda: list_page(client))())
thread.join()
"""


@ways
@pytest.mark.parametrize("delay", ["0.002", "0.02", "0.06"])
def test_a_fork_while_a_thread_is_in_its_first_call_waits_for_its_imports(
    local_server: LocalServer, way: str, delay: str
) -> None:
    assert run(IN_ITS_FIRST_CALL.replace("DELAY", delay), way, local_server.url) == "0\n"


OVER_A_TRANSPORT = """
from tests.fakes.transports import KINDS, TRUSTING, signed_request

(kind,) = (kind for kind in KINDS if str(kind) == way)
transport = kind.make(certificates=TRUSTING)


def send():
    received = transport.send(signed_request(transport, url))
    if kind.loop is not None:
        received = asyncio.run(received)
    assert received.body == b"{}", received.body


send()
print(in_child(CHILD)())
send()
"""


@ways
def test_a_child_sends_nothing_on_the_connections_of_its_parent(
    localhost_context: ssl.SSLContext, way: str
) -> None:
    program = OVER_A_TRANSPORT.replace("CHILD", "transport.close")
    with ScriptedServer([[OK, OK]], localhost_context) as server:
        assert run(program, way, server.url) == "0\n"
    assert server.counts == [2]


@pytest.mark.parametrize("kind", KINDS[:4], ids=str)
def test_a_child_makes_its_own_connections(kind: TransportKind) -> None:
    program = OVER_A_TRANSPORT.replace("CHILD", "lambda: [send(), send()]")
    # Each asyncio.run has its own connections in any case.
    scripts: list[Script] = [[OK, OK]] * 2 if kind.loop is None else [[OK]] * 4
    with ScriptedServer(scripts) as server:
        assert run(program, str(kind), server.url, warnings="error") == "0\n"
    assert server.counts == [len(script) for script in scripts]
