"""The smallest root in which the lean install lists, measured beside roots with boto3.

    python tools/container.py            build, run and measure; needs Linux, root and mmdebstrap
    python tools/container.py --trace    write the list of the standard library's files anew

All is built in ``build/container``. The programs run by chroot, as a user without rights, in a
read-only mount, and list over https from a local service, with credentials from a container
endpoint on loopback. Where a tool is missing, it says which and that nothing was run.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))

from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from imagebuilder_pager.local.faults import FaultPlan
from tests.fakes.credential_endpoints import CredentialEndpoints
from tools.container_roots import (
    add_package_files,
    make_build_root,
    make_root,
    pip_install,
    run_in,
)
from tools.relay import Relay
from tools.slim import LEAN_REQUIREMENTS, ROOT

__all__ = ["main"]

STDLIB_LIST = ROOT / "tools" / "container_stdlib.txt"
EXECUTION = "lce-12345678-1234-1234-1234-123456789012"
_TOOLS = ("mmdebstrap", "chroot", "mount", "unshare")
_ROUNDS = 15
_IN_NAMESPACE = "IMAGEBUILDER_PAGER_CONTAINER"  # set where the mounts are ours alone
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_CERTIFICATE = ROOT / "tests" / "unit" / "localhost.pem"
_FAULTS = ("throttle@1", "server-error,status=503@2", "reset-before@4", "html@6", "wrong-type@8")
_KEPT_DATA = {
    *("imagebuilder", "_retry.json", "endpoints.json", "partitions.json"),
    "sdk-default-configuration.json",
}

#: The roots' installs: as pip leaves them (None), or as make slim and SLIM=lean do.
_SLIM: dict[str, Literal["slim", "lean"] | None] = {
    "lean": "lean",
    "default": "slim",
    "boto3": None,
}
#: Runs a program, then prints what it has imported and mapped.
_TRACE = """
import runpy, sys
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
import json
files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
with open("/proc/self/maps") as maps:
    mapped = {line.split(None, 5)[5].strip() for line in maps if "/" in line}
print(json.dumps([sorted(filter(None, files)), sorted(mapped)]))
"""
#: Runs a program, then prints the peak of its memory in KiB.
_PEAK = """
import sys
del sys.argv[0]
with open(sys.argv[0]) as file:
    code = compile(file.read(), sys.argv[0], "exec")
exec(code)
with open("/proc/self/status") as status:
    print(*(line.split()[1] for line in status if line.startswith("VmHWM")))
"""
_WRITE = """
import os, sys
assert os.getuid() and os.getgid() and not os.getgroups()
for folder, _, files in os.walk("/"):
    if folder.startswith(("/proc", "/dev")):
        continue
    try:
        open(folder + "/written", "x")
    except OSError:
        continue
    sys.exit(folder + " can be written to")
names = {name for folder in ("/bin", "/usr/bin", "/usr/sbin") if os.path.isdir(folder)
         for name in os.listdir(folder)}
print(*sorted(names))
"""


@contextmanager
def _services(folder: Path) -> Iterator[dict[str, str]]:
    """Run the services that the programs call, and give the environment that leads to them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_CERTIFICATE)
    account = generate_account(resources=60)
    plan = FaultPlan()
    for text in _FAULTS:
        plan |= FaultPlan.parse(text)
    endpoints = CredentialEndpoints()
    issued = {"AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": SECRET_ACCESS_KEY}
    issued |= {"Token": "session-token", "Expiration": "2100-01-01T00:00:00Z"}
    # The fake's only seam.
    endpoints.issue = lambda kind: dict(issued)  # type: ignore[method-assign]  # noqa: ARG005
    with ExitStack() as stack:
        stack.callback(endpoints.close)
        urls = []
        for service in (LocalImageBuilder(account), LocalImageBuilder(account, faults=plan)):
            server = stack.enter_context(LocalServer(service))
            port = urlsplit(server.url).port
            assert port is not None
            relay = stack.enter_context(Relay(port, tls=context))
            urls.append(f"https://127.0.0.1:{relay.port}")
        container = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{endpoints.url}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": endpoints.container_token,
        }
        (folder / "web-token").write_text("web.identity.token")
        sources = {
            "container": {},
            "environment": {
                "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
                "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
                "AWS_CREDENTIAL_EXPIRATION": "2100-01-01T00:00:00Z",
            },
            "instance": {"AWS_EC2_METADATA_DISABLED": "false"},
            "web-identity": {
                "AWS_WEB_IDENTITY_TOKEN_FILE": "/app/scenarios/web-token",
                "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/reader",
            },
        }
        for name, variables in sources.items():
            (folder / f"{name}.json").write_text(json.dumps(variables))
        yield {
            **container,
            "AWS_CA_BUNDLE": _BUNDLE,
            "AWS_DEFAULT_REGION": "us-west-2",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoints.url,
            "AWS_ENDPOINT_URL_IMAGEBUILDER": urls[0],
            "AWS_ENDPOINT_URL_STS": endpoints.url,
            "PYDANTIC_DISABLE_PLUGINS": "__all__",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": "/app/lib",
            "SCENARIO_CREDENTIALS": "/app/scenarios",
            "SCENARIO_FAULTS": urls[1],
        }


