"""The seven cases in which botocore's paginator is wrong: what it does, and what is done here."""

import base64
import copy
import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagebuilder_pager.exceptions import PaginationError, ParamValidationError, StartingTokenError
from imagebuilder_pager.pagination import decode_token, encode_token
from imagebuilder_pager.validation import describe_value

from .fake_image_builder import ID, async_client_of, client_of, local
from .fake_service import (
    BACKENDS,
    WAYS,
    FakeService,
    Listing,
    botocores,
    expand_items,
    items_by,
    ours,
    ours_async,
    pages_by,
    run,
)
from .strategies import configs, listings

ENTRY: dict[str, Any] = {
    "input_token": "Token",
    "output_token": "NextToken",
    "result_key": "Items",
    "limit_key": "Max",
}
NUMBERS = Listing(entry=ENTRY, items=list(range(10)), most=5)
PROFILE = settings(deadline=None, derandomize=True, max_examples=150)


def packed(value: Any) -> str:
    """JSON in base64, as every token of a paginator is."""
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.b64encode(text.encode()).decode()


class Anything(FakeService):
    """A service that takes any parameter and any token, and has one page of ten items."""

    def __init__(self, listing: Listing = NUMBERS) -> None:
        super().__init__(listing)

    def __call__(self, **params: Any) -> dict[str, Any]:
        self.requests.append(copy.deepcopy(params))
        return {"Items": list(range(10))}


# 1. A token taken at one PageSize and resumed at a smaller one.


@pytest.mark.parametrize("way", WAYS)
def test_1_a_smaller_page_size_after_resuming_repeats_nothing(way: str) -> None:
    first = {"PageSize": 5, "MaxItems": 4}
    token = botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=first)
    token = token.build_full_result()["NextToken"]
    resumed = {"PageSize": 2, "StartingToken": token}

    botocore_pages = list(botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=resumed))
    assert expand_items(NUMBERS, botocore_pages) == [2, 3, 4, 5, 6, 7, 8, 9]  # had 0, 1, 2, 3

    pages, _ = pages_by(way, FakeService(NUMBERS), resumed)
    assert expand_items(NUMBERS, pages) == [4, 5, 6, 7, 8, 9]
    assert [page["Items"] for page in pages] == [[], [], [4, 5], [6, 7], [8, 9]]


@pytest.mark.parametrize("way", WAYS)
def test_1_a_service_that_returns_fewer_than_before_repeats_nothing(way: str) -> None:
    token = encode_token({"Token": "t0:2.0", "boto_truncate_amount": 4})
    fewer = Listing(entry=ENTRY, items=list(range(10)), most=5, short=(3,))
    config = {"StartingToken": token, "MaxItems": 3}

    botocore_pages = list(botocores(FakeService(fewer), ENTRY).paginate(PaginationConfig=config))
    assert expand_items(fewer, botocore_pages) == [4, 5, 6]  # 4 and 5 again

    pages, tokens = pages_by(way, FakeService(fewer), config)
    assert expand_items(fewer, pages) == [6, 7, 8]
    assert decode_token(tokens[-1] or "") == {"Token": "t0:8.0", "boto_truncate_amount": 1}


@pytest.mark.parametrize("way", WAYS)
def test_1_a_token_made_of_the_last_item_survives_its_being_skipped(way: str) -> None:
    """As S3's: where all items of a page are left out, botocore finds no token and stops."""
    entry = {**ENTRY, "output_token": "NextToken || Items[-1].Key", "more_results": "More"}
    items = [{"Key": f"k{number}"} for number in range(6)]
    listing = Listing(entry=entry, items=items, most=2, kind="key", prefix="k")
    config = {"StartingToken": encode_token({"Token": None, "boto_truncate_amount": 3})}

    botocore_pages = list(botocores(FakeService(listing), entry).paginate(PaginationConfig=config))
    assert expand_items(listing, botocore_pages) == []

    pages, tokens = pages_by(way, FakeService(listing), config)
    assert [page["Items"] for page in pages] == [[], items[3:4], items[4:]]
    assert decode_token(tokens[0] or "") == {"Token": "k1", "boto_truncate_amount": 1}


