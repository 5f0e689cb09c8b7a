"""Polling until another thread has done something."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    for _ in range(5000):
        if condition():
            return
        threading.Event().wait(0.001)
    pytest.fail("it has not happened")
