"""Runs the workers in processes of their own, beside the canned server in another.

Each peer sees the distributions that it needs, and no others: the library looks different where
trio is installed, and botocore where there is something for it to import as well.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tools.slim import LIBRARY, files_of, requirements_of

__all__ = ["ROOT", "Harness", "Measured"]

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Measured:
    """What one process took: seconds, CPU seconds, and KiB of memory at its peak.

    ``whole`` is the process from its start to its end, ``first`` to its first byte of output. The
    others are what the worker has measured of itself; None where it has not.
    """

    whole: float
    first: float
    wall: float | None = None
    cpu: float | None = None
    pages: int | None = None
    peak_kib: int | None = None

    @property
    def cpu_per_page(self) -> float:
        """CPU seconds per page."""
        assert self.cpu is not None
        assert self.pages is not None
        return self.cpu / self.pages


class Harness:
    """A context manager with the server running.

    ``library`` is a folder to import the library from, in place of this checkout.
    """

    def __init__(self, library: Path | None = None) -> None:
        self.library = (library or ROOT).resolve()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        certificate, key = _make_certificate(folder)
        self._sites = {name: _make_site(folder / name, name, self.library) for name in _SITES}
        # A real bundle has more than a hundred certificates to load; this one is among them.
        import certifi

        self._bundle = folder / "bundle.pem"
        self._bundle.write_text(Path(certifi.where()).read_text() + certificate.read_text())
        server = self._stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.server", certificate, key],
                cwd=ROOT,
                env=self._environment(tls=False) | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert server.stdin is not None
        assert server.stdout is not None
        self._stack.callback(server.stdin.close)
        words = server.stdout.readline().split()
        if len(words) != 3:
            raise RuntimeError("the canned server has not started")
        self.http, self.https, page_size = words
        self.page_size = int(page_size)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def python(self, code: str, site: str | None = None, *, tls: bool = False) -> Measured:
        """A whole process that runs the code, and what it says of itself.

        It can import what the distribution ``site`` needs, and the workers; without one, nothing
        but the standard library.
        """
        environment = self._environment(tls=tls)
        if site is not None:
            environment["PYTHONPATH"] = str(self._sites[site])
        command = [sys.executable, "-S", "-P", "-c", code]
        started = time.perf_counter()
        # No text, no threads, no pipe but one: what is timed is the child.
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            output = os.read(process.stdout.fileno(), 1)
            first = time.perf_counter() - started
            output += process.stdout.read()
        whole = time.perf_counter() - started
        if process.returncode != 0:
            raise subprocess.CalledProcessError(process.returncode, command)
        line = (output.splitlines() or [b""])[-1].decode()
        if not line.startswith("cpu="):
            return Measured(whole, first)
        said = dict(part.split("=") for part in line.split())
        return Measured(
            whole,
            first,
            wall=float(said["wall"]),
            cpu=float(said["cpu"]),
            pages=int(said["pages"]),
            peak_kib=int(said["peak_kib"]),
        )

    def work(self, worker: str, job: str, *numbers: int, tls: bool = False) -> Measured:
        """A worker's job, in a process of its own."""
        arguments = ", ".join(map(repr, (self.https if tls else self.http, *numbers)))
        code = f"from benchmarks.workers.{worker} import {job}; {job}({arguments})"
        return self.python(code, _SITE_OF.get(worker, LIBRARY), tls=tls)

    def _environment(self, *, tls: bool) -> dict[str, str]:
        """Nothing of the user's own settings, for either side."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().startswith(("AWS_", "PYTHON", "SSL_"))
            and not name.upper().endswith("_PROXY")
        }
        environment |= {
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if tls:
            environment["AWS_CA_BUNDLE"] = str(self._bundle)
        return environment


_SITES = (LIBRARY, "boto3", "aiobotocore", "awscli")
_SITE_OF = {"peer_boto3": "boto3", "peer_aiobotocore": "aiobotocore"}


def _make_site(folder: Path, name: str, library: Path) -> Path:
    """A folder of links to what the distribution needs, in place of site-packages."""
    folder.mkdir()
    (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
    for distribution in requirements_of(name):
        for path, place in files_of(distribution):
            link = folder / place.parts[0]
            if place.parts[0] != "__pycache__" and not link.is_symlink():
                link.symlink_to(
                    path.parents[len(place.parts) - 2] if len(place.parts) > 1 else path
                )
    if name == LIBRARY:
        link = folder / "imagebuilder_pager"
        link.unlink()
        link.symlink_to(library / "imagebuilder_pager")
    return folder


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    extensions = (
        "subjectAltName=IP:127.0.0.1",
        "basicConstraints=critical,CA:TRUE",
        "keyUsage=critical,digitalSignature,keyCertSign",
    )
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += [part for extension in extensions for part in ("-addext", extension)]
    subprocess.run(
        [*command, "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL
    )
    return certificate, key
