"""The reports of the attempts at the calls that find credentials."""

from __future__ import annotations

import logging

from ..attempts import AttemptReport
from ..auth.redaction import redact, redact_error
from ..identity import CredentialsContext
from ..transport.types import Origin

_log = logging.getLogger("imagebuilder_pager.credentials")


def make_report(
    context: CredentialsContext, service: str, operation: str, url: str, secrets: set[str]
) -> AttemptReport:
    """Return the reports of a call; they and its errors show none of the ``secrets``."""
    return AttemptReport(
        (service, operation, Origin.from_url(url).host),
        _log,
        context.on_attempt,
        monotonic=context.clock.monotonic,
        redact=lambda text: redact(text, secrets),
        redact_error=lambda error: redact_error(error, secrets),
    )
