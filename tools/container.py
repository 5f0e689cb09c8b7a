"""The smallest root in which a program lists, measured beside roots with boto3.

    python tools/container.py            build, run and measure; needs Linux, root and mmdebstrap

All is built in ``build/container``, without a builder of images. A root holds Python, the shared
libraries that it maps, the files of the standard library that its program was seen to use,
certificates, the program and what it imports. The programs run by chroot, as a user without rights,
in a read-only mount. They list over https from a local service, with credentials from a container
endpoint on loopback.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx

from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from tools.slim import ROOT, is_included

__all__ = ["main"]

_SUITE = "trixie"  # the Debian to build from
_TOOLS = ("mmdebstrap", "chroot", "mount", "unshare")
_ROUNDS = 15
_IN_NAMESPACE = "IMAGEBUILDER_PAGER_CONTAINER"  # set where the mounts are ours alone
_UID = 65532  # distroless images call it nonroot
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_CERTIFICATE = ROOT / "tests" / "unit" / "localhost.pem"
_PYTHON = "/usr/bin/python3"
_LIST = ("/app/list_resources.py", "lce-12345678-1234-1234-1234-123456789012")
_KEPT_DATA = {
    *("imagebuilder", "_retry.json", "endpoints.json", "partitions.json"),
    "sdk-default-configuration.json",
}

# The twins of examples/container/list_resources.py.
_LIST_BY_DEFAULT = """
import sys
from imagebuilder_pager import ImageBuilder
with ImageBuilder() as client:
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    for resource in paginator.paginate(lifecycleExecutionId=sys.argv[1]).items():
        action, state = resource.action, resource.state
        print(resource.resource_id, action and action.name, state and state.status)
"""
_LIST_BY_BOTO3 = """
import sys
import boto3
paginator = boto3.client("imagebuilder").get_paginator("list_lifecycle_execution_resources")
for page in paginator.paginate(lifecycleExecutionId=sys.argv[1]):
    for resource in page["resources"]:
        action, state = resource.get("action"), resource.get("state")
        print(resource["resourceId"], action and action["name"], state and state["status"])
"""
#: Runs a program, then prints what it has imported and mapped, with what shows an error.
_TRACE = """
import runpy, sys
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
import json, os, traceback
files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
with open("/proc/self/maps") as maps:
    mapped = {line.split(None, 5)[5].strip() for line in maps if "/" in line}
print(json.dumps([sorted({*filter(None, files), os.__file__}), sorted(mapped)]))
"""
#: Runs a program, then prints the peak of its memory in KiB.
_PEAK = """
import sys
del sys.argv[0]
exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"))
with open("/proc/self/status") as status:
    print(*(line.split()[1] for line in status if line.startswith("VmHWM")))
"""
#: Prints the folders that can be written to.
_WRITE = """
import os
assert os.getuid() and os.getgid() and not os.getgroups()
folders = (folder for folder, _, _ in os.walk("/") if not folder.startswith(("/proc", "/dev")))
print(*(folder for folder in folders if os.access(folder, os.W_OK)))
"""


class _Contents(NamedTuple):
    """A root's program, what pip installs for it, and which files of that are kept."""

    program: str
    requirements: tuple[str, ...]
    is_kept: Callable[[PurePath], bool]


_ROOTS = {
    "lean": _Contents(
        (ROOT / "examples" / "container" / "list_resources.py").read_text(encoding="utf-8"),
        ("--no-deps", ".", "-r", "requirements-lean.txt"),
        lambda path: is_included(path, lean=True),
    ),
    "default": _Contents(_LIST_BY_DEFAULT, (".",), is_included),
    "boto3": _Contents(_LIST_BY_BOTO3, ("boto3",), lambda _: True),
    "boto3, its data trimmed": _Contents(
        _LIST_BY_BOTO3,
        ("boto3",),
        lambda path: not path.is_relative_to("botocore/data") or path.parts[2] in _KEPT_DATA,
    ),
}


