"""The output of a process, bounded in time and in size.

The module is imported where a process is run: ``subprocess`` is slow to import.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence

from ...exceptions import CredentialRetrievalError

TIMEOUT = 60.0  # seconds; botocore has none
MAX_BYTES = 64 * 1024  # credentials with a session token are about two kilobytes


def run_process(command: str | Sequence[str], source: str) -> bytes:
    """Return the output of a command; ``source`` names it in an error, and nothing shows it.

    Raises :class:`CredentialRetrievalError` if the process fails, does not end in time, or
    prints more than credentials.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603
    reason = f"it did not end within {TIMEOUT:.0f} s"
    try:
        end = time.monotonic() + TIMEOUT
        stdout = _read_within(process, MAX_BYTES, TIMEOUT)
        if stdout is not None and len(stdout) > MAX_BYTES:
            reason = f"it printed more than {MAX_BYTES} bytes"
        elif stdout is not None:
            process.wait(max(0.0, end - time.monotonic()))
            if process.returncode == 0:
                return stdout
            reason = f"exit status {process.returncode}"
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()  # which does nothing to one that has ended
        process.wait()
    raise CredentialRetrievalError(f"{source} failed: {reason}")


def _read_within(process: subprocess.Popen[bytes], size: int, timeout: float) -> bytes | None:
    """Return the output of a process, at most ``size`` + 1 bytes; None if it has not ended in time.

    It is read in a thread, since a child of the process may keep its output open.
    """
    received: list[bytes] = []

    def read() -> None:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        with process.stdout as stdout:
            received.append(stdout.read(size + 1))

    reader = threading.Thread(target=read, name="credential process", daemon=True)
    reader.start()
    reader.join(timeout)
    return received[0] if received else None
