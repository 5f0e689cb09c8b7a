"""The headers that every request has, the User-Agent among them."""

from __future__ import annotations

import os
import sys


def request_headers(user_agent: str) -> dict[str, str]:
    """Return the headers of all requests, but for those of the signature."""
    return {
        "accept-encoding": "identity",
        "user-agent": user_agent,
    }


def user_agent(product: str, version: str) -> str:
    """Return the header ``User-Agent`` in AWS's format (ua/2.1), led by this product."""
    if hasattr(os, "uname"):  # the platform module knows all this, and takes its time to import
        system = os.uname()
        name, release, machine = system.sysname, system.release, system.machine
    else:
        name, release, machine = sys.platform, "unknown", "unknown"
    python = ".".join(map(str, sys.version_info[:3]))
    implementation = sys.implementation.name
    implementation = {"cpython": "CPython", "pypy": "PyPy"}.get(implementation, implementation)
    name, release, machine, implementation = map(
        _sanitize_token, (name.lower(), release, machine, implementation)
    )
    return (
        f"{product}/{version} ua/2.1 os/{name}#{release} md/arch#{machine} "
        f"lang/python#{python} md/pyimpl#{implementation}"
    )


def _sanitize_token(value: str) -> str:
    allowed = "!$%&'*+-.^_`|~"
    return "".join(c if c.isascii() and (c.isalnum() or c in allowed) else "-" for c in value)
