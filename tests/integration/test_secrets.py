"""No secret in a log, an error or a repr with any fault; the root logger is at debug.

The values themselves are looked for, in whatever form a service or a proxy has repeated them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from imagebuilder_pager import ImageBuilder, exceptions
from imagebuilder_pager.local import FaultPlan, LocalImageBuilder, LocalServer, generate_account
from tests.fakes.accounts import signed_request
from tests.fakes.clients import EXECUTION, OPERATION, list_page
from tests.fakes.command_line import EXAMPLE_ID, run_command
from tests.fakes.connections import CALLER_WAYS, WAYS, async_client, call_in_turn, sync_client
from tests.fakes.credential_endpoints import texts_of
from tests.fakes.faults import EVERY_FAULT
from tests.fakes.servers import ScriptedServer

ROOT = Path(__file__).parents[2]
KEY_ID = "AKIDTHATNOBODYSHOULDSEE"
SECRET = "sEcReTkEy/ThatNobodyShouldSee+0123456789"
TOKEN = "sessionTokenThatNobodyShouldSee//////////wEaCXVzLXdlc3QtMiJHMEUCIQ=="
KEYS = {
    "aws_access_key_id": KEY_ID,
    "aws_secret_access_key": SECRET,
    "aws_session_token": TOKEN,
}
LISTING: Any = {**EXECUTION, "PaginationConfig": {"Prefetch": 1}}
ACCOUNT = generate_account(resources=60)
ALL_WAYS = [*WAYS, *CALLER_WAYS]


class Relay:
    """The local service behind other credentials; each request is signed again for it."""

    def __init__(self, fault: str | None = None) -> None:
        plan = FaultPlan({} if fault is None else {2: EVERY_FAULT[fault]})
        self._service = LocalImageBuilder(ACCOUNT, faults=plan)
        self.secrets = {SECRET, TOKEN}
        self.private: set[str] = {KEY_ID}  # not in the library's own log

    def __call__(self, request: httpx.Request) -> httpx.Response:
        authorization = request.headers["authorization"]
        assert KEY_ID in authorization
        assert request.headers["x-amz-security-token"] == TOKEN
        self.secrets.add(authorization.partition("Signature=")[2])
        if token := json.loads(request.content).get("nextToken"):
            self.private.add(token)
        return self._service(signed_request(request.content))


def run(way: str, relay: Any) -> list[object]:
    """List everything by a client of a kind; return the objects that a program could print."""
    with LocalServer(relay) as server:
        return asyncio.run(list_all(way, server.url))


async def list_all(way: str, url: str) -> list[object]:
    attempts: list[object] = []
    options: Any = {"on_attempt": attempts.append, **KEYS}
    is_async = way.startswith("async")
    async with contextlib.AsyncExitStack() as stack:
        client: Any = (
            await stack.enter_async_context(async_client(way, url, **options))
            if is_async
            else stack.enter_context(sync_client(way, url, **options))
        )
        pages: Any = client.get_paginator(OPERATION).paginate(**LISTING)
        seen = objects_of(client, pages)
        try:
            seen += [page async for page in pages] if is_async else list(pages)
        except exceptions.PagerError as error:
            seen.append(texts_of(error))
    assert attempts
    return seen + attempts


def objects_of(*objects: object) -> list[object]:
    """Return the objects, and all objects of the library that they refer to."""
    found: dict[int, object] = {}
    remaining = list(objects)
    while remaining:
        value = remaining.pop()
        # A string may be a secret; the test is for the objects that show one.
        if id(value) not in found and not isinstance(value, str):
            found[id(value)] = value
            if type(value).__module__.startswith("imagebuilder_pager"):
                remaining += vars(value).values() if hasattr(value, "__dict__") else ()
    return list(found.values())


def log_of(caplog: pytest.LogCaptureFixture, *, own: bool = False) -> str:
    """Return all log messages, or those of the library alone with all their fields."""
    return "\n".join(
        f"{record.name} {record.getMessage()} {vars(record) if own else record.exc_text or ''}"
        for record in caplog.records
        if not own or record.name.startswith("imagebuilder_pager")
    )


def check(relay: Relay, seen: list[object], caplog: pytest.LogCaptureFixture) -> None:
    log, own_log = log_of(caplog), log_of(caplog, own=True)
    assert own_log
    assert_no_secret(
        relay, f"{log}\n{own_log}\n" + "\n".join(f"{value!s} {value!r}" for value in seen)
    )
    for private in relay.private:
        assert private not in own_log
    # No part of a body either: it would have the ARN of a resource.
    assert "arn:aws:imagebuilder" not in own_log


def assert_no_secret(relay: Relay, text: str) -> None:
    """Look for the values themselves, and for the beginning that a cut would leave."""
    assert len(relay.secrets) > 2, "no signature was seen"
    for secret in relay.secrets:
        assert secret[:8] not in text


@pytest.mark.parametrize("way", ALL_WAYS)
@pytest.mark.parametrize("fault", [None, *EVERY_FAULT])
def test_no_secret_is_seen(fault: str | None, way: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    relay = Relay(fault)
    check(relay, run(way, relay), caplog)


def repeat_in_headers(status: int, text: str) -> httpx.Response:
    headers = {"x-amzn-requestid": text, "x-was": text, "location": f"https://other.test/?{text}"}
    return httpx.Response(status, headers=headers, html="<html>")


#: How a service or a proxy repeats parts of a request in its response.
REPETITIONS: dict[str, Callable[[str], httpx.Response]] = {
    "an error": lambda text: httpx.Response(
        403, headers={"x-amzn-ErrorType": "InvalidSignatureException"}, json={"message": text}
    ),
    "an error of the model": lambda text: httpx.Response(
        400, json={"__type": "InvalidRequestException", "message": f"see {text}"}
    ),
    "an error's code": lambda text: httpx.Response(
        400, json={"__type": text[:120], "message": "no"}
    ),
    "an error with status 200": lambda text: httpx.Response(200, json={"message": text}),
    "a page of a proxy": lambda text: httpx.Response(200, html=f"<html>{text}</html>"),
    "where a longer page is cut": lambda text: httpx.Response(
        502, html=f"{'x' * 180}{text}{'x' * 999}"
    ),
    "where a longer location is cut": lambda text: httpx.Response(
        302, headers={"location": f"https://elsewhere.test/{'x' * 150}{text}"}
    ),
    "where a longer code is cut": lambda text: httpx.Response(
        503, json={"code": f"{'x' * 60}{text}"}
    ),
    "where a longer message is cut": lambda text: httpx.Response(
        400, json={"message": f"{'x' * 65_500}{text}"}
    ),
    "headers of an error": lambda text: repeat_in_headers(403, text),
    "headers of a page of a proxy": lambda text: repeat_in_headers(200, text),
    "a wrong member": lambda text: httpx.Response(200, json={"resources": {text: text}}),
}


@pytest.mark.parametrize("way", ALL_WAYS)
@pytest.mark.parametrize("repetition", REPETITIONS)
def test_no_secret_is_seen_when_it_is_repeated_as_it_is_sent(
    repetition: str, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Some services respond to an invalid signature with everything that was signed."""
    caplog.set_level(logging.INFO, logger="httpcore")  # it logs all headers of a response
    caplog.set_level(logging.DEBUG)
    relay = Relay()

    def repeat(request: httpx.Request) -> httpx.Response:
        relay(request)
        headers = "\n".join(f"{name}:{value}" for name, value in request.headers.items())
        if repetition == "an error":
            headers = f"The Canonical String should have been\n'POST\n/\n\n{headers}\n'"
        elif repetition != "a page of a proxy":
            headers = request.headers["x-amz-security-token"]
        return REPETITIONS[repetition](headers)

    seen = run(way, repeat)
    assert repetition != "an error" or "Canonical String" in str(seen)
    check(relay, seen, caplog)


