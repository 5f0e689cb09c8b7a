"""The pagination package by itself: specs, options, any kind of page, and the cursor."""

import dataclasses
import re
import tracemalloc
import types
from collections.abc import Mapping
from typing import Any

import pytest

from imagebuilder_pager.exceptions import PaginationError, ParamValidationError, StartingTokenError
from imagebuilder_pager.pagination import (
    PageCursor,
    PaginationSpec,
    Paginator,
    ResumablePage,
    decode_token,
    encode_token,
)
from tests.fakes.paginated_service import ENTRY, FakeService, Listing, botocores, ours

LISTING = Listing(entry=ENTRY, items=list(range(7)), most=3)

# Specs.

KEYS = {*ENTRY, "more_results", "non_aggregate_keys"}
OTHER_NUMBER = "input_token and output_token: {} given; allowed: the same number, at least one"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_token": ["A", "B"]}, OTHER_NUMBER.format("2 and 1")),
        ({"input_token": [], "output_token": []}, OTHER_NUMBER.format("0 and 0")),
        ({"limit": "A"}, f"a paginator entry with limit; allowed: {', '.join(sorted(KEYS))}"),
        ({"result_key": []}, "result_key: none given; allowed: one path of members, or more"),
        ({"result_key": "A[0]"}, "'A[0]' is not a path of members, so it cannot be set"),
        ({"result_key": ["A", "B || C"]}, "'B || C' is not a path of members, so it cannot be set"),
        ({"non_aggregate_keys": ["A.*"]}, "'A.*' is not a path of members, so it cannot be set"),
    ],
    ids=str,
)
def test_a_spec_with_invalid_parts_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        PaginationSpec.from_model({**ENTRY, **changes})


@pytest.mark.parametrize("expression", ["A[", "", "a ||", "A..B"])
def test_an_invalid_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # jmespath's own words
        PaginationSpec(input_token="A", output_token=expression, result_key="B")


def test_an_incomplete_paginator_entry_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a paginator entry without output_token, result_key"):
        PaginationSpec.from_model({"input_token": "A"})


def test_specs_compare_and_hash_by_value() -> None:
    spec = PaginationSpec.from_model(ENTRY)
    same = PaginationSpec(
        input_token="Token", output_token="NextToken", result_key="Items", limit_key="Max"
    )
    assert (spec, hash(spec)) == (same, hash(same))
    assert repr(spec).startswith("PaginationSpec(input_token='Token', output_token='NextToken'")
    with pytest.raises(AttributeError):
        spec.limit_key = "Other"  # type: ignore[misc]


def test_a_paginator_and_its_pages_have_the_result_keys_as_expressions() -> None:
    spec = PaginationSpec.from_model({**ENTRY, "result_key": ["A.B", "C"]})
    paginator = Paginator(FakeService(LISTING), spec)
    for has_them in (paginator, paginator.paginate()):
        first, second = has_them.result_keys
        assert (first.expression, second.expression) == ("A.B", "C")
        assert first.search({"A": {"B": 5}}) == 5
        assert first.search({"A": None}) is first.search({"A": [1]}) is second.search({}) is None
        assert repr(first) == "Expression('A.B')"


# PaginationConfig.

NAMES = ["MaxItems", "PageSize", "StartingToken", "Prefetch"]


def paginate(config: Any, entry: Any = ENTRY) -> Any:
    service = FakeService(LISTING)
    try:
        return ours(service, entry).paginate(PaginationConfig=config)
    finally:
        assert service.requests == []


def test_a_page_size_is_refused_where_there_is_no_limit_key() -> None:
    entry = {name: value for name, value in ENTRY.items() if name != "limit_key"}
    for config in ({"PageSize": 3}, {"PageSize": "3"}, {"PageSize": 0}, {"PageSize": "x"}):
        with pytest.raises(PaginationError) as caught:
            paginate(config, entry)
        assert str(caught.value) == (
            "PaginationConfig.PageSize: this operation has no parameter for the size of a page"
        )
        with pytest.raises(Exception, match="PageSize parameter is not supported"):
            botocores(FakeService(LISTING), entry).paginate(PaginationConfig=config)
    assert list(paginate({"PageSize": None}, entry).items()) == LISTING.items


