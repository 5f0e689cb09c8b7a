"""The harness: it runs each worker in its own process, against a server in another process.

Each peer sees only its own requirements, because some libraries import more if more is installed.
aiobotocore comes from a second environment, with its own botocore and Python.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .distributions import LIBRARY, ROOT, files_of, requirements_of

__all__ = ["AIOBOTOCORE", "ROOT", "Harness", "Measured", "aiobotocore_site_packages"]

#: The environment with aiobotocore, which the Makefile creates beside this process's environment.
AIOBOTOCORE = Path(f"{sys.prefix}-aiobotocore")


@dataclass(frozen=True)
class Measured:
    """The measurements of one process: seconds, CPU seconds, and peak memory in KiB.

    ``whole`` is the time from the start of the process to its end, ``first`` the time to its first
    byte of output. The worker itself measures the others.
    """

    whole: float
    first: float
    wall: float = math.nan
    cpu: float = math.nan
    pages: int = 0
    peak_kib: int = 0

    @property
    def cpu_per_page(self) -> float:
        """CPU seconds per page."""
        return self.cpu / self.pages

    @property
    def peak_mib(self) -> float:
        """The peak memory in MiB."""
        return self.peak_kib / 1024


class Harness:
    """A context manager that runs the server.

    ``library`` is the folder to import the library from; default: this checkout. ``folder`` is a
    temporary folder, removed at the end.
    """

    folder: Path

    def __init__(self, library: Path | None = None) -> None:
        self.library = (library or ROOT).resolve()
        self._sites: dict[str, Path] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        certificate, key = _make_certificate(folder)
        self.folder = folder
        # A real bundle: loading its more than a hundred certificates takes time.
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
        fields = server.stdout.readline().split()
        if len(fields) != 3:
            raise RuntimeError("the canned server has not started")
        self.http, self.https, page_size = fields
        self.page_size = int(page_size)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def python(self, code: str, *sites: str, tls: bool = False) -> Measured:
        """Run the code in its own process, and return the measurements.

        The process can import the distributions ``sites``, their requirements and the workers.
        Without ``sites`` it can import only the standard library.
        """
        environment = self._environment(tls=tls)
        if sites:
            environment["PYTHONPATH"] = os.pathsep.join(str(self._site(name)) for name in sites)
        python = str(AIOBOTOCORE / "bin" / "python") if "aiobotocore" in sites else sys.executable
        command = [python, "-S", "-P", "-c", code]
        started = time.perf_counter()
        # One pipe, read as bytes and without threads: only the child's time is measured.
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
        if not line.startswith("wall="):
            return Measured(whole, first)
        wall, cpu, pages, peak_kib = (float(part.partition("=")[2]) for part in line.split())
        return Measured(whole, first, wall, cpu, int(pages), int(peak_kib))

    def work(
        self, worker: str, job: str, *values: int | str, tls: bool = False, url: str = ""
    ) -> Measured:
        """Run a worker's function in its own process, at ``url`` or the server's own."""
        arguments = ", ".join(map(repr, (url or (self.https if tls else self.http), *values)))
        code = f"from benchmarks.workers.{worker} import {job}; {job}({arguments})"
        return self.python(code, _SITE_OF.get(worker, LIBRARY), tls=tls)

    def _site(self, name: str) -> Path:
        """Return the folder with a distribution and its requirements, created once."""
        if name not in self._sites:
            other = aiobotocore_site_packages() if name == "aiobotocore" else None
            self._sites[name] = _make_site(self.folder / name, name, self.library, other)
        return self._sites[name]

    def _environment(self, *, tls: bool) -> dict[str, str]:
        """Return an environment without the user's own settings."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not re.match("AWS_|PYTHON|SSL_|.*_PROXY$", name, re.IGNORECASE)
        }
        environment |= {
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if tls:
            environment["AWS_CA_BUNDLE"] = str(self._bundle)
        return environment


_SITE_OF = {
    "peer_boto3": "boto3",
    "peer_aiobotocore": "aiobotocore",
    "peer_capo": "capo-imagebuilder",
}


def aiobotocore_site_packages() -> Path:
    """Return the packages of aiobotocore's environment. Raises FileNotFoundError without one."""
    for folder in AIOBOTOCORE.glob("lib/python*/site-packages"):
        return folder
    raise FileNotFoundError(f"there is no environment {AIOBOTOCORE}; make bench makes it")


def _make_site(folder: Path, name: str, library: Path, site_packages: Path | None) -> Path:
    """Create a folder of links to the distribution and its requirements, as site-packages.

    They come from this environment, or from ``site_packages`` of another one.
    """
    folder.mkdir()
    (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
    for distribution in requirements_of(name, site_packages):
        for path, relative in files_of(distribution):
            link = folder / relative.parts[0]
            if relative.parts[0] != "__pycache__" and not link.is_symlink():
                link.symlink_to(
                    path.parents[len(relative.parts) - 2] if len(relative.parts) > 1 else path
                )
    if name == LIBRARY:
        link = folder / "imagebuilder_pager"
        link.unlink()
        link.symlink_to(library / "imagebuilder_pager")
    return folder


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    """Create a self-signed certificate for 127.0.0.1, and its key."""
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