@contextmanager
def _services() -> Iterator[dict[str, str]]:
    """Run the services that the programs call, and give the environment that leads to them."""
    issued = {"AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": SECRET_ACCESS_KEY}
    issued |= {"Token": "session-token", "Expiration": "2100-01-01T00:00:00Z"}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_CERTIFICATE)
    with (
        LocalServer(LocalImageBuilder(generate_account(resources=60))) as service,
        LocalServer(lambda _: httpx.Response(200, json=issued)) as credentials,
    ):
        # The local service has no TLS of its own, and nobody has connected yet.
        listener = service._server
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        yield {
            "AWS_CA_BUNDLE": f"/{_BUNDLE}",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{credentials.url}/v1/credentials",
            "AWS_DEFAULT_REGION": "us-west-2",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL_IMAGEBUILDER": service.url.replace("http:", "https:"),
            "PYDANTIC_DISABLE_PLUGINS": "__all__",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": "/app/lib",
        }


def _run_in(
    root: Path, arguments: Iterable[str], environment: dict[str, str], *, is_root: bool = False
) -> str:
    """Run Python in a root, as a user without rights, and return its output."""

    def enter() -> None:
        os.chroot(root)
        os.chdir("/")
        if not is_root:
            os.setgroups([])
            os.setgid(_UID)
            os.setuid(_UID)

    return subprocess.run(
        [_PYTHON, *arguments],
        env=environment,
        preexec_fn=enter,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    ).stdout


