"""The forms in which a secret is found in a text or an error, the bound of a text, and the cost."""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest

from imagebuilder_pager._aws.auth.redaction import redact, redact_error
from imagebuilder_pager.exceptions import (
    ClientError,
    InvalidConfigError,
    PagerError,
    ParamValidationError,
    Problem,
)

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLE/KEY=="
PASSWORD = "Pa ss<wo&rd>\"\\it's é/~"
LIMIT = 65_536


def lower_percent(text: str) -> str:
    """Return a percent-encoded text with its hex digits in lower case, as some libraries do."""
    return "%".join((first := text.split("%"))[:1] + [t[:2].lower() + t[2:] for t in first[1:]])


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "percent-encoded": lambda value: quote(value, safe=""),
    "percent-encoded in lower case": lambda value: lower_percent(quote(value, safe="")),
    "percent-encoded but for slashes": quote,
    "percent-encoded but for slashes in lower case": lambda value: lower_percent(quote(value)),
    "percent-encoded in a segment of a path": lambda value: quote(value, safe="+="),
    "escaped in JSON": lambda value: json.dumps(value)[1:-1],
    "escaped in JSON by PHP": lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
    "escaped in JSON by Gson": lambda value: json.dumps(value)[1:-1].replace("=", "\\u003d"),
    "escaped in JSON by .NET": lambda value: json.dumps(value)[1:-1].replace("+", "\\u002B"),
    "escaped in XML": lambda value: html.escape(value, quote=False),
    "escaped in XML with quotes": html.escape,
    "escaped in XML with its names": lambda value: html.escape(value).replace("&#x27;", "&apos;"),
    "escaped in XML with numbers": lambda value: (
        html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    ),
}


@pytest.mark.parametrize("value", [SECRET, PASSWORD], ids=["key", "password"])
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_removed_and_the_rest_stays(form: str, value: str) -> None:
    text = FORMS[form](value)
    assert redact(f"got {text}, {text}{text}.", {value, "another secret"}) == (
        "got (removed), (removed)(removed)."
    )


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("value", [SECRET, SECRET[:-1], SECRET[:-2], "~~~?????", PASSWORD])
@pytest.mark.parametrize("after", range(3))
@pytest.mark.parametrize("before", range(4))
def test_a_secret_is_removed_from_base64_at_every_place(
    before: int, after: int, value: str, encode: Callable[[bytes], bytes]
) -> None:
    data = value.encode()
    encoded = encode(b"x" * before + data + b"x" * after).decode()
    left, right = redact(encoded, {value}).split("(removed)")
    assert encoded.startswith(left)
    assert encoded.endswith(right)
    # At most a character at each end has bits of the value and of its neighbours.
    assert len(encoded) - len(left) - len(right) >= len(data) * 4 // 3 - 1


@pytest.mark.parametrize(
    ("text", "secrets", "redacted"),
    [
        ("a word: letters", {"letters", ""}, "a word: letters"),
        ("a word: lettered", {"lettered"}, "a word: (removed)"),
        # Two that begin alike.
        (f"{SECRET}, {SECRET[:20]}", {SECRET, SECRET[:20]}, "(removed), (removed)"),
        # One that is longer than the bound of a text.
        ("x" * LIMIT * 2, {"x" * (LIMIT + 1)}, "..."),
    ],
    ids=["short", "long enough", "alike", "too long"],
)
def test_which_secrets_are_removed(text: str, secrets: set[str], redacted: str) -> None:
    assert redact(text, secrets) == redacted


@pytest.mark.parametrize("secrets", [set(), {SECRET}])
def test_a_text_is_bounded(secrets: set[str]) -> None:
    assert redact("x" * LIMIT, secrets) == "x" * LIMIT
    cut = redact("x" * (LIMIT + 1), secrets)
    assert LIMIT - 1000 < len(cut) <= LIMIT + 3
    assert cut.lstrip("x") == "..."


@pytest.mark.parametrize("form", FORMS)
def test_the_bound_leaves_no_beginning_of_a_secret(form: str) -> None:
    text = FORMS[form](SECRET)
    for shown in range(1, len(text) + 2):
        cut = redact("-" * (LIMIT - shown) + text * 3, {SECRET})
        assert cut.strip("-") in {"...", "(removed)..."}


def test_headers_lose_the_secrets_in_their_names_and_values() -> None:
    response = {
        "Error": {"Code": SECRET, "Message": f"no {SECRET}"},
        "ResponseMetadata": {
            "RequestId": SECRET,
            "HTTPStatusCode": 403,
            "HTTPHeaders": {"x-was": f"a {SECRET}", f"x-{SECRET}": "b"},
        },
    }
    error = ClientError(response, "ListImages")
    redact_error(error, {SECRET})
    assert error.response == {
        "Error": {"Code": "(removed)", "Message": "no (removed)"},
        "ResponseMetadata": {
            "RequestId": "(removed)",
            "HTTPStatusCode": 403,
            "HTTPHeaders": {"x-was": "a (removed)", "x-(removed)": "b"},
        },
    }
    assert SECRET not in f"{error} {error!r}"


