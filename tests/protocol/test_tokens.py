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

from imagebuilder_pager.exceptions import PaginationError, StartingTokenError
from imagebuilder_pager.pagination import (
    PaginationSpec,
    Paginator,
    decode_token,
    encode_token,
)
from imagebuilder_pager.pagination.tokens import MAX_OFFSET, parse_starting_token
from tests.fakes import FUZZ_EXAMPLES, IS_FUZZ
from tests.fakes.image_builder import ID, async_client_of, client_of, local
from tests.fakes.paginated_service import (
    ENTRY,
    WAYS,
    botocores,
    expand_items,
    items_by,
    ours,
    pages_by,
)
from tests.fakes.tokens import NUMBERS, AnyTokenService, packed

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
@settings(PROFILE, max_examples=max(1000, FUZZ_EXAMPLES))
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


# Starting tokens that are made up, malformed or odd, in botocore and here. The numbers continue
# those of test_where_botocore_is_wrong.py.

# 3. A starting token sets other parameters.


def test_3_a_starting_token_sets_nothing_but_the_input_tokens() -> None:
    config = {"StartingToken": packed({"Token": "t0:5.0", "Owner": "someone else"})}
    service = AnyTokenService()
    next(iter(botocores(service, ENTRY).paginate(Owner="me", PaginationConfig=config)))
    assert service.requests[0]["Owner"] == "someone else"

    with pytest.raises(StartingTokenError, match="it would set 'Owner'"):
        ours(service, ENTRY).paginate(Owner="me", PaginationConfig=config)


@pytest.mark.parametrize(
    "members",
    [
        {"nextToken": "x", "lifecycleExecutionId": ID.replace("1", "2")},
        {"nextToken": "eA==", "boto_encoded_keys": [["nextToken"]]},
        *({"nextToken": value} for value in (5, ["x"], {"a": 1}, True, "")),
    ],
    ids=str,
)
@pytest.mark.parametrize("make_client", [client_of, async_client_of])
def test_3_the_client_of_image_builder_sends_no_such_token(
    make_client: Any, members: dict[str, Any]
) -> None:
    service = local(3)
    paginator = make_client(service).get_paginator("list_lifecycle_execution_resources")
    message = r"^StartingToken: (it would set 'lifecycleExecutionId'|.* given); allowed: "
    with pytest.raises(StartingTokenError, match=message):
        paginator.paginate(
            lifecycleExecutionId=ID, PaginationConfig={"StartingToken": packed(members)}
        )
    assert service.requests == 0


# 4. A service token that is base64 of a JSON object.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "members", [{"Owner": "x", "page": 2}, {}, {"lastKey": {"id": 5}}], ids=str
)
def test_4_a_service_token_that_is_json_in_base64_is_passed_on(
    way: str, members: dict[str, Any]
) -> None:
    token = packed(members)
    service = AnyTokenService()
    next(iter(botocores(service, ENTRY).paginate(PaginationConfig={"StartingToken": token})))
    assert service.requests == [members]

    service = AnyTokenService()
    pages_by(way, service, {"StartingToken": token})
    assert service.requests == [{"Token": token}]


def test_4_such_a_token_resumes_from_within_its_page() -> None:
    token = packed({"offset": 3})
    service = AnyTokenService()
    _, tokens, _ = items_by("sync", service, {"StartingToken": token}, stop_after=2)
    assert decode_token(tokens[-1] or "") == {"Token": token, "boto_truncate_amount": 2}
    items, _, _ = items_by("sync", service, {"StartingToken": tokens[-1]})
    assert items == [2, 3, 4, 5, 6, 7, 8, 9]


# 5. Malformed tokens.


NO_OBJECT = (
    "StartingToken: JSON in base64, but a {}; allowed: an object that a paginator has made, or a "
    "token of the service"
)
OFFSET = "StartingToken: offset: {} given; allowed: a whole number from 0 to 1000000"
BYTES = "StartingToken: its boto_encoded_keys do not fit its members"
DEEP = "StartingToken: JSON in base64, nested too deeply"
LONG_NUMBER = "a whole number of more than 20 digits"
DIGITS = "StartingToken: JSON in base64, with a number of too many digits"
PARTS = "StartingToken: 3 parts separated by '___'; allowed: 1 and an offset"
UNKNOWN = "StartingToken: it would set {}; allowed: 'Token' and an offset"
NO_TOKEN = "StartingToken: {} given; allowed: the NextToken of an earlier result"


def offset(value: Any) -> str:
    return packed({"Token": None, "boto_truncate_amount": value})


def encoded(paths: Any, **members: Any) -> str:
    return packed({"Token": "t", **members, "boto_encoded_keys": paths})


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


HUNDRED = {f"name {number:03}{'x' * 99}": 1 for number in range(100)}
FIVE = ", ".join(f"'name 00{number}{'x' * 32}'" for number in range(5))
BYTES_OFFSET = {"boto_truncate_amount": "MQ==", "boto_encoded_keys": [["boto_truncate_amount"]]}
HUGE_OFFSET = '{"Token": null, "boto_truncate_amount": ' + "9" * 5000 + "}"