def _make_build_root(folder: Path) -> None:
    """Build a Debian with Python by mmdebstrap, or keep the one that is there."""
    if not (folder / "usr" / "bin" / "python3").exists():
        packages = "--include=python3,ca-certificates"
        command = ["mmdebstrap", "--mode=root", "--variant=apt", packages, _SUITE, str(folder)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bundle = folder / _BUNDLE
    certificate = _CERTIFICATE.read_text().partition("-----BEGIN PRIVATE KEY")[0]
    if certificate not in bundle.read_text():
        bundle.write_text(bundle.read_text() + certificate)


def _pip_install(target: Path, version: str, requirements: Iterable[str]) -> None:
    """Install for that version of Python and this processor, without bytecode."""
    command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    command += ["--target", str(target), "--no-compile", "--only-binary", ":all:"]
    command += ["--python-version", version, "--platform", f"manylinux2014_{platform.machine()}"]
    environment = {**os.environ, "PIP_CONSTRAINT": "constraints.txt"}
    subprocess.run([*command, *requirements], check=True, cwd=ROOT, env=environment)


def _build(build_root: Path, root: Path, contents: _Contents, environment: dict[str, str]) -> None:
    """Run the program in the build root, and copy what it has used, as its root."""
    python = (build_root / "usr/bin/python3").readlink().name
    packages, app = build_root / "packages", build_root / "app"
    for folder in (root, packages, app):
        shutil.rmtree(folder, ignore_errors=True)
    _pip_install(packages, python.removeprefix("python"), contents.requirements)
    for path in packages.rglob("*"):
        relative = PurePath(path.relative_to(packages))
        if path.is_file() and contents.is_kept(relative):
            (app / "lib" / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, app / "lib" / relative)
    (app / "list_resources.py").write_text(contents.program, encoding="utf-8")

    traced = _run_in(build_root, ("-c", _TRACE, *_LIST), environment)
    files, mapped = json.loads(traced.splitlines()[-1])
    stdlib = f"/usr/lib/{python}/"
    paths = [f"usr/bin/{python}", "usr/bin/python3", "lib", "lib64"]
    paths += [file.removeprefix("/") for file in files if file.startswith(stdlib)]
    for library in mapped:
        if ".so" in library and not library.startswith(("/app", stdlib)):
            file = build_root / library.removeprefix("/")
            names = [path for path in file.parent.iterdir() if path.resolve() == file.resolve()]
            paths += [str(name.relative_to(build_root)) for name in names]
    paths += [str(path.relative_to(build_root)) for path in build_root.glob("usr/lib64/*")]
    for name in paths:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(build_root / name, root / name, follow_symlinks=False)
    for name in ("dev", "etc/ssl/certs", "proc", "tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "etc/passwd").write_text(f"nonroot:x:{_UID}:{_UID}:nonroot:/:/nonexistent\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    shutil.copy2(build_root / _BUNDLE, root / _BUNDLE)
    shutil.move(app, root / "app")
    inside = f"/{root.relative_to(build_root)}"
    mode = ("--invalidation-mode", "unchecked-hash")
    _run_in(build_root, ("-m", "compileall", "-q", "-s", inside, *mode, inside), {}, is_root=True)


def _mount(root: Path, mount_point: Path) -> Path:
    """Mount a root read-only, with /proc, as a container has it, until the process ends."""
    mount_point.mkdir(exist_ok=True)
    for arguments in (
        ("--bind", root, mount_point),
        ("-o", "remount,ro,bind", mount_point),
        ("-t", "proc", "proc", mount_point / "proc"),
    ):
        subprocess.run(["mount", *arguments], check=True)
    return mount_point


def _measure(roots: dict[str, Path], work: Path, environment: dict[str, str]) -> None:
    """Check that the lean root cannot be written to, measure all, and print the table."""
    mounted = {name: _mount(root, work / f"mount-{root.name}") for name, root in roots.items()}
    writable = _run_in(mounted["lean"], ("-c", _WRITE), environment).split()
    assert not writable, writable
    commands = sorted(path.name for path in roots["lean"].glob("usr/*bin/*"))
    print(f"In the lean root nothing can be written to. Commands: {', '.join(commands)}.")

    def list_once(name: str) -> float:
        started = time.perf_counter()
        output = _run_in(mounted[name], _LIST, environment)
        assert len(output.splitlines()) == 60, output
        return (time.perf_counter() - started) * 1000

    def peak(name: str) -> float:
        output = _run_in(mounted[name], ("-c", _PEAK, *_LIST), environment)
        return int(output.split()[-1]) / 1024

    times = _in_turns(list_once, list(mounted), _ROUNDS)
    peaks = _in_turns(peak, list(mounted), 5)
    sizes = {
        name: [sum(path.lstat().st_blocks * 512 for path in [root, *root.rglob("*")]) / 1e6]
        for name, root in roots.items()
    }
    print("\nIn brackets: the median of the ratios to boto3 in the same round.")
    for name in roots:
        line = f"{name:26}"
        for what, unit, row in (("", "MB", sizes), ("start", "ms", times), ("peak", "MiB", peaks)):
            ratio = statistics.median(a / b for a, b in zip(row[name], row["boto3"], strict=True))
            line += f"{what:>7}{statistics.median(row[name]):7.1f} {unit} ({ratio:.2f})"
        print(line)


def _in_turns(
    measure: Callable[[str], float], names: Sequence[str], rounds: int
) -> dict[str, list[float]]:
    """Measure each name once a round, after a round that does not count."""
    measured: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-1, rounds):
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            measured[name].append(measure(name))
    return {name: values[1:] for name, values in measured.items()}


def main() -> int:
    """Build, run and measure, or say what is missing."""
    parser = argparse.ArgumentParser(description="Build and measure the smallest root.")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "container")
    options = parser.parse_args()
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0:
        missing.append("the rights of root")
    if missing:
        print(f"Missing: {', '.join(missing)}. The container was not run.")
        return 0
    if _IN_NAMESPACE not in os.environ:
        # The mounts end with the process, however it ends.
        command = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv]
        environment = {**os.environ, _IN_NAMESPACE: "1"}
        return subprocess.run(command, check=False, env=environment).returncode
    work: Path = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    build_root = work / _SUITE
    _make_build_root(build_root)
    subprocess.run(["mount", "-t", "proc", "proc", build_root / "proc"], check=True)
    roots = {}
    with _services() as environment:
        for name, contents in _ROOTS.items():
            root = build_root / "roots" / name.replace(", its data ", "-")
            _build(build_root, root, contents, environment)
            roots[name] = root
        _measure(roots, work, environment)
    return 0


if __name__ == "__main__":
    sys.exit(main())