@given(data=st.data(), listing=listings(), way=st.sampled_from(WAYS))
@PROFILE
def test_1_every_item_comes_once_whatever_the_sizes(
    data: st.DataObject, listing: Listing, way: str
) -> None:
    """From the token after any page, at any other size, from a service in another mood."""
    _, tokens = pages_by(way, FakeService(listing), data.draw(configs(listing)))
    _, item_tokens, _ = items_by(way, FakeService(listing), data.draw(configs(listing)))
    token = data.draw(st.sampled_from([*tokens, *item_tokens]))
    resumed_at = number_of_items_before(listing, token)
    mood = data.draw(listings())
    again = Listing(
        **{name: getattr(listing, name) for name in Listing.__dataclass_fields__}
        | {"most": mood.most, "short": mood.short}
    )
    config = data.draw(configs(listing))
    pages, after = pages_by(way, FakeService(again), {**config, "StartingToken": token})
    most = len(listing.items) if config.get("MaxItems") is None else int(config["MaxItems"])
    expected = listing.items[resumed_at : resumed_at + most]
    assert expand_items(again, pages) == list(expected)
    if after[-1] is not None:
        rest, _ = pages_by(way, FakeService(listing), {"StartingToken": after[-1]})
        assert [*expected, *expand_items(listing, rest)] == list(listing.items[resumed_at:])


def number_of_items_before(listing: Listing, token: str | None) -> int:
    """What a token says, to the service that gave it."""
    if token is None:
        return 0
    values = decode_token(token)
    offset: int = values.pop("boto_truncate_amount", 0)
    given = {name: value for name, value in values.items() if value is not None}
    return listing.state(given)[0] + offset


# 2. Iterating a second time, and twice at the same time.


@pytest.mark.parametrize("config", [{}, {"Prefetch": 2}], ids=str)
def test_2_each_iteration_starts_anew(config: dict[str, Any]) -> None:
    everything = {**config, "PageSize": 4}
    pages = botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=everything)
    assert [page["Items"] for page in pages] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [page["Items"] for page in pages] == [[8, 9]]

    service = FakeService(NUMBERS)
    pages = ours(service, ENTRY).paginate(PaginationConfig=everything)
    for _ in range(3):
        assert [page["Items"] for page in pages] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        assert pages.build_full_result() == {"Items": list(range(10))}
        assert list(pages.items()) == list(range(10))
        assert list(pages.search("Items[0]")) == [0, 4, 8]
    assert len(service.requests) == 3 * 4 * 3


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("config", [{}, {"Prefetch": 2}], ids=str)
def test_2_each_async_iteration_starts_anew(backend: str, config: dict[str, Any]) -> None:
    async def main() -> None:
        paginator = ours_async(FakeService(NUMBERS).later, ENTRY)
        pages = paginator.paginate(PaginationConfig={**config, "PageSize": 4})
        for _ in range(3):
            each = [page["Items"] async for page in pages]
            assert each == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
            assert await pages.build_full_result() == {"Items": list(range(10))}
            assert [item async for item in pages.items()] == list(range(10))
            assert [found async for found in pages.search("Items[0]")] == [0, 4, 8]

    run(backend, main)


