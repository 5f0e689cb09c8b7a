"""A file with a token: of a web identity, or of the container endpoint.

The platform renews such a file, so that it is read each time. Its size is bounded, and only a
regular file is read: anything else can have no end, or keep the reader waiting for one.
"""

from __future__ import annotations

import os
import stat

from ...exceptions import CredentialRetrievalError

_MAX_BYTES = 64 * 1024  # STS takes 20,000 characters
# Opening a FIFO would wait. Not all systems have all flags.
_FLAGS = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


def read_token_file(path: str) -> str:
    """Return the token in a file, without the line break at its end.

    Raises ``OSError`` as the system does, and :class:`CredentialRetrievalError` for anything but a
    regular file of at most 64 KiB, in UTF-8, with a token.
    """
    # An opener: open() closes what it opens, and names it in an error, unlike a descriptor.
    with open(path, "rb", opener=lambda name, _: os.open(name, os.O_RDONLY | _FLAGS)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise CredentialRetrievalError(f"the token file {path} is not a regular file")
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise CredentialRetrievalError(f"the token file {path} is larger than 64 KiB")
    try:
        token = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise CredentialRetrievalError(f"the token file {path} is not in UTF-8") from None
    if not token:
        raise CredentialRetrievalError(f"the token file {path} is empty")
    return token
