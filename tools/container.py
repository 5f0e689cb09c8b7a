"""The library for a container: a folder with only its requirements, and its cost beside boto3.

    python tools/container.py folder build/slim [--with cli local] [--lean] [--check]
    python tools/container.py measure

``folder`` builds a folder for ``sys.path``, copied from the environment that runs this script. It
has no command line, fleet, local service and walk (``--with`` adds them), and no botocore data,
tests, type stubs, bytecode and commands. Each ``.dist-info`` keeps its metadata, for vulnerability
scanners, and its licences, which have to be distributed. ``--lean`` is for
``http_client=H11Client()``: only the distributions of ``requirements-lean.txt``, without Pydantic's
version 1 and mypy plugin.

``measure`` builds the images of ``examples/container/Dockerfile`` with docker or podman. Each lists
three pages over https, with credentials from a container endpoint on loopback.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import shutil
import ssl
import statistics
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

LIBRARY = "imagebuilder-pager"
ROOT = Path(__file__).parents[1]
LEAN_REQUIREMENTS = ROOT / "requirements-lean.txt"

#: The parts of the library that most programs do not import.
OPTIONAL_PARTS = {
    "cli": ("imagebuilder_pager/cli", "imagebuilder_pager/__main__.py"),
    "fleet": ("imagebuilder_pager/fleet",),
    "local": ("imagebuilder_pager/local", "imagebuilder_pager/pytest_plugin.py"),
    "walk": ("imagebuilder_pager/lifecycle_walk",),
}
# Pydantic imports its version 1 only for a class with __get_validators__.
_EXCLUDED_FROM_LEAN = ("pydantic/v1", "pydantic/mypy.py")
_EXCLUDED_SUFFIXES = frozenset({".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h"})
_EXCLUDED_NAMES = frozenset({"__pycache__", "tests", "test"})
_LICENCE = re.compile(r"(?i)licen[cs]e|copying|notice|authors")

_EXECUTION = "lce-12345678-1234-1234-1234-123456789012"
_LIST_FROM = """
import sys
folder, url, execution, *lean = sys.argv[1:]
sys.path.insert(0, folder)
from imagebuilder_pager import H11Client, ImageBuilder
arguments = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "endpoint_url": url}
if lean:
    arguments["http_client"] = H11Client()
with ImageBuilder("us-west-2", **arguments) as client:
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    for resource in paginator.paginate(lifecycleExecutionId=execution).items():
        print(resource.resource_id)
"""


def requirements_of(
    name: str, site_packages: Path | None = None
) -> list[importlib.metadata.Distribution]:
    """Return the distribution of that name and all its run-time requirements, as installed.

    They are read from this environment, or from ``site_packages`` of another one. A requirement
    that is not installed is not needed on this Python or platform. Raises ``PackageNotFoundError``
    if the distribution itself is not installed.
    """
    path = sys.path if site_packages is None else [str(site_packages)]
    found: dict[str, importlib.metadata.Distribution] = {}
    names = [name]
    while names:
        name = re.sub(r"[-_.]+", "-", names.pop()).lower()
        distribution = next(iter(importlib.metadata.distributions(name=name, path=path)), None)
        if distribution is None and not found:
            raise importlib.metadata.PackageNotFoundError(name)
        if distribution is None or name in found:
            continue
        found[name] = distribution
        for requirement in distribution.requires or ():
            specifier, _, marker = requirement.partition(";")
            match = re.match(r"[\w.-]+", specifier)
            if match is not None and "extra" not in marker:
                names.append(match[0])
    return list(found.values())


def lean_requirements() -> list[importlib.metadata.Distribution]:
    """Return the library's distribution and those of ``requirements-lean.txt``, as installed."""
    lines = LEAN_REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    names = [line.partition("==")[0] for line in lines if line and not line.startswith("#")]
    return [importlib.metadata.distribution(name) for name in (LIBRARY, *names)]


