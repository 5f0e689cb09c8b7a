"""The images of ``examples/container/Dockerfile``, and their cost beside boto3.

    python -m tools.container

It builds them with docker or podman, the lean one from its wheel in ``dist``. Each lists three
pages over https, with credentials from a container endpoint on loopback.
"""

from __future__ import annotations

import argparse
import shutil
import ssl
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]

_EXECUTION = "lce-12345678-1234-1234-1234-123456789012"
_CERTIFICATE = ROOT / "tests" / "unit" / "localhost.pem"
_LIST_BY_H11 = ROOT / "examples" / "container" / "list_resources.py"
_LIST_BY_BOTO3 = """
import sys
import boto3
paginator = boto3.client("imagebuilder").get_paginator("list_lifecycle_execution_resources")
for page in paginator.paginate(lifecycleExecutionId=sys.argv[1]):
    for resource in page["resources"]:
        action, state = resource.get("action"), resource.get("state")
        print(resource["resourceId"], action and action["name"], state and state["status"])
"""
#: Runs Python with its arguments, then prints its milliseconds and the MiB of its peak.
_MEASURE = """
import os, sys, time
started = time.perf_counter()
process = os.posix_spawn(sys.executable, [sys.executable, *sys.argv[1:]], os.environ)
_, status, usage = os.wait4(process, 0)
print((time.perf_counter() - started) * 1000, usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@contextmanager
def _services() -> Iterator[dict[str, str]]:
    """Run the services that the programs call, and yield the environment for them."""
    import httpx

    from imagebuilder_pager import local

    issued = {"AccessKeyId": local.ACCESS_KEY_ID, "SecretAccessKey": local.SECRET_ACCESS_KEY}
    issued |= {"Token": "session-token", "Expiration": "2100-01-01T00:00:00Z"}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_CERTIFICATE)
    account = local.generate_account(resources=60)
    with (
        local.LocalServer(local.LocalImageBuilder(account)) as service,
        local.LocalServer(lambda _: httpx.Response(200, json=issued)) as credentials,
    ):
        # The local service has no TLS, and no connection yet.
        listener = service._server
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        yield {
            "AWS_CA_BUNDLE": "/ca.pem",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{credentials.url}/v1/credentials",
            "AWS_DEFAULT_REGION": "us-west-2",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL_IMAGEBUILDER": service.url.replace("http:", "https:"),
        }


def _is_running(builder: str) -> bool:
    return shutil.which(builder) is not None and (
        subprocess.run([builder, "info"], capture_output=True, check=False).returncode == 0
    )


def measure(rounds: int, *, builds_dist: bool) -> None:
    """Build the images and list in each, in turns; print size, cold start and peak memory."""
    import certifi

    builder = next(filter(_is_running, ("docker", "podman")), None)
    if builder is None:
        print("Neither docker nor podman runs here. The container was not built.")
        return
    if builds_dist:
        subprocess.run([sys.executable, "-m", "tools.dist", "dist"], cwd=ROOT, check=True)
    bundle = ROOT / "build" / "container-ca.pem"
    bundle.parent.mkdir(exist_ok=True)
    certificate = _CERTIFICATE.read_text().partition("-----BEGIN PRIVATE KEY")[0]
    bundle.write_text(Path(certifi.where()).read_text() + certificate)

    def run(*arguments: str) -> str:
        return subprocess.run(
            [builder, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    programs = {"lean": _LIST_BY_H11.read_text(encoding="utf-8"), "boto3": _LIST_BY_BOTO3}
    images = {name: f"imagebuilder-pager-{name}" for name in programs}
    for name, image in images.items():
        run("build", "-f", "examples/container/Dockerfile", "--target", name, "-t", image, ".")
    found: dict[str, list[list[float]]] = {name: [] for name in images}
    with _services() as environment:
        options = ["--rm", "--network=host", "--read-only", f"--volume={bundle}:/ca.pem:ro"]
        options += [f"--env={name}={value}" for name, value in environment.items()]
        options += ["--entrypoint=/usr/bin/python3"]
        for _ in range(rounds + 1):
            for name, image in images.items():
                program = ("-c", _MEASURE, "-c", programs[name], _EXECUTION)
                *listed, measured = run("run", *options, image, *program).splitlines()
                assert len(listed) == 60, listed
                found[name].append([float(value) for value in measured.split()])
    print("The medians; in brackets, of the ratios to boto3 in the same round.")
    for name, image in images.items():
        size = int(run("image", "inspect", "--format={{.Size}}", image)) / 1e6
        line = f"{name:8}{size:7.1f} MB"
        for index, unit in enumerate(("ms", "MiB")):
            # The first round does not count.
            values = [[one[index] for one in found[each][1:]] for each in (name, "boto3")]
            ratio = statistics.median(a / b for a, b in zip(*values, strict=True))
            line += f"{statistics.median(values[0]):8.1f} {unit} ({ratio:.2f})"
        print(line)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="how often each lists")
    parser.add_argument("--dist", action="store_true", help="build the wheels in dist first")
    options = parser.parse_args()
    measure(options.rounds, builds_dist=options.dist)


if __name__ == "__main__":
    main()