def test_2_two_iterations_at_the_same_time_do_not_touch_each_other() -> None:
    config = {"PageSize": 4}
    pages = botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=config)
    a, b = iter(pages), iter(pages)
    mixed = [next(a)["Items"], next(a)["Items"], next(b)["Items"]]
    assert mixed == [[0, 1, 2, 3], [4, 5, 6, 7], [4, 5, 6, 7]]

    pages = ours(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=config)
    a, b, c = iter(pages), iter(pages), pages.items()
    assert [next(a)["Items"], next(a)["Items"]] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [next(b)["Items"], next(c), next(c)] == [[0, 1, 2, 3], 0, 1]
    assert [next(a)["Items"], next(b)["Items"], next(c)] == [[8, 9], [4, 5, 6, 7], 2]
    assert list(a) == []
    assert [page["Items"] for page in b] == [[8, 9]]
    assert list(c) == [3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("prefetch", [0, 2])
def test_2_two_async_iterations_at_the_same_time(backend: str, prefetch: int) -> None:
    async def main() -> None:
        config = {"PageSize": 4, "Prefetch": prefetch}
        pages = ours_async(FakeService(NUMBERS).later, ENTRY).paginate(PaginationConfig=config)
        a, b = aiter(pages), pages.items()
        assert [await anext(a), await anext(a)] == [
            {"Items": [0, 1, 2, 3], "NextToken": "t0:4.0"},
            {"Items": [4, 5, 6, 7], "NextToken": "t0:8.0"},
        ]
        assert [await anext(b), await anext(b)] == [0, 1]
        assert [page["Items"] async for page in a] == [[8, 9]]
        assert [item async for item in b] == list(range(2, 10))

    run(backend, main)


@pytest.mark.parametrize("prefetch", [0, 2])
def test_2_two_threads_iterate_over_one_iterator(prefetch: int) -> None:
    """One has two pages, then the other comes and has all of them, then the first goes on."""

    def both(pages: Any) -> list[list[Any]]:
        in_the_middle, done = threading.Event(), threading.Event()

        def early() -> list[Any]:
            iterator = iter(pages)
            seen = [next(iterator)["Items"], next(iterator)["Items"]]
            in_the_middle.set()
            assert done.wait(20)
            return seen + [page["Items"] for page in iterator]

        def late() -> list[Any]:
            assert in_the_middle.wait(20)
            seen = [page["Items"] for page in pages]
            done.set()
            return seen

        with ThreadPoolExecutor(2) as executor:
            futures = [executor.submit(early), executor.submit(late)]
            return [future.result() for future in futures]

    config = {"PageSize": 2, "Prefetch": prefetch}
    expected = [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    wrong = both(botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=config))
    assert wrong == [expected, expected[1:]]
    right = both(ours(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig=config))
    assert right == [expected, expected]


@pytest.mark.parametrize("prefetch", [0, 2])
def test_2_many_threads_at_once(prefetch: int) -> None:
    pages = ours(FakeService(NUMBERS), ENTRY).paginate(
        PaginationConfig={"PageSize": 1, "MaxItems": 9, "Prefetch": prefetch}
    )
    start = threading.Barrier(4, timeout=20)

    def each(_: int) -> list[Any]:
        start.wait()
        return list(pages.items())

    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(each, range(4))) == [list(range(9))] * 4


def test_2_the_callers_dictionaries_are_never_changed() -> None:
    """Neither the parameters, nor pages that the callable may want to keep, as a cache does."""
    kept = {
        None: {"R": {"Items": [0, 1, 2], "More": ["a"]}, "NextToken": "t"},
        "t": {"R": {"Items": [3, 4, 5], "More": ["b"]}, "NextToken": None},
    }
    original = copy.deepcopy(kept)
    entry = {**ENTRY, "result_key": ["R.Items", "R.More"], "non_aggregate_keys": ["R"]}

    def cache(Token: Any = None, **_: Any) -> Any:  # noqa: N803  # the wire's name
        return kept[Token]

    start = encode_token({"Token": None, "boto_truncate_amount": 1})
    config = {"MaxItems": 4, "StartingToken": start, "PageSize": 3, "Prefetch": 1}
    params: dict[str, Any] = {"Filter": {"Names": ["x"]}, "PaginationConfig": config}
    before = copy.deepcopy(params)

    assert ours(cache, entry).paginate().build_full_result()["R"]["Items"] == [0, 1, 2, 3, 4, 5]
    assert kept == original
    for _ in range(2):
        pages = ours(cache, entry).paginate(**params)
        assert [page["R"] for page in pages] == [
            {"Items": [1, 2], "More": []},
            {"Items": [3, 4], "More": ["b"]},
        ]
        full = pages.build_full_result()
        assert full["R"] == {"Items": [1, 2, 3, 4], "More": ["b"]}
        assert kept == original
        assert params == before

    botocores(cache, entry).paginate(**params).build_full_result()
    assert kept != original