@contextmanager
def _read_only(root: Path, mount_point: Path) -> Iterator[Path]:
    """Mount a root read-only, with /proc, as a container has it."""
    mount_point.mkdir(exist_ok=True)
    subprocess.run(["mount", "--bind", root, mount_point], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", mount_point], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", mount_point / "proc"], check=True)
        yield mount_point
    finally:
        subprocess.run(["umount", "-R", mount_point], check=True)


def _trace(
    build_root: Path, program: str, environment: dict[str, str]
) -> tuple[set[str], set[str]]:
    """Return the files of the standard library that a program imports, and those that it maps."""
    arguments = ["/usr/bin/python3", "-c", _TRACE, program, EXECUTION]
    output = run_in(build_root, arguments, environment)
    files, mapped = json.loads(output.splitlines()[-1])
    folder = f"/usr/lib/{(build_root / 'usr/bin/python3').readlink().name}/"
    stdlib = {file.removeprefix(folder) for file in files if file.startswith(folder)}
    libraries = {file for file in mapped if file.startswith("/usr/lib/x86") or ".so" in file}
    return stdlib | {"os.py"}, {file for file in libraries if not file.startswith(("/app", folder))}


def _size(root: Path) -> float:
    """Return the megabytes that a root takes on the disk."""
    return sum(path.lstat().st_blocks * 512 for path in [root, *root.rglob("*")]) / 1e6


def _build(
    build_root: Path, work: Path, environment: dict[str, str], *, trace: bool
) -> dict[str, Path]:
    """Build the roots, and return them by name."""
    version = (build_root / "usr/bin/python3").readlink().name.removeprefix("python")
    packages = work / "packages"
    shutil.rmtree(packages, ignore_errors=True)
    wheels = packages / "wheels"
    build: list[str | Path] = [sys.executable, "-m", "build", "--wheel", "--outdir", wheels, ROOT]
    constraints = str(ROOT / "constraints.txt")
    subprocess.run(
        build,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PIP_CONSTRAINT": constraints},
    )
    (wheel,) = wheels.glob("*.whl")
    pip_install(packages / "lean", version, "--no-deps", wheel, "-r", LEAN_REQUIREMENTS)
    pip_install(packages / "default", version, "-c", constraints, wheel)
    pip_install(packages / "boto3", version, "-c", constraints, "boto3")
    programs = {
        "lean": ROOT / "examples" / "container" / "list_resources.py",
        "default": ROOT / "tools" / "container_list_default.py",
        "boto3": ROOT / "tools" / "container_list_boto3.py",
    }
    bundle = (build_root / _BUNDLE.removeprefix("/")).read_text() + _CERTIFICATE.read_text()
    bundle = bundle.partition("-----BEGIN PRIVATE KEY")[0]
    (build_root / "etc/ssl/certs/ca-certificates.crt").write_text(bundle)
    roots = {}
    for name in ("lean", "default", "boto3", "boto3, its data trimmed"):
        source = name.partition(",")[0]
        app = build_root / "app"
        shutil.rmtree(app, ignore_errors=True)
        add_package_files(packages / source, app / "lib", slim=_SLIM[source])
        shutil.copy2(programs[source], app / "list_resources.py")
        if name == "lean":
            shutil.copytree(work / "scenarios", app / "scenarios")
            shutil.copy2(ROOT / "tools" / "container_scenarios.py", app / "scenarios.py")
        if "trimmed" in name:
            for path in (app / "lib/botocore/data").iterdir():
                if path.name not in _KEPT_DATA:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        traced = "/app/scenarios.py" if name == "lean" else "/app/list_resources.py"
        stdlib, libraries = _trace(build_root, traced, environment)
        if name == "lean":
            if trace:
                STDLIB_LIST.write_text("".join(f"{path}\n" for path in sorted(stdlib)))
            stdlib = set()
        # The same base for all, and what boto3 wants besides.
        stdlib |= set(STDLIB_LIST.read_text(encoding="utf-8").split())
        root = build_root / "roots" / name.replace(", its data ", "-").replace(" ", "-")
        make_root(build_root, root, stdlib, libraries, bundle)
        shutil.copytree(app, root / "app", dirs_exist_ok=True)
        inside = f"/{root.relative_to(build_root)}"
        compile_all = ["/usr/bin/python3", "-m", "compileall", "-q", "-s", inside]
        compile_all += ["--invalidation-mode", "unchecked-hash", inside]
        run_in(build_root, compile_all, {}, is_root=True)
        roots[name] = root
    shutil.rmtree(build_root / "app")
    return roots


