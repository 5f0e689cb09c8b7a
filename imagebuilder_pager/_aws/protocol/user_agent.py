"""The header User-Agent, in AWS's format."""

from __future__ import annotations

import logging
import os
import sys

from ..._validation import InvalidValueError, describe_invalid_value
from ..config.shared_config import SharedConfig

_log = logging.getLogger("imagebuilder_pager.calls")

#: AWS's limit; a longer id is sent all the same, as by botocore.
_MAX_APP_ID_LENGTH = 50


def user_agent(product: str, version: str, config: SharedConfig, extra: str | None = None) -> str:
    """Return the header ``User-Agent`` in AWS's format (ua/2.1), led by this product.

    ``AWS_EXECUTION_ENV`` is part of it, and ``AWS_SDK_UA_APP_ID``, else the profile's
    ``sdk_ua_app_id``. ``extra`` is its end, unchanged.
    """
    if hasattr(os, "uname"):  # the platform module knows all this, but is slow to import
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
    parts = [
        f"{product}/{version} ua/2.1 os/{name}#{release} md/arch#{machine} "
        f"lang/python#{python} md/pyimpl#{implementation}"
    ]
    if environment := os.environ.get("AWS_EXECUTION_ENV"):
        parts.append(f"exec-env/{_sanitize_token(environment)}")
    if app_id := config.get("AWS_SDK_UA_APP_ID", key="sdk_ua_app_id"):
        if len(app_id.value) > _MAX_APP_ID_LENGTH:
            _log.warning(
                "%s: %d characters given; allowed: at most %d",
                app_id.source,
                len(app_id.value),
                _MAX_APP_ID_LENGTH,
            )
        parts.append(f"app/{_sanitize_token(app_id.value, also='#')}")
    if extra is not None:
        parts.append(extra)
    return " ".join(parts).strip()


def validate_user_agent_extra(extra: object) -> None:
    """Raise :class:`InvalidValueError` for an extra that the header cannot carry."""
    if extra is None or (isinstance(extra, str) and extra.isascii() and extra.isprintable()):
        return
    allowed = "a string of printable ASCII, without a line break"
    raise InvalidValueError(describe_invalid_value("user_agent_extra", extra, allowed))


def _sanitize_token(value: str, also: str = "") -> str:
    allowed = "!$%&'*+-.^_`|~," + also
    return "".join(c if c.isascii() and (c.isalnum() or c in allowed) else "-" for c in value)