#: The lines of SECURITY.md that silence the loggers of other packages.
(SILENCING,) = re.findall(
    r"```python\n(.*?)```", (ROOT / "SECURITY.md").read_text(encoding="utf-8"), re.DOTALL
)


@pytest.mark.parametrize(
    ("module", "loggers"),
    [
        (None, {"httpcore.http11"}),
        ("httpx", {"httpcore.http11", "httpx"}),
        ("httpx2", {"httpcore2.http11", "httpx2"}),
    ],
)
def test_the_log_of_other_packages_shows_a_response_until_it_is_silenced(
    module: str | None, loggers: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpcore", "httpcore2", "httpx", "httpx2"):
        caplog.set_level(logging.DEBUG, logger=name)  # restored after the test
    response = f"HTTP/1.1 403 {TOKEN}\r\nX-Was: {TOKEN}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    server = ScriptedServer([[response], [response]])

    def call() -> None:
        http = None if module is None else pytest.importorskip(module).Client()
        arguments: Any = {"endpoint_url": server.url, "max_attempts": 1, **KEYS}
        with contextlib.nullcontext() if http is None else http:
            client = ImageBuilder("us-west-2", http_client=http, **arguments)
            with pytest.raises(exceptions.ClientError):
                list_page(client)

    try:
        call()
        assert {r.name for r in caplog.records if TOKEN in r.getMessage()} == loggers
        assert log_of(caplog, own=True)
        caplog.clear()
        exec(SILENCING)
        call()
    finally:
        server.close()
    assert len(server.requests) == 2
    assert log_of(caplog, own=True)
    assert TOKEN not in log_of(caplog)


PROXY_USERINFO = "someone:passwordOfTheProxyThatNobodyShouldSee"
PROXY_SECRETS = [
    PROXY_USERINFO.partition(":")[2],
    base64.b64encode(PROXY_USERINFO.encode()).decode(),
]
REPEATED = f"denied Basic {PROXY_SECRETS[1]} of {PROXY_SECRETS[0]}"
#: Responses of a proxy that repeat its password; a request to an http endpoint has it.
PROXY_RESPONSES = {
    "an error": f"HTTP/1.1 407 Denied\r\nX-Was: {REPEATED}\r\nContent-Length: {len(REPEATED)}"
    f"\r\n\r\n{REPEATED}",
    "a reason": f"HTTP/1.1 407 {REPEATED}\r\nContent-Length: 0\r\n\r\n",
    "a page": f"HTTP/1.1 200 OK\r\nContent-Length: {len(REPEATED)}\r\n\r\n{REPEATED}",
    "no HTTP": f"{REPEATED}\r\n\r\n",
    "an invalid header": f"HTTP/1.1 200 OK\r\n{REPEATED}\r\n\r\n",
}


@pytest.mark.parametrize("response", PROXY_RESPONSES)
@pytest.mark.parametrize("way", [*WAYS, *CALLER_WAYS])
def test_no_password_of_a_proxy_is_seen(
    response: str, way: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG, logger="imagebuilder_pager")
    proxy = ScriptedServer([[PROXY_RESPONSES[response].encode()]])
    try:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", f"//{PROXY_USERINFO}@"))
        (error,) = call_in_turn(way, "http://service.test")
    finally:
        proxy.close()
    assert isinstance(error, exceptions.PagerError)
    assert PROXY_SECRETS[1] in proxy.requests[0].decode()
    seen = log_of(caplog, own=True) + texts_of(error)
    for secret in PROXY_SECRETS:
        assert secret not in seen


def test_the_command_shows_no_secret(capfd: pytest.CaptureFixture[str]) -> None:
    relay = Relay()

    def repeat(request: httpx.Request) -> httpx.Response:
        relay(request)
        sent = repr(dict(request.headers))
        return httpx.Response(403, json={"__type": "AccessDenied", "message": sent})

    with LocalServer(repeat) as server:
        keys = {name.upper(): value for name, value in KEYS.items()}
        result = run_command(server.url, capfd, *EXAMPLE_ID, "--debug", environment=keys)
    assert result.code
    assert "x-amz-security-token" in result.err
    assert_no_secret(relay, result.out + result.err)