@pytest.mark.parametrize(
    ("name", "value", "given"),
    [
        ("MaxItems", "x", "'x'"),
        ("MaxItems", "", "''"),
        ("MaxItems", -1, "-1 (int)"),
        ("MaxItems", 1.5, "1.5 (float)"),
        ("MaxItems", True, "True (bool)"),
        ("MaxItems", [1], "a list"),
        ("MaxItems", float("inf"), "inf (float)"),
        ("MaxItems", "1" * 90 + "x", "a string of 91 characters"),
        ("PageSize", 0, "0 (int)"),
        ("PageSize", "-1", "'-1'"),
        ("PageSize", b"5", "a bytes"),
        ("Prefetch", -1, "-1 (int)"),
        ("Prefetch", 101, "101 (int)"),
        ("Prefetch", True, "True (bool)"),
    ],
)
def test_an_invalid_config_value_is_refused(name: str, value: object, given: str) -> None:
    allowed = {"MaxItems": ", 0 or more", "PageSize": ", 1 or more", "Prefetch": " from 0 to 100"}
    with pytest.raises(ParamValidationError) as caught:
        paginate({name: value})
    problem = f"PaginationConfig.{name}: {given} given; allowed: a whole number{allowed[name]}"
    assert [str(found) for found in caught.value.problems] == [problem]


def test_all_invalid_config_values_are_reported_at_once() -> None:
    config = {"MaxItems": -1, "PageSize": "x", "Maxitems": 3, 5: 6}
    with pytest.raises(ParamValidationError) as caught:
        paginate(config)
    keys = ", ".join(NAMES)
    assert str(caught.value) == (
        "paginate: invalid parameters; nothing was sent\n"
        f"  - PaginationConfig: unknown key 'Maxitems'; allowed: {keys}\n"
        f"  - PaginationConfig: unknown key 5; allowed: {keys}\n"
        "  - PaginationConfig.MaxItems: -1 (int) given; allowed: a whole number, 0 or more\n"
        "  - PaginationConfig.PageSize: 'x' given; allowed: a whole number, 1 or more"
    )


@pytest.mark.parametrize("config", ["MaxItems", 5, [("MaxItems", 3)]], ids=repr)
def test_a_config_that_is_not_a_mapping_is_refused(config: Any) -> None:
    with pytest.raises(
        ParamValidationError, match=r"PaginationConfig: .* given; allowed: a mapping"
    ):
        paginate(config)


@pytest.mark.parametrize("config", [None, {}, dict.fromkeys(NAMES)], ids=repr)
def test_a_config_value_of_none_counts_as_absent(config: Any) -> None:
    assert list(paginate(config).items()) == LISTING.items


@pytest.mark.parametrize("as_string", [False, True])
@pytest.mark.parametrize("given", [2, "2", " 2 ", "02", 2.0])
def test_numbers_may_be_texts_and_are_sent_with_the_type_of_the_model(
    given: Any, as_string: bool
) -> None:
    service = FakeService(LISTING)
    entry = {**ENTRY, "limit_as_string": as_string}
    pages = ours(service, entry).paginate(PaginationConfig={"PageSize": given, "MaxItems": given})
    assert [page["Items"] for page in pages] == [[0, 1]]
    assert service.requests == [{"Max": "2" if as_string else 2}]
    reference = FakeService(LISTING)
    config = {"PageSize": 2, "MaxItems": given}
    list(botocores(reference, entry).paginate(PaginationConfig=config))
    assert service.requests == reference.requests


# Pages of other kinds.


class Model:
    """A page as an object, with as much of a dictionary as is needed."""

    def __init__(self, **members: Any) -> None:
        self.members = members
        self.resume_token: str | None = None

    def get(self, name: str) -> Any:
        return self.members.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.members = {**self.members, name: value}

    def to_dict(self) -> dict[str, Any]:
        return dict(self.members)


def test_pages_that_are_objects() -> None:
    kept: list[Model] = []

    def method(**params: Any) -> Model:
        kept.append(Model(**LISTING.page(params)))
        return kept[-1]

    config = {"MaxItems": 5}
    pages = Paginator(method, PaginationSpec.from_model(ENTRY)).paginate(PaginationConfig=config)
    seen = []
    for page in pages:
        assert isinstance(page, ResumablePage)
        assert page.resume_token == pages.resume_token
        seen.append(page.to_dict())
    reference = botocores(FakeService(LISTING), ENTRY).paginate(PaginationConfig=config)
    assert seen == list(reference)
    assert [page.members["Items"] for page in kept] == [[0, 1, 2], [3, 4, 5]]
    assert [page.resume_token for page in kept] == [None, None]
    full = pages.build_full_result()
    assert full == {"Items": [0, 1, 2, 3, 4], "NextToken": reference.resume_token}
    assert list(pages.search("Items[0]")) == [0, 3]


