"""Whatever finds credentials neither logs nor shows them."""

import contextlib
import logging
import re

import pytest

from imagebuilder_pager import exceptions
from tests.fakes.clocks import NoSleepClock
from tests.fakes.credential_endpoints import (
    PROFILES,
    CredentialEndpoints,
    CredentialSettings,
    find_provider,
    our_credentials,
)

SECRET_TEXTS = re.compile(
    r"SecretOf|TokenOf|TaskUuidSecret|container-token|MetadataTokenSecret|web\.identity\.token|"
    r"Signature=[0-9a-f]|wrong\.token"
)


def test_nothing_secret_is_logged_or_shown(
    settings: CredentialSettings,
    endpoints: CredentialEndpoints,
    clock: NoSleepClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every set_up, well and ill, with everybody's loggers at their most talkative."""
    shown = []

    def search(profile: str | None = None) -> None:
        credentials = find_provider(clock, profile)
        with contextlib.suppress(exceptions.PagerError):
            credentials.get_frozen_credentials()
            shown.append(repr(credentials) + repr(credentials.cached()))
            endpoints.scripted = [(500, b"SecretOfNothing"), (200, b"SecretOfNothing")] * 3
            credentials.invalidate(credentials.get_frozen_credentials().access_key)
            try:
                credentials.get_frozen_credentials()
            except exceptions.PagerError as error:
                raised: BaseException | None = error
                while raised is not None:
                    shown.append(str(raised) + repr(raised))
                    raised = raised.__cause__ or raised.__context__
        endpoints.scripted = []

    with caplog.at_level(logging.DEBUG):
        for set_up in (
            settings.set_imds,
            settings.set_ecs,
            settings.set_config,
            settings.set_shared,
            settings.set_web_identity,
            settings.set_environment,
        ):
            set_up()
            search()
        settings.set_profiles()
        for profile in PROFILES:
            search(profile)
        settings.environment(AWS_ACCESS_KEY_ID=None, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=None)
        settings.file("web-token", "wrong.token")
        with pytest.raises(exceptions.CredentialRetrievalError, match=r"\(removed\) is not mine"):
            our_credentials(clock)
    assert len(shown) > 20
    assert not SECRET_TEXTS.search("\n".join(shown))
    assert len(caplog.records) > 100
    for record in caplog.records:
        text = caplog.handler.format(record) + str(record.args)
        assert not SECRET_TEXTS.search(text), text