def _measure(roots: dict[str, Path], work: Path, environment: dict[str, str]) -> None:
    """Run the scenarios in the first root, measure them all, and print the table."""
    with ExitStack() as stack:
        mounted = {
            name: stack.enter_context(_read_only(root, work / f"mount-{root.name}"))
            for name, root in roots.items()
        }
        python = "/usr/bin/python3"
        commands = run_in(mounted["lean"], [python, "-c", _WRITE], environment).split()
        print(f"In the lean root nothing can be written to. Commands: {', '.join(commands)}.")
        print(run_in(mounted["lean"], [python, "/app/scenarios.py"], environment).strip())

        def list_once(name: str) -> float:
            started = time.perf_counter()
            output = run_in(
                mounted[name], [python, "/app/list_resources.py", EXECUTION], environment
            )
            assert len(output.splitlines()) == 60, output
            return (time.perf_counter() - started) * 1000

        def peak(name: str) -> float:
            arguments = [python, "-c", _PEAK, "/app/list_resources.py", EXECUTION]
            return int(run_in(mounted[name], arguments, environment).split()[-1]) / 1024

        times = _in_turns(list_once, list(mounted), _ROUNDS)
        peaks = _in_turns(peak, list(mounted), 5)
    print(f"\n{'':36}{'size':>10}{'cold start':>14}{'peak memory':>14}")
    for name, root in roots.items():
        print(
            f"{name:36}{_size(root):>7.1f} MB{statistics.median(times[name]):>11.0f} ms"
            f"{statistics.median(peaks[name]):>10.1f} MiB"
        )
    for ours, peer in itertools.product(("lean", "default"), list(roots)[2:]):
        ratios = (
            _size(roots[ours]) / _size(roots[peer]),
            _median_ratio(times[ours], times[peer]),
            _median_ratio(peaks[ours], peaks[peer]),
        )
        print(
            f"{ours + ' over ' + peer:36}"
            + "".join(
                f"{ratio:>{width}.2f}" for ratio, width in zip(ratios, (10, 14, 14), strict=True)
            )
        )


def _in_turns(
    measure: Callable[[str], float], names: Sequence[str], rounds: int
) -> dict[str, list[float]]:
    """Measure each name once a round, after a round that does not count."""
    for name in names:
        measure(name)
    measured: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            measured[name].append(measure(name))
    return measured


def _median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def main() -> int:
    """Build, run and measure, or say what is missing."""
    parser = argparse.ArgumentParser(description="Build and measure the smallest root.")
    parser.add_argument("--suite", default="trixie", help="the Debian to build from (%(default)s)")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "container")
    parser.add_argument("--trace", action="store_true", help=f"write {STDLIB_LIST.name} anew")
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
        return subprocess.run(
            command, check=False, env={**os.environ, _IN_NAMESPACE: "1"}
        ).returncode
    work: Path = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    scenarios = work / "scenarios"
    shutil.rmtree(scenarios, ignore_errors=True)
    scenarios.mkdir()
    build_root = work / options.suite
    make_build_root(build_root, options.suite)
    subprocess.run(["mount", "-t", "proc", "proc", build_root / "proc"], check=True)
    with _services(scenarios) as environment:
        roots = _build(build_root, work, environment, trace=options.trace)
        _measure(roots, work, environment)
    return 0


if __name__ == "__main__":
    sys.exit(main())