# 3. A starting token sets other parameters.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "members",
    [
        {"Token": "t0:5.0", "Owner": "someone else"},
        {"Token": None, "Owner": "someone else"},
        {"boto_truncate_amount": 1, "Owner": "someone else"},
        {"Token": None, "Owner": "c29tZW9uZSBlbHNl", "boto_encoded_keys": [["Owner"]]},
    ],
    ids=str,
)
def test_3_a_starting_token_sets_nothing_but_the_input_tokens(
    way: str, members: dict[str, Any]
) -> None:
    token = packed(members)
    service = Anything()
    wrong = botocores(service, ENTRY).paginate(
        Owner="me", PaginationConfig={"StartingToken": token}
    )
    next(iter(wrong))
    assert service.requests[0]["Owner"] in {"someone else", b"someone else"}

    service = Anything()
    with pytest.raises(StartingTokenError) as caught:
        pages_by(way, service, {"StartingToken": token})
    assert str(caught.value) == (
        "StartingToken: it would set 'Owner'; allowed in a token: 'Token' and an offset"
    )
    assert service.requests == []


def test_3_nor_the_size_of_a_page() -> None:
    token = packed({"Token": None, "Max": 1000, "Also": 1})
    with pytest.raises(PaginationError, match="it would set 'Also', 'Max'; allowed"):
        ours(Anything(), ENTRY).paginate(PaginationConfig={"StartingToken": token})


def test_3_the_message_stays_short() -> None:
    token = packed({"Token": None} | {f"name {number:03}" + "x" * 99: 1 for number in range(100)})
    with pytest.raises(StartingTokenError) as caught:
        ours(Anything(), ENTRY).paginate(PaginationConfig={"StartingToken": token})
    assert f"would set 'name 000{'x' * 32}', " in str(caught.value)
    assert " and 95 more; allowed in a token: 'Token' and an offset" in str(caught.value)


def test_3_nor_another_execution_in_image_builder() -> None:
    service = local(3)
    other = {"nextToken": "x", "lifecycleExecutionId": ID.replace("1", "2")}
    config: Any = {"StartingToken": packed(other)}
    for client in (client_of(service), async_client_of(service)):
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        with pytest.raises(StartingTokenError, match="it would set 'lifecycleExecutionId'"):
            paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)
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
    service = Anything()
    next(iter(botocores(service, ENTRY).paginate(PaginationConfig={"StartingToken": token})))
    assert service.requests == [members]

    service = Anything()
    pages_by(way, service, {"StartingToken": token})
    if way == "sync":
        assert service.requests == [{"Token": token}]
    pages_by(way, service, {"StartingToken": token, "MaxItems": 3})
    assert service.requests == [{"Token": token}] * 2


def test_4_and_resumes_from_within_its_page() -> None:
    token = packed({"offset": 3})
    service = Anything()
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


def offset(value: Any) -> str:
    return packed({"Token": None, "boto_truncate_amount": value})


def encoded(paths: Any, **members: Any) -> str:
    return packed({"Token": "t", **members, "boto_encoded_keys": paths})