#: By the mistake: the token, botocore's result, and the message here.
MALFORMED: dict[str, tuple[Any, str, str]] = {
    "another parameter": (packed({"Token": None, "Owner": "x"}), "all", UNKNOWN.format("'Owner'")),
    "another one of bytes": (encoded([["Owner"]], Owner="eA=="), "all", UNKNOWN.format("'Owner'")),
    "others and an offset": (
        packed({"boto_truncate_amount": 7, "Owner": "x", "Max": 1000}),
        "[7, 8, 9]",
        UNKNOWN.format("'Max', 'Owner'"),
    ),
    "a hundred others": (
        packed({"Token": None, **HUNDRED}),
        "all",
        UNKNOWN.format(f"{FIVE} and 95 more"),
    ),
    "a list": (packed([1, 2]), "all", NO_OBJECT.format("list")),
    "an empty list": (packed([]), "all", NO_OBJECT.format("list")),
    "a text": (packed('"t"'), "AttributeError", NO_OBJECT.format("str")),
    "null": (packed("null"), "AttributeError", NO_OBJECT.format("NoneType")),
    "true": (packed("true"), "AttributeError", NO_OBJECT.format("bool")),
    "a number, with white space": (" MTI=\n", "AttributeError", NO_OBJECT.format("int")),
    "a huge number": (packed("9" * 5000), "all", DIGITS),
    "offset negative": (offset(-3), "[7, 8, 9]", OFFSET.format("-3 (int)")),
    "offset a fraction": (offset(1.5), "TypeError", OFFSET.format("1.5 (float)")),
    "offset a whole float": (offset(2.0), "TypeError", OFFSET.format("2.0 (float)")),
    "offset not a number": (offset(float("nan")), "TypeError", OFFSET.format("nan (float)")),
    "offset a text": (offset("2"), "TypeError", OFFSET.format("'2'")),
    "offset true": (offset(True), "[1, 2, 3, 4, 5, 6, 7, 8, 9]", OFFSET.format("True (bool)")),
    "offset null": (offset(None), "all", OFFSET.format("None")),
    "offset a list": (offset([1]), "TypeError", OFFSET.format("a list")),
    "offset absurd": (offset(10**6 + 1), "[]", OFFSET.format("1000001 (int)")),
    "offset more absurd": (offset(10**30), "[]", OFFSET.format(LONG_NUMBER)),
    "offset of 5000 digits": (packed(HUGE_OFFSET), "all", DIGITS),
    "offset of bytes": (packed(BYTES_OFFSET), "TypeError", OFFSET.format("a bytes")),
    "encoded keys of no member": (encoded([["Nope"]]), "KeyError", BYTES),
    "encoded keys no list": (encoded(3), "all", BYTES),
    "encoded keys of numbers": (encoded([3]), "all", BYTES),
    "an empty path": (encoded([[]]), "AttributeError", BYTES),
    "a path into a text": (encoded([["Token", 0]]), "all", BYTES),
    "a path beyond a list": (encoded([["Token", 4]], Token=["eA=="]), "IndexError", BYTES),
    "a path with a name in a list": (encoded([["Token", "x"]], Token=["eA=="]), "all", BYTES),
    "a path of lists": (encoded([[["Token"]]]), "all", BYTES),
    "bytes that are no base64": (encoded([["Token"]], Token="%%%"), "all", BYTES),
    "bytes that are no text": (encoded([["Token"]], Token=5), "AttributeError", BYTES),
    "bytes in bytes": (encoded([["Token"], ["Token"]], Token="eA=="), "AttributeError", BYTES),
    "deep": (packed(nested(100_000)), "RecursionError", DEEP),
    "deep in a token": (packed(f'{{"Token": {nested(100_000)}}}'), "RecursionError", DEEP),
    "less deep": (packed(f'{{"Token": {nested(70)}}}'), "all", DEEP),
    "old, offset negative": ("t___-3", "[7, 8, 9]", OFFSET.format("-3 (int)")),
    "old, offset absurd": ("t___1000001", "[]", OFFSET.format("1000001 (int)")),
    "old, too many parts": ("does___not___work", "ValueError", PARTS),
    "empty": ("", "all", NO_TOKEN.format("''")),
    "no text": (17, "AttributeError", NO_TOKEN.format("17 (int)")),
    "bytes": (b"dA==", "AttributeError", NO_TOKEN.format("a bytes")),
    "an object": ({"Token": "t"}, "AttributeError", NO_TOKEN.format("a dict")),
}


