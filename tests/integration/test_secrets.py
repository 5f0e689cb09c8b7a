"""No secret in a log, an error or a repr with any fault; the root logger is at debug."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import logging
import re
import traceback
from typing import Any

import httpx
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder, exceptions
from imagebuilder_pager.aws.auth.httpx_auth import SigV4Auth
from imagebuilder_pager.aws.config.tls import LazySSLContext
from imagebuilder_pager.aws.identity import Credentials
from imagebuilder_pager.aws.transport.h11_transport import H11Client
from imagebuilder_pager.cli.client import RawImageBuilder
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    FAULTS,
    SECRET_ACCESS_KEY,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)

KEY_ID = "AKIDTHATNOBODYSHOULDSEE"
SECRET = "sEcReTkEy/ThatNobodyShouldSee+0123456789"
TOKEN = "sessionTokenThatNobodyShouldSee//////////wEaCXVzLXdlc3QtMiJHMEUCIQ=="
ACCOUNT = generate_account(resources=60)


class Relay:
    """The local service for other credentials: it signs each request again with its own."""

    def __init__(self, plan: FaultPlan) -> None:
        self._service = LocalImageBuilder(ACCOUNT, faults=plan)
        self._auth = SigV4Auth(
            Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY), "imagebuilder", "us-west-2"
        )
        self.secrets = {SECRET, TOKEN}
        self.private: set[str] = {KEY_ID}  # not in the library's own log

    def __call__(self, request: httpx.Request) -> httpx.Response:
        authorization = request.headers["authorization"]
        assert KEY_ID in authorization
        assert request.headers["x-amz-security-token"] == TOKEN
        self.secrets.add(authorization.partition("Signature=")[2])
        if token := json.loads(request.content).get("nextToken"):
            self.private.add(token)
        signed = copy.copy(request)
        signed.headers = httpx.Headers(
            {name: value for name, value in request.headers.items() if "x-amz-" not in name}
        )
        next(self._auth.auth_flow(signed))
        return self._service(signed)


def arguments() -> dict[str, Any]:
    return {
        "region_name": "us-west-2",
        "aws_access_key_id": KEY_ID,
        "aws_secret_access_key": SECRET,
        "aws_session_token": TOKEN,
        "max_attempts": 1,
    }


def run_sync(relay: Any) -> list[object]:
    """List everything, and return the objects that a program could print."""
    with httpx.Client(transport=httpx.MockTransport(relay)) as http:
        return list_all(ImageBuilder(http_client=http, **arguments()))


def objects_of(*objects: object) -> list[object]:
    """Return the objects, and all objects of the library that they refer to."""
    found: dict[int, object] = {}
    remaining = list(objects)
    while remaining:
        value = remaining.pop()
        # A string is where a secret may be; the test is for what shows it.
        if id(value) not in found and not isinstance(value, str):
            found[id(value)] = value
            if type(value).__module__.startswith("imagebuilder_pager"):
                remaining += vars(value).values() if hasattr(value, "__dict__") else ()
    return list(found.values())


def list_all(client: ImageBuilder) -> list[object]:
    pages = client.get_paginator("list_lifecycle_execution_resources").paginate(
        lifecycleExecutionId=EXAMPLE_EXECUTION_ID, PaginationConfig={"Prefetch": 1}
    )
    seen = objects_of(client, pages)
    try:
        seen += list(pages)
    except exceptions.PagerError as error:
        seen += [error, *traceback.format_exception(error)]
    return seen


def run_async(relay: Any) -> list[object]:
    async def main() -> list[object]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(relay)) as http:
            client = AsyncImageBuilder(http_client=http, **arguments())
            pages = client.get_paginator("list_lifecycle_execution_resources").paginate(
                lifecycleExecutionId=EXAMPLE_EXECUTION_ID, PaginationConfig={"Prefetch": 1}
            )
            seen = objects_of(client, pages)
            try:
                seen += [page async for page in pages]
            except exceptions.PagerError as error:
                seen += [error, *traceback.format_exception(error)]
            return seen

    return asyncio.run(main())


def run_command(relay: Any) -> list[object]:
    """List over a socket, with the client of the command line and an ``H11Client``."""
    with (
        LocalServer(relay) as server,
        contextlib.closing(H11Client(server.url, LazySSLContext())) as h11_client,
    ):
        client = RawImageBuilder(direct=h11_client, endpoint_url=server.url, **arguments())
        return [h11_client, *list_all(client)]


def check(relay: Relay, seen: list[object], caplog: pytest.LogCaptureFixture) -> None:
    assert len(relay.secrets) > 2, "no signature was seen"
    log = "\n".join(
        f"{record.name} {record.getMessage()} {record.exc_text or ''}" for record in caplog.records
    )
    assert "imagebuilder_pager" in log
    shown = "\n".join(f"{value!s} {value!r}" for value in seen)
    for secret in relay.secrets:
        assert secret not in log
        assert secret not in shown
    own_lines = "\n".join(
        line for line in log.splitlines() if line.startswith("imagebuilder_pager")
    )
    for private in relay.private:
        assert private not in own_lines
    # No part of a body either: it would have the ARN of a resource.
    assert "arn:aws:imagebuilder" not in own_lines


@pytest.mark.parametrize("run", [run_sync, run_async, run_command])
@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_no_secret_is_seen(fault: str | None, run: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    plan = FaultPlan({} if fault is None else {2: Fault(fault)})
    relay = Relay(plan)
    seen = run(relay)
    check(relay, seen, caplog)


@pytest.mark.parametrize("run", [run_sync, run_async, run_command])
def test_no_secret_is_seen_when_the_service_repeats_it(
    run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Some services respond to an invalid signature with everything that was signed."""
    caplog.set_level(logging.DEBUG)
    relay = Relay(FaultPlan({}))

    def repeat(request: httpx.Request) -> httpx.Response:
        relay(request)
        headers = "\n".join(f"{name}:{value}" for name, value in request.headers.items())
        message = f"The Canonical String should have been\n'POST\n/\n\n{headers}\n'"
        return httpx.Response(
            403,
            headers={"x-amzn-ErrorType": "InvalidSignatureException"},
            json={"message": message},
        )

    seen = run(repeat)
    assert re.search(r"Canonical String", str(seen))
    check(relay, seen, caplog)


@pytest.mark.parametrize("run", [run_sync, run_async, run_command])
def test_no_secret_is_seen_when_a_proxy_repeats_it(
    run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    relay = Relay(FaultPlan({}))

    def repeat(request: httpx.Request) -> httpx.Response:
        relay(request)
        token = request.headers["x-amz-security-token"]
        return httpx.Response(200, html=f"<html>X-Amz-Security-Token: {token}</html>")

    check(relay, run(repeat), caplog)