#: What is wrong, the token, what botocore does with it, what the message here is.
MALFORMED: dict[str, tuple[Any, str, str]] = {
    "a list": (packed([1, 2]), "all", NO_OBJECT.format("list")),
    "an empty list": (packed([]), "all", NO_OBJECT.format("list")),
    "a number": (packed("12"), "AttributeError", NO_OBJECT.format("int")),
    "a fraction": (packed("1.5"), "AttributeError", NO_OBJECT.format("float")),
    "a text": (packed('"t"'), "AttributeError", NO_OBJECT.format("str")),
    "null": (packed("null"), "AttributeError", NO_OBJECT.format("NoneType")),
    "true": (packed("true"), "AttributeError", NO_OBJECT.format("bool")),
    "a number, with white space": (" MTI=\n", "AttributeError", NO_OBJECT.format("int")),
    "a huge number": (
        packed("9" * 5000),
        "all",
        "StartingToken: JSON in base64, with a number of too many digits",
    ),
    "offset negative": (offset(-3), "[7, 8, 9]", OFFSET.format("-3 (int)")),
    "offset a fraction": (offset(1.5), "TypeError", OFFSET.format("1.5 (float)")),
    "offset a whole float": (offset(2.0), "TypeError", OFFSET.format("2.0 (float)")),
    "offset not a number": (offset(float("nan")), "TypeError", OFFSET.format("nan (float)")),
    "offset a text": (offset("2"), "TypeError", OFFSET.format("'2'")),
    "offset true": (offset(True), "[1, 2, 3, 4, 5, 6, 7, 8, 9]", OFFSET.format("True (bool)")),
    "offset null": (offset(None), "all", OFFSET.format("None")),
    "offset a list": (offset([1]), "TypeError", OFFSET.format("a list")),
    "offset a long text": (
        offset("2" * 99),
        "TypeError",
        OFFSET.format("a string of 99 characters"),
    ),
    "offset absurd": (offset(10**6 + 1), "[]", OFFSET.format("1000001 (int)")),
    "offset more absurd": (
        offset(10**30),
        "[]",
        OFFSET.format("a whole number of more than 20 digits"),
    ),
    "offset of 5000 digits": (
        packed('{"Token": null, "boto_truncate_amount": ' + "9" * 5000 + "}"),
        "all",
        "StartingToken: JSON in base64, with a number of too many digits",
    ),
    "offset of bytes": (
        packed({"boto_truncate_amount": "MQ==", "boto_encoded_keys": [["boto_truncate_amount"]]}),
        "TypeError",
        OFFSET.format("a bytes"),
    ),
    "encoded keys of no member": (encoded([["Nope"]]), "KeyError", BYTES),
    "encoded keys no list": (encoded(3), "all", BYTES),
    "encoded keys of numbers": (encoded([3]), "all", BYTES),
    "encoded keys true": (encoded(True), "all", BYTES),
    "an empty path": (encoded([[]]), "AttributeError", BYTES),
    "a path into a text": (encoded([["Token", 0]]), "all", BYTES),
    "a path beyond a list": (encoded([["Token", 4]], Token=["eA=="]), "IndexError", BYTES),
    "a path with a name in a list": (encoded([["Token", "x"]], Token=["eA=="]), "all", BYTES),
    "a path of lists": (encoded([[["Token"]]]), "all", BYTES),
    "bytes that are no base64": (encoded([["Token"]], Token="%%%"), "all", BYTES),
    "bytes that are no text": (encoded([["Token"]], Token=5), "AttributeError", BYTES),
    "bytes in bytes": (encoded([["Token"], ["Token"]], Token="eA=="), "AttributeError", BYTES),
    "deep": (packed("[" * 100_000 + "]" * 100_000), "RecursionError", DEEP),
    "deep in a token": (
        packed('{"Token": ' + "[" * 100_000 + "]" * 100_000 + "}"),
        "RecursionError",
        DEEP,
    ),
    "less deep": (packed('{"Token": ' + "[" * 70 + "]" * 70 + "}"), "all", DEEP),
    "old, offset negative": ("t___-3", "[7, 8, 9]", OFFSET.format("-3 (int)")),
    "old, offset absurd": ("t___1000001", "[]", OFFSET.format("1000001 (int)")),
    "old, too many parts": (
        "does___not___work",
        "ValueError",
        "StartingToken: 3 parts separated by '___'; allowed: 1 and an offset",
    ),
    "empty": ("", "all", "StartingToken: '' given; allowed: the NextToken of an earlier result"),
    "no text": (
        17,
        "AttributeError",
        "StartingToken: 17 (int) given; allowed: the NextToken of an earlier result",
    ),
    "bytes": (
        b"dA==",
        "AttributeError",
        "StartingToken: a bytes given; allowed: the NextToken of an earlier result",
    ),
    "an object": (
        {"Token": "t"},
        "AttributeError",
        "StartingToken: a dict given; allowed: the NextToken of an earlier result",
    ),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_5_a_malformed_token_is_refused_before_anything_is_sent(what: str) -> None:
    token, botocore_does, message = MALFORMED[what]
    try:
        wrong = list(
            botocores(Anything(), ENTRY).paginate(PaginationConfig={"StartingToken": token})
        )
        outcome = str(wrong[0]["Items"]) if len(wrong[0]["Items"]) < 10 else "all"
    except Exception as error:  # noqa: BLE001  # whatever it is, that is the point
        outcome = type(error).__name__
    assert outcome == botocore_does

    for way in WAYS:
        service = Anything()
        with pytest.raises(StartingTokenError) as caught:
            pages_by(way, service, {"StartingToken": token})
        assert isinstance(caught.value, PaginationError)
        assert isinstance(caught.value, ValueError)
        assert str(caught.value) == message
        assert service.requests == []


@pytest.mark.parametrize("what", MALFORMED)
def test_5_in_image_builder_too(what: str) -> None:
    token, _, message = MALFORMED[what]
    if isinstance(token, str) and "Token" in (text := plain(token)):
        token = packed(text.replace('"Token"', '"nextToken"'))
    service = local(3)
    config: Any = {"StartingToken": token}
    for client in (client_of(service), async_client_of(service)):
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        with pytest.raises(StartingTokenError) as caught:
            paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)
        assert str(caught.value) == message
    assert service.requests == 0


