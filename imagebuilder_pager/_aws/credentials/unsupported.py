"""The sources of a profile that boto3 has and this library has not."""

from __future__ import annotations

from collections.abc import Sequence

from ...exceptions import CredentialRetrievalError
from ..identity import CredentialsContext


class UnsupportedProvider:
    """A provider that is an error for a profile with one of its keys."""

    def __init__(
        self, context: CredentialsContext, profile_name: str, name: str, keys: Sequence[str]
    ) -> None:
        self.name = name
        self._config = context.config
        self._profile_name = profile_name
        self._keys = keys

    def load(self) -> None:
        """Raise :class:`CredentialRetrievalError` if the profile has one of the keys."""
        if any(self._config.setting(key, self._profile_name) is not None for key in self._keys):
            raise CredentialRetrievalError(
                f"the profile {self._profile_name!r} is set up for {self.name}, which is "
                "supported through boto3 only: give credentials=boto3.Session("
                f"profile_name={self._profile_name!r}).get_credentials()"
            )

    def missing_reason(self) -> str:
        return self._config.missing_key_reason(self._keys[0])
