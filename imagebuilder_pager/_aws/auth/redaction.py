"""Remove secrets from text that we did not write: a service or proxy may repeat a request.

The rule: a secret is found by its whole value, in the forms of :func:`_forms_of`, and not by the
text around it. So a text is redacted before it is cut or quoted.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from ...exceptions import Problem
from ..identity import CredentialsLike

_REMOVED = "(removed)"
#: A shorter value cannot be told from a word.
_MIN_SECRET_LENGTH = 8
#: Maximum characters of a text; an error does not need more.
_MAX_TEXT_LENGTH = 64 * 1024
#: Levels of lists and dictionaries; an error of this library has three. A caller's may contain
#: itself.
_MAX_DEPTH = 6
#: Optional escapes in JSON: PHP's, Gson's, .NET's.
_JSON_ESCAPES = (("/", "\\/"), ("=", "\\u003d"), ("+", "\\u002B"))
#: The arguments ``safe`` of ``quote`` as common libraries have them.
_SAFE_CHARACTERS = ("", "/", "+=")


def secrets_of(credentials: CredentialsLike, authorization: str = "") -> set[str]:
    """Return the secret values of credentials and of a header ``Authorization``."""
    values = {credentials.secret_key, credentials.token, authorization.rpartition("Signature=")[2]}
    return {value for value in values if value}


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text without the secrets of at least 8 characters; a long text is cut."""
    # No form of a secret is shorter than the secret; a request id is shorter than most.
    return _remove(text, _forms_of(value for value in secrets if len(value) <= len(text)))


def redact_error(error: BaseException, secrets: Iterable[str]) -> None:
    """Redact the texts of an error, of its causes and its contexts.

    An error that is hidden by ``from None`` is dropped: not all of them can be redacted.
    """
    forms = _forms_of(secrets)
    set_attribute = BaseException.__setattr__  # an error of the caller's may be frozen
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        raised = waiting.pop()
        if raised is None or id(raised) in seen:
            continue
        seen.add(id(raised))
        if raised.__suppress_context__ and raised.__cause__ is None:
            set_attribute(raised, "__context__", None)
        waiting += (raised.__cause__, raised.__context__)
        # httpcore's errors have those of h11 as arguments.
        waiting += (value for value in raised.args if isinstance(value, BaseException))
        if isinstance(raised, BaseExceptionGroup):
            waiting += raised.exceptions
        if (arguments := _remove_from_value(raised.args, forms)) != raised.args:
            set_attribute(raised, "args", arguments)
        members = vars(raised)
        for name, member in list(members.items()):
            redacted = _remove_from_value(member, forms)
            # An equal member is left as it is; a comparison of arrays would raise an error.
            if redacted is not member and redacted != member:
                members[name] = redacted


def _remove_from_value(value: Any, forms: list[str], depth: int = 0) -> Any:
    if isinstance(value, str):
        return _remove(value, forms)
    if isinstance(value, Problem):
        return Problem(*(_remove(text, forms) for text in value))
    if depth == _MAX_DEPTH:
        return value
    depth += 1
    if type(value) is dict:
        return {
            _remove_from_value(name, forms, depth): _remove_from_value(member, forms, depth)
            for name, member in value.items()
        }
    if type(value) in {list, tuple}:
        return type(value)(_remove_from_value(member, forms, depth) for member in value)
    return value


def _remove(text: str, forms: list[str]) -> str:
    if len(text) < _MIN_SECRET_LENGTH:
        return text
    redacted = text[:_MAX_TEXT_LENGTH]
    # No regular expression: the cache of re would keep the secrets.
    for form in forms:
        redacted = redacted.replace(form, _REMOVED)
    if len(text) <= _MAX_TEXT_LENGTH:
        return redacted
    # As many characters as the longest form: a secret that was cut could be there.
    end = len(redacted) - max(map(len, forms), default=0)
    return f"{redacted[: max(end, 0)]}..."


def _forms_of(secrets: Iterable[str]) -> list[str]:
    """Return the secrets as they may be repeated, the longest first."""
    import html  # only errors need it

    forms: set[str] = set()
    for value in set(secrets):
        if len(value) < _MIN_SECRET_LENGTH:
            continue
        escaped = json.dumps(value)[1:-1]
        forms |= {
            value,
            value.lower(),
            escaped,
            *(escaped.replace(*pair) for pair in _JSON_ESCAPES),
        }
        forms |= {html.escape(value, quote=False), html.escape(value)}
        forms.add(html.escape(value).replace("&#x27;", "&apos;"))
        forms.add(html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"))
        encoded = {quote(value, safe=safe) for safe in _SAFE_CHARACTERS}
        forms |= encoded | {re.sub("%..", lambda code: code[0].lower(), text) for text in encoded}
        forms.update(_base64_forms(value.encode()))
    return sorted(forms, key=len, reverse=True)


def _base64_forms(data: bytes) -> Iterator[str]:
    """Go through the base64 of data at each place within a group of three bytes."""
    for place in range(3):
        encoded = base64.b64encode(bytes(place) + data).decode()
        # Without the characters that neighbouring bytes are part of.
        encoded = encoded[-(-place * 4 // 3) : (place + len(data)) * 4 // 3]
        yield encoded
        yield encoded.replace("+", "-").replace("/", "_")