def plain(token: str) -> str:
    try:
        return base64.b64decode(token).decode()
    except ValueError:
        return ""


@pytest.mark.parametrize(
    "value", [5, ["x"], {"a": 1}, True, "", "x" * 65536], ids=lambda value: repr(value)[:20]
)
def test_5_a_token_of_the_wrong_type_for_image_builder(value: Any) -> None:
    service = local(3)
    config: Any = {"StartingToken": packed({"nextToken": value})}
    for client in (client_of(service), async_client_of(service)):
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        with pytest.raises(StartingTokenError, match=r"^StartingToken: .* given; allowed: ") as e:
            paginator.paginate(lifecycleExecutionId=ID, PaginationConfig=config)
        assert isinstance(e.value, PaginationError)
        assert isinstance(e.value, ValueError)
    assert service.requests == 0


ODD = [
    "a___b",
    "a___",
    "___",
    "a___1.5",
    "a__12",
    "==",
    "not base64!",
    "ünïcode-☃",
    "MTIz!!",
    "MTI",
    "{}",
    '{"Token": "t"}',
    "[1]",
    "null",
    "None ",
    " ",
    "\n",
    "\x00",
    "12",
    packed("no JSON"),
    base64.b64encode(b"\xff\xfe\x00").decode(),
    base64.urlsafe_b64encode(b'{"a": "\xc3\xbe\xc3\xbf?>"}').decode() + "-_",
    "x" * 1_000_000,
    "/" * 65535,
]


@pytest.mark.parametrize("token", ODD, ids=lambda token: repr(token[:20]))
def test_5_odd_plain_tokens_pass(token: str) -> None:
    for way in WAYS:
        service = Anything()
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
        service = Anything()
        list(ours(service, entry).paginate(PaginationConfig={"StartingToken": token}))
        list(botocores(service, entry).paginate(PaginationConfig={"StartingToken": token}))
        assert service.requests == [sent, sent]
    with pytest.raises(StartingTokenError, match="4 parts separated by '___'; allowed: 2 and an"):
        ours(Anything(), entry).paginate(PaginationConfig={"StartingToken": "a___b___c___d"})


# 6. Tokens that go round in a circle.


class Circle(FakeService):
    """A service whose tokens lead back: after the last of them comes the first."""

    def __init__(self, tokens: list[Any], lead_in: int = 0) -> None:
        super().__init__(NUMBERS)
        self.after = dict(enumerate(tokens))
        self.tokens = tokens
        self.lead_in = lead_in

    def __call__(self, **params: Any) -> dict[str, Any]:
        self.requests.append(params)
        assert len(self.requests) < 2000, "it would not end"
        if "Token" not in params:
            return {"Items": ["start"], "NextToken": self.tokens[0]}
        number = self.tokens.index(params["Token"])
        back = number + 1 if number + 1 < len(self.tokens) else self.lead_in
        return {"Items": [number], "NextToken": self.tokens[back]}


CIRCLES: dict[str, tuple[list[Any], int]] = {
    "two": (["a", "b"], 0),
    "three": (["a", "b", "c"], 0),
    "two after two": (["a", "b", "c", "d"], 2),
    "a hundred": ([f"token {number}" for number in range(100)], 0),
    "objects": ([{"at": 1}, {"at": 2}], 0),
    "bytes": ([b"\xff", b"\xfe"], 0),
}


