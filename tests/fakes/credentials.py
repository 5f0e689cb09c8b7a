"""Sources of credentials that expire, fail or return at a test's command."""

from __future__ import annotations

import threading
from datetime import timedelta

from imagebuilder_pager import exceptions
from imagebuilder_pager._aws.clock import Clock
from imagebuilder_pager._aws.identity import Credentials, CredentialsProvider

SECRET_KEY = "wJalrXUtnFEMI/K7MDENG"


class FakeFetcher:
    """A fetcher that returns new credentials at each call, for ``minutes`` (None: for ever).

    It fails while ``broken``. The access key ids are AKID1, AKID2 and so on.
    """

    def __init__(self, clock: Clock, minutes: float | None = 60) -> None:
        self.clock = clock
        self.minutes = minutes
        self.broken = False
        self.call_count = 0

    def __call__(self) -> Credentials:
        self.call_count += 1
        if self.broken:
            raise exceptions.CredentialRetrievalError("the fetcher is broken")
        expiration = None
        if self.minutes is not None:
            expiration = self.clock.now() + timedelta(minutes=self.minutes)
        count = self.call_count
        return Credentials(f"AKID{count}", SECRET_KEY, f"token{count}", expiration)


def access_key_of(provider: CredentialsProvider) -> str:
    return provider.get_frozen_credentials().access_key


class SlowSource:
    """A function that returns credentials at a test's command."""

    def __init__(self) -> None:
        self.is_called = threading.Event()
        self.may_return = threading.Event()
        self.call_count = 0

    def __call__(self) -> Credentials:
        self.call_count += 1
        self.is_called.set()
        assert self.may_return.wait(20)
        return Credentials("local", "local")

    def finish(self) -> None:
        """Return credentials, and wait for the calling threads."""
        self.may_return.set()
        for thread in credential_threads():
            thread.join(10)


def credential_threads() -> list[threading.Thread]:
    """Return the threads in which credentials are fetched."""
    return [thread for thread in threading.enumerate() if thread.name == "credentials"]
