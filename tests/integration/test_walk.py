"""The walk over real sockets: beside boto3's nested loops, and in a program that is killed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder
from imagebuilder_pager.local import ACCESS_KEY_ID, SECRET_ACCESS_KEY, LocalServer
from tests.fakes.command_line import local_environment
from tests.fakes.lifecycle_account import REGION, make_account
from tests.fakes.paginated_service import WAYS, Pages, close, run

CREDENTIALS: dict[str, Any] = {
    "aws_access_key_id": ACCESS_KEY_ID,
    "aws_secret_access_key": SECRET_ACCESS_KEY,
}


def records_of_boto3(url: str) -> list[dict[str, Any]]:
    """The records of nested loops with boto3."""
    session = boto3.session.Session(region_name=REGION, **CREDENTIALS)
    client = session.client("imagebuilder", endpoint_url=url)

    def items(operation: str, key: str, **params: Any) -> Iterator[dict[str, Any]]:
        for page in client.get_paginator(operation).paginate(**params):
            yield from page[key]

    resources = "list_lifecycle_execution_resources"
    records: list[dict[str, Any]] = []
    for policy in items("list_lifecycle_policies", "lifecyclePolicySummaryList"):
        arn = policy["arn"]
        for execution in items("list_lifecycle_executions", "lifecycleExecutions", resourceArn=arn):
            run_id = {"lifecycleExecutionId": execution["lifecycleExecutionId"]}
            record = {"policy": policy, "execution": execution, "parent": None, "resource": None}
            records.append(record)
            for image in items(resources, "resources", **run_id):
                records.append({**record, "resource": image})
                parent = {"parentResourceId": image["resourceId"]}
                amis = items(resources, "resources", **run_id, **parent)
                records += [{**record, "parent": image, "resource": ami} for ami in amis]
    return records


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefetch", [0, 4])
@pytest.mark.parametrize("lean", [False, True])
def test_the_records_are_those_of_boto3s_loops(way: str, prefetch: int, *, lean: bool) -> None:
    make: Any = ImageBuilder if way == "sync" else AsyncImageBuilder
    make_lean: Any = H11Client if way == "sync" else AsyncH11Client

    async def main() -> list[dict[str, Any]]:
        http_client = make_lean() if lean else None
        client = make(REGION, endpoint_url=server.url, http_client=http_client, **CREDENTIALS)
        walk = Pages(client.walk_lifecycle(Prefetch=prefetch, PageSize=3))
        records = [record.to_dict() async for record in walk]
        await close(client)
        if lean:
            await close(http_client)
        return records

    account = make_account(policies=4, executions=6, images=5, amis=3, most=4)
    with LocalServer(account) as server:
        assert run(way, main) == records_of_boto3(server.url)


# Walks again and again, each time in a child, which is killed after a random time. A child writes
# a record and the token behind it in one write, and the next one resumes from the last line.
KILLED_AT_ANY_TIME = """
import json, os, random, signal, sys

from imagebuilder_pager import H11Client, ImageBuilder
import imagebuilder_pager.lifecycle_walk

path, kills, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(seed)


def walk(options):
    with open(path, "ab+", buffering=0) as file:
        file.seek(0)
        lines = file.readlines()
        token = json.loads(lines[-1])["token"] if lines else None
        if lines and token is None:
            return
        client = ImageBuilder("us-west-2", http_client=H11Client())
        records = client.walk_lifecycle(StartingToken=token, **options)
        for record in records:
            line = {"key": record.key, "token": records.resume_token}
            file.write(json.dumps(line).encode() + b"\\n")


killed = 0
for number in range(kills + 1):
    options = {"PageSize": rng.choice([1, 2, 3, 4]), "Prefetch": rng.choice([0, 0, 1, 4])}
    seconds = rng.uniform(0.005, 0.04)
    child = os.fork()
    if not child:
        code = 1
        try:
            if number < kills:
                signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
                signal.setitimer(signal.ITIMER_REAL, seconds)
            walk(options)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or status == 0, status
    killed += os.WIFSIGNALED(status)
print(killed)
"""


def test_a_program_killed_at_any_time_has_every_record_once(tmp_path: Any) -> None:
    account = make_account(policies=8, executions=5, images=6, amis=2, most=4)
    output = tmp_path / "output"
    seed = int.from_bytes(os.urandom(4))
    with LocalServer(account) as server:
        ran = subprocess.run(
            [sys.executable, "-c", KILLED_AT_ANY_TIME, str(output), "40", str(seed)],
            capture_output=True,
            text=True,
            env={**os.environ, **local_environment(server.url)},
            check=False,
            timeout=300,
        )
    assert ran.returncode == 0, f"seed {seed}: {ran.stderr}"
    assert int(ran.stdout) >= 10, "it was over before it could be killed"
    keys = [tuple(json.loads(line)["key"]) for line in output.read_bytes().splitlines()]
    assert keys == account.keys(), f"seed {seed}"