@pytest.mark.parametrize("what", CIRCLES)
@pytest.mark.parametrize("prefetch", [0, 3])
def test_6_a_circle_of_tokens_ends(what: str, prefetch: int) -> None:
    tokens, lead_in = CIRCLES[what]
    pages = botocores(Circle(tokens, lead_in), ENTRY).paginate()
    assert len(list(itertools.islice(pages, 1000))) == 1000

    message = (
        f"page {len(tokens) + 1} ends with a token that was used before, so that the pages would "
        "repeat without end (input tokens: Token)"
    )
    for way in WAYS:
        service = Circle(tokens, lead_in)
        seen: list[Any] = []
        with pytest.raises(PaginationError) as caught:
            consume(way, service, seen, {"Prefetch": prefetch})
        assert str(caught.value) == message
        assert not isinstance(caught.value, StartingTokenError)
        assert seen == ["start", *range(len(tokens))]  # each page came, and once
        assert len(service.requests) == len(tokens) + 1


def consume(way: str, service: FakeService, seen: list[Any], config: Any) -> None:
    """As far as it goes."""
    if way == "sync":
        for page in ours(service, ENTRY).paginate(PaginationConfig=config):
            seen.extend(page["Items"])
        return

    async def main() -> None:
        async for page in ours_async(service.later, ENTRY).paginate(PaginationConfig=config):
            seen.extend(page["Items"])

    run(way, main)


def test_6_the_same_token_at_once() -> None:
    """The one circle that botocore sees, though a page later."""
    service = Circle(["a"])
    seen: list[Any] = []
    with pytest.raises(PaginationError, match="page 2 ends with a token that was used before"):
        consume("sync", service, seen, {})
    assert seen == ["start", 0]
    service = Circle(["a"])
    with pytest.raises(Exception, match="The same next token was received twice"):
        list(botocores(service, ENTRY).paginate())


def test_6_a_circle_back_to_the_starting_token() -> None:
    service = Circle(["a", "b"])
    seen: list[Any] = []
    with pytest.raises(PaginationError, match="page 2 ends with a token that was used before"):
        consume("sync", service, seen, {"StartingToken": "a"})
    assert seen == [0, 1]


def test_6_max_items_ends_before_the_circle_closes() -> None:
    pages, tokens = pages_by("sync", Circle(["a", "b"]), {"MaxItems": 3})
    assert expand_items(NUMBERS, pages) == ["start", 0, 1]
    assert tokens[-1] is not None


# 7. MaxItems below one.


@pytest.mark.parametrize("given", [-1, "-4", -(10**15)])
def test_7_a_negative_max_items_is_refused(given: Any) -> None:
    wrong = botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig={"MaxItems": given})
    assert wrong.build_full_result()["Items"] in ([0, 1, 2, 3], [0], [])

    service = FakeService(NUMBERS)
    for way in WAYS:
        with pytest.raises(ParamValidationError) as caught:
            pages_by(way, service, {"MaxItems": given})
        assert str(caught.value) == (
            "paginate: invalid parameters; nothing was sent\n"
            f"  - PaginationConfig.MaxItems: {describe_value(given)} given; allowed: a "
            "whole number, 0 or more"
        )
    assert service.requests == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("given", [0, "0"])
def test_7_max_items_0_is_one_empty_page_and_a_token_to_the_start(way: str, given: Any) -> None:
    expected = botocores(FakeService(NUMBERS), ENTRY).paginate(PaginationConfig={"MaxItems": given})
    expected_pages = list(expected)
    service = FakeService(NUMBERS)
    pages, tokens = pages_by(way, service, {"MaxItems": given})
    assert pages == expected_pages == [{"Items": [], "NextToken": "t0:5.0"}]
    assert tokens == [expected.resume_token]
    assert len(service.requests) == 1
    again, _ = pages_by(way, service, {"StartingToken": tokens[0]})
    assert expand_items(NUMBERS, again) == list(range(10))