def test_pages_that_cannot_be_changed() -> None:
    entry = {**ENTRY, "result_key": ["R.Items", "Names"], "non_aggregate_keys": ["Owner"]}
    listing = Listing(entry=entry, items=list(range(7)), most=3, secondary=("list",))

    def frozen(value: Any) -> Any:
        if isinstance(value, dict):
            return types.MappingProxyType({name: frozen(inner) for name, inner in value.items()})
        return value

    def method(**params: Any) -> Any:
        return frozen(listing.page(params))

    start = encode_token({"Token": None, "boto_truncate_amount": 2})
    for config in ({}, {"MaxItems": 4}, {"MaxItems": 3, "StartingToken": start}):
        pages = ours(method, entry).paginate(PaginationConfig=config)
        reference = botocores(FakeService(listing), entry).paginate(PaginationConfig=config)
        full = reference.build_full_result()
        assert list(pages.items()) == full["R"]["Items"]
        assert pages.resume_token == reference.resume_token
        assert pages.build_full_result() == full


# The cursor, driven by hand.


def test_a_cursor_can_be_driven_by_hand() -> None:
    entry = {**ENTRY, "non_aggregate_keys": ["Of"]}
    listing = dataclasses.replace(LISTING, entry=entry)
    service = FakeService(listing)
    params = {"Owner": "me"}
    spec = PaginationSpec.from_model(entry)
    cursor: PageCursor[dict[str, Any]] = PageCursor(spec, params, max_items=5, page_size=3)
    before: Any = cursor
    assert before.resume_token is before.position is None
    kept, pages = [], []
    positions: list[Any] = []
    while (request := cursor.next_request()) is not None:
        assert cursor.next_request() == request
        kept.append(service(**request))
        request["Owner"] = "someone else"  # the caller may change it
        pages.append(cursor.receive_page(kept[-1]))
        positions.append(cursor.position)
    config = {"MaxItems": 5, "PageSize": 3}
    reference = FakeService(listing)
    expected = botocores(reference, entry).paginate(Owner="me", PaginationConfig=config)
    assert pages == list(expected)
    assert service.requests == reference.requests
    assert cursor.resume_token == expected.resume_token
    assert cursor.non_aggregate_part == expected.non_aggregate_part
    assert pages[0] is kept[0]  # nothing to cut
    assert kept[1]["Items"] == [3, 4, 5]
    assert params == {"Owner": "me"}
    assert [position.item_count for position in positions] == [3, 2]
    assert decode_token(positions[1].token_after(1)) == {
        "Token": "t0:3.0",
        "boto_truncate_amount": 1,
    }


def test_a_cursor_skips_the_items_before_a_starting_token_on_several_pages() -> None:
    token = encode_token({"Token": "a", "boto_truncate_amount": 3})
    cursor: PageCursor[dict[str, Any]] = PageCursor(
        PaginationSpec.from_model(ENTRY), {}, starting_token=token
    )
    for request, items, received, offset in (
        ("a", {"Items": [0, 1]}, [], {"boto_truncate_amount": 1}),
        ("b", {}, None, {"boto_truncate_amount": 1}),
        ("c", {"Items": [2, 3]}, [3], {}),
    ):
        following = chr(ord(request) + 1)
        assert cursor.next_request() == {"Token": request}
        page: dict[str, Any] = {**items, "NextToken": following}
        assert cursor.receive_page(page)["Items"] == received
        assert decode_token(cursor.resume_token or "") == {"Token": following, **offset}


def test_a_cursor_of_many_pages_stays_small() -> None:
    cursor: PageCursor[dict[str, Any]] = PageCursor(PaginationSpec.from_model(ENTRY), {})
    tracemalloc.start()
    for number in range(20_000):
        cursor.receive_page({"Items": [], "NextToken": f"{number} {'x' * 999}"})
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 30 * 20_000  # an int object for each would take more


def test_a_cursor_checks_its_token() -> None:
    with pytest.raises(StartingTokenError):
        PageCursor(PaginationSpec.from_model(ENTRY), {}, starting_token="a___b___c")


def test_parameters_are_checked_once_with_the_page_size_and_the_token_in_them() -> None:
    checked: list[Any] = []

    def check(params: Mapping[str, Any]) -> Mapping[str, Any]:
        checked.append(dict(params))
        return params

    service = FakeService(LISTING)
    paginator = Paginator(service, PaginationSpec.from_model(ENTRY), serialize_params=check)
    token = LISTING.page({})["NextToken"]
    config: Any = {"PageSize": 2, "StartingToken": encode_token({"Token": token})}
    pages = paginator.paginate(PaginationConfig=config)
    assert [item for page in pages for item in page["Items"]] == LISTING.items[3:]
    assert list(pages.items()) == LISTING.items[3:]
    assert checked == [{"Token": token, "Max": 2}]