def test_a_problem_loses_the_secrets_in_it_and_stays_a_problem() -> None:
    problem = Problem("HTTPS_PROXY", f"'http://{SECRET}' given", "a URL")
    single = InvalidConfigError(problem)
    several = ParamValidationError("Op", [problem])
    for error in (single, several):
        redact_error(error, {SECRET})
        assert SECRET not in f"{error} {error!r} {vars(error)}"
    assert single.problem is not None
    assert several.problems == (single.problem,)
    assert single.problem._replace(given="") == Problem("HTTPS_PROXY", "", "a URL")


def test_causes_contexts_and_notes_are_redacted() -> None:
    cause, context, error = (PagerError(f"{text} {SECRET}") for text in ("of", "in", "an"))
    error.__cause__, cause.__context__, context.__cause__ = cause, context, error
    error.add_note(f"see {SECRET}")
    redact_error(error, {SECRET})
    assert [e.args for e in (error, cause, context)] == [
        ("an (removed)",),
        ("of (removed)",),
        ("in (removed)",),
    ]
    assert error.__notes__ == ["see (removed)"]


class Uncomparable:
    """A value that raises when it is compared, as an array of numpy does."""

    def __ne__(self, other: object) -> bool:
        raise ValueError("neither true nor false")


class FrozenError(Exception):
    """An error of a caller's: no attribute can be set, and some cannot be compared."""

    def __init__(self) -> None:
        super().__init__(SECRET)
        vars(self).update(text=f"with {SECRET}", array=Uncomparable())

    def __setattr__(self, *_: object) -> None:
        raise AttributeError


def test_an_error_of_the_callers_may_be_of_any_kind() -> None:
    """Also with an attribute that contains itself, or is deep."""
    error, texts = FrozenError(), [SECRET]
    cyclic: list[object] = [texts]
    cyclic.append(cyclic)
    for _ in range(5000):
        texts = [texts]  # type: ignore[list-item]
    vars(error).update(cyclic=cyclic, deep=texts)
    redact_error(error, {SECRET})
    assert (error.args, vars(error)["text"]) == (("(removed)",), "with (removed)")
    assert vars(error)["cyclic"][0] == ["(removed)"]


def test_the_errors_of_a_group_are_redacted() -> None:
    error = PagerError(f"of {SECRET}")
    redact_error(ExceptionGroup("of a hook", [ExceptionGroup("inner", [error])]), {SECRET})
    assert error.args == ("of (removed)",)


def test_a_context_that_from_none_hides_is_dropped() -> None:
    """pydantic's has the whole input, and nothing can be removed from it."""

    def refuse() -> None:
        try:
            raise KeyError(bytearray(SECRET.encode()))
        except KeyError:
            raise PagerError("no") from None

    with pytest.raises(PagerError) as caught:
        refuse()
    assert caught.value.__context__ is not None
    redact_error(caught.value, {SECRET})
    assert caught.value.__context__ is None


def error_with_headers(count: int) -> ClientError:
    headers = {f"header-{number:06}": f"value {number:06}" for number in range(count)}
    response = {"Error": {}, "ResponseMetadata": {"HTTPHeaders": headers}}
    return ClientError(response, "ListImages")


def test_the_forms_are_made_once_for_all_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bytes] = []
    encode = base64.b64encode

    def count(data: bytes) -> bytes:
        calls.append(data)
        return encode(data)

    monkeypatch.setattr(base64, "b64encode", count)
    redact_error(error_with_headers(0), {SECRET})
    once = len(calls)
    assert once
    redact_error(error_with_headers(1000), {SECRET})
    assert len(calls) == 2 * once


def seconds(run: Callable[[], object]) -> float:
    """Return the least CPU time of some runs."""
    times = []
    for _ in range(7):
        started = time.thread_time()
        run()
        times.append(time.thread_time() - started)
    return min(times)


def assert_linear(many: Callable[[], object], few: Callable[[], object]) -> None:
    """Check that the time for four times as much is not 16 times as long."""
    assert seconds(many) / seconds(few) < 8


def test_redacting_an_error_is_linear_in_the_number_of_headers() -> None:
    few, many = error_with_headers(2_500), error_with_headers(10_000)
    assert_linear(lambda: redact_error(many, {SECRET}), lambda: redact_error(few, {SECRET}))


@pytest.mark.parametrize(
    ("secret", "repeated"),
    [
        (SECRET, SECRET[:-1]),
        (SECRET, base64.b64encode(SECRET.encode()).decode()[:-5]),
        (SECRET, SECRET),
        (SECRET, "%2F"),
        ("a" * 1999 + "b", "a"),
        ("b" + "a" * 1999, "a"),
        ("ab" * 1000 + "c", "ab"),
        ("a" * 8, "a"),
    ],
    ids=[
        *("beginnings", "beginnings in base64", "secrets", "escapes"),
        *("almost an end", "almost a beginning", "periods", "of one character"),
    ],
)
def test_redacting_a_text_is_linear_in_its_length(secret: str, repeated: str) -> None:
    text = (repeated * LIMIT)[:LIMIT]
    part = text[: LIMIT // 4]
    assert_linear(
        lambda: [redact(text, {secret}) for _ in range(4)],
        lambda: [redact(part, {secret}) for _ in range(4)],
    )


def test_text_beyond_the_limit_costs_no_time() -> None:
    text = (SECRET[:-1] * LIMIT)[: LIMIT * 64]
    assert_linear(lambda: redact(text, {SECRET}), lambda: redact(text[:LIMIT], {SECRET}))
