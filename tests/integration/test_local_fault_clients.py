"""The local service's faults over a socket, as httpx, boto3 and this library's client see them."""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import boto3
import botocore.config
import httpx
import pytest

from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    FAULTS,
    SECRET_ACCESS_KEY,
    Account,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)

ROOT = Path(__file__).parents[2]
PATH = "/ListLifecycleExecutionResources"
# Unsigned, so each true answer is this refusal.
TRUE = b'{"message":"Missing Authentication Token"}'


@pytest.fixture(scope="module")
def account() -> Account:
    return generate_account(resources=60)


def outcomes(client: httpx.Client) -> list[object]:
    """What each of three requests comes to: the answer, or the exception's type."""
    found: list[object] = []
    for _ in range(3):
        try:
            response = client.post(PATH)
            found.append((response.status_code, response.content))
        except httpx.HTTPError as error:
            found.append(type(error))
    return found


async def outcomes_in_a_loop(url: str, timeout: float) -> list[object]:  # noqa: ASYNC109
    found: list[object] = []
    async with httpx.AsyncClient(base_url=url, timeout=timeout, trust_env=False) as client:
        for _ in range(3):
            try:
                response = await client.post(PATH)
                found.append((response.status_code, response.content))
            except httpx.HTTPError as error:
                found.append(type(error))
    return found


# What follows on the same connection: there is none in process.
LATER = {
    "reset-after": httpx.ReadError,
    "body-longer": httpx.RemoteProtocolError,
    "body-trailing": httpx.RemoteProtocolError,
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_same_in_process_and_over_a_socket(account: Account, name: str) -> None:
    def service() -> LocalImageBuilder:
        return LocalImageBuilder(account, faults=FaultPlan({2: Fault(name)}))

    timeout = 0.1 if name.startswith("stall") else 10
    transport = httpx.MockTransport(service())
    with httpx.Client(transport=transport, base_url="http://x") as client:
        in_process = outcomes(client)
    with LocalServer(service()) as server:
        in_a_loop = asyncio.run(outcomes_in_a_loop(server.url, timeout))
    with (
        LocalServer(service()) as server,
        httpx.Client(base_url=server.url, timeout=timeout, trust_env=False) as client,
    ):
        over_a_socket = outcomes(client)
    if name == "redirect":
        # Each leads to where it was sent to, which is another address.
        assert [outcome[0] for outcome in over_a_socket] == [403, 307, 403]  # type: ignore[index]
    assert over_a_socket == in_a_loop
    if name in LATER:
        assert over_a_socket.pop() == LATER[name]
        assert in_process.pop() == (403, TRUE)
    assert over_a_socket == in_process
    assert in_process[0] == (403, TRUE)


def test_an_answer_without_a_body_has_an_end() -> None:
    with (
        LocalServer(lambda _request: httpx.Response(503)) as server,
        httpx.Client(base_url=server.url, timeout=5, trust_env=False) as client,
    ):
        for _ in range(2):
            response = client.get("/")
            assert (response.status_code, response.headers["content-length"]) == (503, "0")


def test_boto3_lives_through_it(account: Account) -> None:
    # It would not live through the error that Image Builder itself has for this.
    plan = (
        FaultPlan.on_page(1, Fault("throttle", code="ThrottlingException"))
        | FaultPlan.on_page(2, Fault("reset-before"))
        | FaultPlan.on_page("last", Fault("server-error", status=503), times=2)
    )
    with LocalServer(LocalImageBuilder(account, faults=plan)) as server:
        client = boto3.session.Session().client(
            "imagebuilder",
            endpoint_url=server.url,
            region_name="us-west-2",
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            config=botocore.config.Config(retries={"mode": "standard", "total_max_attempts": 3}),
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("botocore.retries.standard.time.sleep", lambda _seconds: None)
            patch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
            paginator = client.get_paginator("list_lifecycle_execution_resources")
            pages = list(paginator.paginate(lifecycleExecutionId=EXAMPLE_EXECUTION_ID))
        client.close()
    assert [page["ResponseMetadata"]["RetryAttempts"] for page in pages] == [1, 1, 2]
    listed = [resource["resourceId"] for page in pages for resource in page["resources"]]
    assert listed == [r["resourceId"] for r in account.executions[0].resources]
    assert [(v.page, v.attempt, fault.name) for v, fault in plan.injected] == [
        (1, 1, "throttle"),
        (2, 1, "reset-before"),
        (3, 1, "server-error"),
        (3, 2, "server-error"),
    ]


def test_random_faults_under_many_threads(account: Account) -> None:
    names = [name for name in FAULTS if name not in ("stall", "stall-within", "slow", *LATER)]
    plan = FaultPlan.random(seed=7, probability=0.3, faults=[Fault(name) for name in names])
    answered: list[int] = []

    def work(url: str) -> None:
        with httpx.Client(base_url=url, timeout=5, trust_env=False) as client:
            for _ in range(40):
                with contextlib.suppress(httpx.HTTPError):
                    response = client.post(PATH, content=json.dumps({"n": len(answered)}).encode())
                    answered.append(response.status_code)

    with LocalServer(LocalImageBuilder(account, faults=plan)) as server:
        threads = [threading.Thread(target=work, args=(server.url,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert plan.requests == 320
    again = FaultPlan.random(seed=7, probability=0.3, faults=[Fault(name) for name in names])
    for number in range(320):
        again.fault_for(httpx.Request("POST", f"http://x/{number}"), last=False)
    met = [(visit.request, fault) for visit, fault in plan.injected]
    assert met == [(visit.request, fault) for visit, fault in again.injected]
    assert len(answered) > 200


def test_the_example_with_pytest(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "faults.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (source,) = (block for block in blocks if "def test_" in block)
    (tmp_path / "test_example.py").write_text(source)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert "4 passed" in ran.stdout
