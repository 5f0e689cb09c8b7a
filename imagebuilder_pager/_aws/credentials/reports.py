"""The reports of the attempts at the calls that find credentials."""

from __future__ import annotations

import logging
from functools import partial

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
        redact=partial(redact, secrets=secrets),
        redact_error=partial(redact_error, secrets=secrets),
    )