@pytest.mark.parametrize(("token", "botocore_does", "message"), MALFORMED.values(), ids=MALFORMED)
def test_5_a_malformed_token_is_refused_before_anything_is_sent(
    token: Any, botocore_does: str, message: str
) -> None:
    try:
        wrong = list(
            botocores(AnyTokenService(), ENTRY).paginate(PaginationConfig={"StartingToken": token})
        )
        outcome = str(wrong[0]["Items"]) if len(wrong[0]["Items"]) < 10 else "all"
    except Exception as error:  # noqa: BLE001  # whatever it is, that is the point
        outcome = type(error).__name__
    assert outcome == botocore_does

    for way in WAYS:
        service = AnyTokenService()
        with pytest.raises(StartingTokenError) as caught:
            pages_by(way, service, {"StartingToken": token})
        assert isinstance(caught.value, PaginationError)
        assert isinstance(caught.value, ValueError)
        assert str(caught.value) == message
        assert service.requests == []


ODD = [
    "a___b",
    "___",
    "a___1.5",
    "a__12",
    "==",
    "ünïcode-☃",
    "MTIz!!",
    "MTI",
    "12",
    '{"Token": "t"}',
    "null",
    "None ",
    " ",
    "\x00",
    packed("no JSON"),
    base64.b64encode(b"\xff\xfe\x00").decode(),
    base64.urlsafe_b64encode(b'{"a": "\xc3\xbe\xc3\xbf?>"}').decode() + "-_",
    "/" * 65535,
    "x" * 1_000_000,
]


@pytest.mark.parametrize("token", ODD, ids=lambda token: repr(token[:20]))
def test_5_odd_service_tokens_are_passed_on_unchanged(token: str) -> None:
    for way in WAYS:
        service = AnyTokenService()
        pages, _ = pages_by(way, service, {"StartingToken": token})
        assert service.requests == [{"Token": token}]
        assert expand_items(NUMBERS, pages) == list(range(10))


def test_5_two_input_tokens_in_a_token() -> None:
    entry = {**ENTRY, "input_token": ["Token", "Also"], "output_token": ["NextToken", "NextAlso"]}
    for token, sent in {
        "a": {"Token": "a"},
        "a___b": {"Token": "a", "Also": "b"},
        "None___b": {"Also": "b"},
        packed({"Token": "None", "Also": "b"}): {"Also": "b"},
        "a___b___0": {"Token": "a", "Also": "b"},
        "a___b___c": {"Token": "a___b___c"},
    }.items():
        service = AnyTokenService()
        list(ours(service, entry).paginate(PaginationConfig={"StartingToken": token}))
        list(botocores(service, entry).paginate(PaginationConfig={"StartingToken": token}))
        assert service.requests == [sent, sent]
    with pytest.raises(StartingTokenError, match="4 parts separated by '___'; allowed: 2 and an"):
        ours(AnyTokenService(), entry).paginate(PaginationConfig={"StartingToken": "a___b___c___d"})


@pytest.mark.parametrize("make_client", [client_of, async_client_of])
@pytest.mark.parametrize(("size", "most"), [(None, 1_000), (25, 25)])
def test_5_no_token_skips_more_items_than_a_page_has(
    make_client: Any, size: int | None, most: int
) -> None:
    """A forged one would make one request upstream for each page that it skips."""
    service = local(100)
    paginator = make_client(service).get_paginator(
        "list_lifecycle_execution_resources", max_page_size=size
    )
    for skipped in (most + 1, 999_999):
        for token in (packed({"boto_truncate_amount": skipped}), f"None___{skipped}"):
            config: Any = {"StartingToken": token}
            with pytest.raises(StartingTokenError, match=rf"{skipped} .*from 0 to {most}$"):
                paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)
    assert service.requests == 0


def test_5_a_token_of_a_page_costs_no_more_than_a_real_one() -> None:
    service = local(100)
    paginator = client_of(service).get_paginator(
        "list_lifecycle_execution_resources", max_page_size=25
    )
    config: Any = {"StartingToken": packed({"boto_truncate_amount": 25}), "MaxItems": 1}
    pages = paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)
    assert [item.resource_id for item in pages.items()] == ["ami-0025"]
    assert service.requests == 2


@pytest.mark.parametrize(
    ("max_page_size", "page_size"),
    [(None, None), (1_500, None), (1_000, 1_500)],
    ids=["no limit in the spec", "the limit of the spec", "the requested size"],
)
def test_5_a_token_may_skip_a_page(max_page_size: int | None, page_size: int | None) -> None:
    spec = PaginationSpec.from_model(ENTRY, max_page_size=max_page_size)
    config = {"PageSize": page_size, "StartingToken": offset(1_500)}
    paginator: Paginator[Any, Any] = Paginator(lambda **_: {"Items": list(range(2_000))}, spec)
    assert next(paginator.paginate(PaginationConfig=config).items()) == 1_500


@pytest.mark.parametrize("wrong", [0, -1, True, "5"])
def test_5_an_invalid_limit_of_the_spec_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="max_page_size"):
        PaginationSpec.from_model(ENTRY, max_page_size=wrong)