def files_of(distribution: importlib.metadata.Distribution) -> Iterator[tuple[Path, PurePath]]:
    """Yield each installed file of a distribution, with its path relative to site-packages."""
    if distribution.name == LIBRARY:
        # An editable install has only a link to this checkout.
        for path in sorted((ROOT / "imagebuilder_pager").rglob("*")):
            if path.is_file():
                yield path, path.relative_to(ROOT)
    for record in distribution.files or ():
        relative, path = PurePath(record), Path(str(distribution.locate_file(record)))
        is_ours = relative.parts[0] == "imagebuilder_pager"
        if path.is_file() and not (is_ours or ".." in relative.parts or relative.suffix == ".pth"):
            yield path, relative


def _is_included(relative: PurePath, excluded: Collection[str]) -> bool:
    """Return whether a file of site-packages belongs into the folder."""
    if any(relative.is_relative_to(path) for path in excluded):
        return False
    top, *below = relative.parts
    if top.endswith(".dist-info"):
        is_licence = _LICENCE.search("/".join(below)) is not None
        return bool(below) and (relative.name == "METADATA" or is_licence)
    return relative.suffix not in _EXCLUDED_SUFFIXES and not _EXCLUDED_NAMES & set(relative.parts)


def build(target: Path, parts: Collection[str] = (), *, lean: bool = False) -> int:
    """Build the folder, in place of an older one, and return the size of its files in bytes.

    ``parts`` are keys of ``OPTIONAL_PARTS``. Raises ``FileExistsError`` for a folder with other
    content.
    """
    if target.exists():
        if any(target.iterdir()) and not (target / "imagebuilder_pager").is_dir():
            raise FileExistsError(f"{target} exists, and is not a slim folder")
        shutil.rmtree(target)
    excluded = ["botocore/data", *(_EXCLUDED_FROM_LEAN if lean else ())]
    for part in OPTIONAL_PARTS.keys() - parts:
        excluded += OPTIONAL_PARTS[part]
    size = 0
    for distribution in lean_requirements() if lean else requirements_of(LIBRARY):
        for path, relative in files_of(distribution):
            if _is_included(relative, excluded):
                copy = target / relative
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
                size += copy.stat().st_size
    return size


def check(target: Path, *, lean: bool = False) -> list[str]:
    """List from a local server with nothing but the folder, and return the ids of the resources.

    ``lean`` lists with ``H11Client``. Raises ``CalledProcessError`` if the listing fails.
    """
    from imagebuilder_pager.local import LocalImageBuilder, LocalServer, generate_account

    with LocalServer(LocalImageBuilder(generate_account(resources=60))) as server:
        arguments = [str(target.resolve()), server.url, _EXECUTION, *(["lean"] if lean else [])]
        # Isolated, without site-packages: only the folder and the standard library.
        listing = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c", _LIST_FROM, *arguments],
            env={},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return listing.stdout.split()


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


def measure(rounds: int) -> None:
    """Build the images and list in each, in turns; print size, cold start and peak memory."""
    import certifi

    builder = next(filter(shutil.which, ("docker", "podman")), None)
    if builder is None:
        print("Missing: docker or podman. The container was not built.")
        return
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
    commands = parser.add_subparsers(dest="command", required=True)
    images = commands.add_parser("measure", help="build images, and measure them beside boto3's")
    images.add_argument("--rounds", type=int, default=15, help="how often each lists")
    folder = commands.add_parser("folder", help="build a folder for sys.path")
    folder.add_argument("target", type=Path, help="the folder to build, such as build/slim")
    folder.add_argument("--with", dest="parts", nargs="+", choices=OPTIONAL_PARTS, default=())
    folder.add_argument("--lean", action="store_true", help="build it for H11Client alone")
    folder.add_argument("--check", action="store_true", help="list with it from a local server")
    options = parser.parse_args()
    if options.command == "measure":
        measure(options.rounds)
        return
    try:
        size = build(options.target, options.parts, lean=options.lean)
    except FileExistsError as error:
        folder.error(str(error))
    print(f"{options.target}: {size / 1e6:.1f} MB")
    if options.check:
        print(f"Listed {len(check(options.target, lean=options.lean))} resources with it.")


if __name__ == "__main__":
    main()
