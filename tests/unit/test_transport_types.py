"""The values between the layers: deadlines, origins, timeouts, requests and headers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from imagebuilder_pager._aws.transport import types
from imagebuilder_pager._aws.transport.types import (
    DEFAULT_TIMEOUTS,
    Deadline,
    HTTPRequest,
    Origin,
    Timeouts,
)


def test_a_deadline_caps_longer_timeouts_until_it_has_passed() -> None:
    now = [100.0]
    deadline = Deadline(3, lambda: now[0])
    assert [deadline.cap(timeout) for timeout in (1, 60, None)] == [1, 3, 3]
    now[0] = 102.0
    assert [deadline.cap(timeout) for timeout in (1, 60, None)] == [1, 1, 1]
    assert deadline.remaining() == 1
    for now[0] in (103.0, 200.0):
        with pytest.raises(TimeoutError, match="the call has taken 3 s, its total_timeout"):
            deadline.cap(1)
    assert deadline.remaining() == 0


def test_without_a_deadline_nothing_is_capped_and_no_clock_is_read() -> None:
    def monotonic() -> float:
        pytest.fail("the clock is read")

    deadline = Deadline(None, monotonic)
    assert deadline.remaining() is None
    assert [deadline.cap(timeout) for timeout in (1, None)] == [1, None]


@pytest.mark.parametrize(
    ("url", "origin", "host_header", "authority"),
    [
        ("http://host.test", (False, "host.test", 80), "host.test", "host.test:80"),
        ("https://host.test", (True, "host.test", 443), "host.test", "host.test:443"),
        ("https://host.test:443/p", (True, "host.test", 443), "host.test", "host.test:443"),
        ("http://host.test:443", (False, "host.test", 443), "host.test:443", "host.test:443"),
        ("https://host.test:80", (True, "host.test", 80), "host.test:80", "host.test:80"),
        ("http://127.0.0.1:1", (False, "127.0.0.1", 1), "127.0.0.1:1", "127.0.0.1:1"),
        ("http://[::1]:4566/a", (False, "::1", 4566), "[::1]:4566", "[::1]:4566"),
        ("https://[::1]", (True, "::1", 443), "[::1]", "[::1]:443"),
        ("https://HOST.test", (True, "host.test", 443), "host.test", "host.test:443"),
        ("http://b\xfccher.test", (False, "xn--bcher-kva.test", 80), "xn--bcher-kva.test", None),
    ],
)
def test_the_origin_of_a_url(
    url: str, origin: tuple[bool, str, int], host_header: str, authority: str | None
) -> None:
    found = Origin.from_url(url)
    assert tuple(found) == origin
    assert found.host_header == host_header
    assert authority is None or found.authority == authority
    assert str(found) == f"{url.partition(':')[0]}://{host_header}"


def test_the_clients_timeouts_override_the_defaults() -> None:
    assert tuple(DEFAULT_TIMEOUTS) == (60, 60, 60, None)
    given = Timeouts(1, 2, 3, 4)
    assert given.with_overrides(None, None) == given
    assert given.with_overrides(9, None) == (9, 2, 3, 4)
    assert given.with_overrides(None, 9) == (1, 9, 9, 4)


def test_the_repr_of_a_request_shows_no_header() -> None:
    request = HTTPRequest(
        "POST",
        Origin(False, "host.test", 81),
        "/a/b",
        {"host": "host.test:81", "authorization": "secret"},
        b"{}",
        timeouts=DEFAULT_TIMEOUTS,
        deadline=Deadline(None, lambda: 0.0),
        max_response_bytes=1000,
        secrets=set(),
    )
    assert repr(request) == "HTTPRequest('POST', 'http://host.test:81/a/b')"


def test_only_one_private_attribute_of_httpx_and_httpcore_is_used() -> None:
    found = {
        node.attr
        for file in Path(types.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and re.match("_(?!_)", node.attr)
        if ast.unparse(node.value) != "self"
    }
    assert found == {"_pool", "_asdict"}, "_asdict is public, of a NamedTuple"
