"""Starting tokens that are made up, malformed or odd, in botocore and here."""

import base64
from typing import Any

import pytest

from imagebuilder_pager.exceptions import PaginationError, StartingTokenError
from imagebuilder_pager.pagination import PaginationSpec, Paginator, decode_token
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
    "null": (packed("null"), "AttributeError", NO_OBJECT.format("NoneType")),
    "a number, with white space": (" MTI=\n", "AttributeError", NO_OBJECT.format("int")),
    "a huge number": (packed("9" * 5000), "all", DIGITS),
    "offset negative": (offset(-3), "[7, 8, 9]", OFFSET.format("-3 (int)")),
    "offset a whole float": (offset(2.0), "TypeError", OFFSET.format("2.0 (float)")),
    "offset not a number": (offset(float("nan")), "TypeError", OFFSET.format("nan (float)")),
    "offset a text": (offset("2"), "TypeError", OFFSET.format("'2'")),
    "offset true": (offset(True), "[1, 2, 3, 4, 5, 6, 7, 8, 9]", OFFSET.format("True (bool)")),
    "offset null": (offset(None), "all", OFFSET.format("None")),
    "offset absurd": (offset(10**6 + 1), "[]", OFFSET.format("1000001 (int)")),
    "offset of 5000 digits": (packed(HUGE_OFFSET), "all", DIGITS),
    "offset of bytes": (packed(BYTES_OFFSET), "TypeError", OFFSET.format("a bytes")),
    "encoded keys of no member": (encoded([["Nope"]]), "KeyError", BYTES),
    "encoded keys no list": (encoded(3), "all", BYTES),
    "an empty path": (encoded([[]]), "AttributeError", BYTES),
    "a path into a text": (encoded([["Token", 0]]), "all", BYTES),
    "a path beyond a list": (encoded([["Token", 4]], Token=["eA=="]), "IndexError", BYTES),
    "bytes that are no base64": (encoded([["Token"]], Token="%%%"), "all", BYTES),
    "bytes that are no text": (encoded([["Token"]], Token=5), "AttributeError", BYTES),
    "deep": (packed(nested(100_000)), "RecursionError", DEEP),
    "deep in a token": (packed(f'{{"Token": {nested(100_000)}}}'), "RecursionError", DEEP),
    "less deep": (packed(f'{{"Token": {nested(70)}}}'), "all", DEEP),
    "old, offset negative": ("t___-3", "[7, 8, 9]", OFFSET.format("-3 (int)")),
    "old, offset absurd": ("t___1000001", "[]", OFFSET.format("1000001 (int)")),
    "old, too many parts": ("does___not___work", "ValueError", PARTS),
    "empty": ("", "all", NO_TOKEN.format("''")),
    "no text": (17, "AttributeError", NO_TOKEN.format("17 (int)")),
    "bytes": (b"dA==", "AttributeError", NO_TOKEN.format("a bytes")),
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
    "==",
    "ünïcode-☃",
    "MTIz!!",
    '{"Token": "t"}',
    "null",
    "None ",
    " ",
    "\x00",
    packed("no JSON"),
    base64.b64encode(b"\xff\xfe\x00").decode(),
    base64.urlsafe_b64encode(b'{"a": "\xc3\xbe\xc3\xbf?>"}').decode() + "-_",
    "/" * 65535,
]


@pytest.mark.parametrize("token", ODD, ids=lambda token: repr(token[:20]))
def test_5_odd_service_tokens_are_passed_on_unchanged(token: str) -> None:
    for way in WAYS:
        service = AnyTokenService()
        pages, _ = pages_by(way, service, {"StartingToken": token})
        assert service.requests == [{"Token": token}]
        assert expand_items(NUMBERS, pages) == list(range(10))


def test_5_two_input_tokens_in_a_plain_token() -> None:
    entry = {**ENTRY, "input_token": ["Token", "Also"], "output_token": ["NextToken", "NextAlso"]}
    for token, sent in {
        "a": {"Token": "a"},
        "a___b": {"Token": "a", "Also": "b"},
        "None___b": {"Also": "b"},
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
