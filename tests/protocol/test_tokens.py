"""A token's bytes are botocore's, and any other value given as one does no harm."""

import base64
import contextlib
import copy
import json
from typing import Any

import pytest
from botocore.paginate import TokenEncoder
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imagebuilder_pager.exceptions import StartingTokenError
from imagebuilder_pager.pagination import decode_token, encode_token
from imagebuilder_pager.pagination.tokens import MAX_OFFSET, parse_starting_token
from tests.fakes import FUZZ_EXAMPLES, IS_FUZZ
from tests.fakes.tokens import packed

PROFILE = settings(deadline=None, derandomize=not IS_FUZZ, max_examples=300)
NAMES = st.text(max_size=5).filter(lambda name: name != "boto_encoded_keys")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
TOKENS = st.dictionaries(NAMES, VALUES, max_size=4)


@given(token=TOKENS)
@PROFILE
def test_both_encode_to_the_same_bytes_which_are_decoded(token: dict[str, Any]) -> None:
    before = copy.deepcopy(token)
    encoder: Any = TokenEncoder()
    encoded = encode_token(token)
    assert encoded == encoder.encode(copy.deepcopy(token))
    assert decode_token(encoded) == token == before


@given(
    values=st.lists(SCALARS | VALUES, min_size=2, max_size=2),
    offset=st.none() | st.integers(0, MAX_OFFSET),
    backwards=st.booleans(),
)
@PROFILE
def test_a_token_of_botocore_is_understood(
    values: list[Any], offset: int | None, backwards: bool
) -> None:
    members = dict(zip("AB", values, strict=True))
    if backwards:
        members = dict(reversed(members.items()))
    encoder: Any = TokenEncoder()
    given = members if offset is None else {**members, "boto_truncate_amount": offset}
    parsed, skip = parse_starting_token(encoder.encode(given), ["A", "B"])
    assert (parsed, skip) == (members, offset or 0)
    assert list(parsed) == list(members)  # the order is part of the bytes of the next token


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
MEMBERS = st.dictionaries(
    st.sampled_from(["A", "B", "C", "boto_truncate_amount", "boto_encoded_keys"]),
    JSON
    | st.integers(-3, MAX_OFFSET + 3)
    | st.sampled_from(["eA==", "%", "A"])
    | st.lists(st.lists(st.sampled_from(["A", "B", "C", "boto_truncate_amount", 0, -1, None]))),
)
OLD = st.tuples(st.text(max_size=3), st.text(max_size=3), st.integers().map(str) | st.text())


def damaged(token: str, place: int, text: str) -> str:
    return token[:place] + text + token[place + len(text) :]


ANY_TOKEN = st.one_of(
    st.text(),
    st.text(alphabet="ABCDwxyz0129+/=_- \n"),
    st.binary().map(lambda raw: base64.b64encode(raw).decode()),
    JSON.map(json.dumps).map(packed),
    MEMBERS.map(json.dumps).map(packed),
    st.text().map(packed),
    OLD.map("___".join),
    st.lists(st.text(max_size=2)).map("___".join),
    TOKENS.map(encode_token),
    st.builds(damaged, TOKENS.map(encode_token), st.integers(0, 40), st.text(max_size=20)),
)


@given(token=ANY_TOKEN, names=st.sampled_from([["A"], ["A", "B"], ["B", "A", "C"]]))
@example(token=packed('{"A": ' + "[" * 900 + "]" * 900 + "}"), names=["A"])
@example(token=packed('{"x": ' + "[" * 900 + "]" * 900 + "}"), names=["A"])
@example(token=packed("[" * 10**6), names=["A"])
@example(token=packed('{"A":' * 10**6), names=["A"])
@example(token=packed("9" * 5000), names=["A"])
@example(token="A___" + "9" * 5000, names=["A"])
@example(token="A___" + "9" * 4000, names=["A"])
@example(token="A___٣", names=["A"])
@example(token=packed('{"A": "\ud800"}'), names=["A"])
@example(token=packed('{"A": 1e999}'), names=["A"])
@settings(PROFILE, max_examples=max(700, FUZZ_EXAMPLES))
def test_any_token_sets_the_input_tokens_and_an_offset_alone(token: str, names: list[str]) -> None:
    with contextlib.suppress(StartingTokenError):
        assert isinstance(decode_token(token), dict)
    refused: StartingTokenError | None = None
    try:
        parsed, offset = parse_starting_token(token, names)
    except StartingTokenError as error:
        refused = error
    if refused is not None:
        assert str(refused).startswith("StartingToken: ")
        assert len(str(refused)) < 1000
        return
    assert sorted(parsed) == sorted(names)
    assert type(offset) is int
    assert 0 <= offset <= MAX_OFFSET
    # And it can be put into a token again, from which the same comes out.
    again = encode_token({**parsed, "boto_truncate_amount": offset})
    assert repr(tuple(parse_starting_token(again, names))) == repr((parsed, offset))


@pytest.mark.parametrize("token", ["", "%", "abc", packed("no JSON"), "é"])
def test_a_string_that_is_not_a_token_is_not_decoded(token: str) -> None:
    with pytest.raises(StartingTokenError) as caught:
        decode_token(token)
    assert str(caught.value) == "the token is not JSON in base64"


def test_an_object_that_is_no_json_is_not_encoded() -> None:
    for value in (object(), {b"key": 1}, {"a": {1, 2}}, {"a": [b"x", object()]}):
        with pytest.raises(TypeError):
            encode_token({"A": value})


def test_a_token_survives_a_terminal() -> None:
    """A copied token may have line breaks in it."""
    token = encode_token({"A": "x" * 100, "boto_truncate_amount": 3})
    broken = f"  {token[:76]}\n{token[76:]}\r\n"
    assert parse_starting_token(broken, ["A"]) == ({"A": "x" * 100}, 3)
