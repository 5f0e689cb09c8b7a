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
import os, signal, sys, threading, time
from imagebuilder_pager import H11Client, ImageBuilder
from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID

way, url = sys.argv[1:]


def make_client(**options):
    http_client = H11Client(**options) if way == "h11" else None
    return ImageBuilder(
        "us-west-2", endpoint_url=url, http_client=http_client, max_attempts=1,
        aws_access_key_id="local", aws_secret_access_key="local",
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


"""

WITH_HELD_LOCKS = """
client = make_client()
list_page(client)
locks = [client._rest.quota._lock, client._transport._pool._lock]
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
wait = in_child(lambda: [list_page(client), client.close()])
print(wait())
forked.set()
thread.join()
list_page(client)
"""

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


def run(program: str, way: str, url: str, *, warnings: str = "ignore") -> str:
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


@ways
def test_the_child_does_not_wait_for_locks_of_the_parents_threads(
    local_server: LocalServer, way: str
) -> None:
    assert run(WITH_HELD_LOCKS, way, local_server.url) == "0\n"


@ways
def test_a_fork_during_preconnecting_gives_each_process_its_own_connection(
    local_server: LocalServer, way: str
) -> None:
    assert run(WHILE_CONNECTING, way, local_server.url) == "0\n"


IN_ITS_FIRST_CALL = """
client = make_client()
thread = threading.Thread(target=list_page, args=(client,))
thread.start()
time.sleep(float(os.environ["DELAY"]))
print(in_child(lambda: list_page(client))())
thread.join()
"""


@ways
@pytest.mark.parametrize("delay", ["0.002", "0.02", "0.06"])
def test_a_fork_while_a_thread_is_in_its_first_call_waits_for_its_imports(
    local_server: LocalServer, monkeypatch: pytest.MonkeyPatch, way: str, delay: str
) -> None:
    monkeypatch.setenv("DELAY", delay)
    assert run(IN_ITS_FIRST_CALL, way, local_server.url) == "0\n"


OVER_TLS = """
import ssl
from tests.fakes.transports import KINDS, TRUSTING, signed_request

transport = KINDS[way == "h11"].make(certificates=TRUSTING)


def send():
    assert transport.send(signed_request(transport, url)).body == b"{}"


send()
print(in_child(transport.close)())
send()
"""


@ways
def test_a_child_sends_nothing_on_the_connections_of_its_parent(
    localhost_context: ssl.SSLContext, way: str
) -> None:
    with ScriptedServer([[OK, OK]], localhost_context) as server:
        assert run(OVER_TLS, way, server.url) == "0\n"
    assert server.counts == [2]


IN_TURN = """
import asyncio
from tests.fakes.transports import KINDS, signed_request

kind = next(kind for kind in KINDS if str(kind) == way)
transport = kind.make()


def send():
    received = transport.send(signed_request(transport, url))
    if kind.loop is not None:
        received = asyncio.run(received)
    assert received.body == b"{}", received.body


send()
print(in_child(lambda: [send(), send()])())
send()
"""


@pytest.mark.parametrize("kind", KINDS[:4], ids=str)
def test_a_child_makes_its_own_connections(kind: TransportKind) -> None:
    # Each asyncio.run has its own connections in any case.
    scripts: list[Script] = [[OK, OK]] * 2 if kind.loop is None else [[OK]] * 4
    with ScriptedServer(scripts) as server:
        assert run(IN_TURN, str(kind), server.url, warnings="error") == "0\n"
    assert server.counts == [len(script) for script in scripts]
