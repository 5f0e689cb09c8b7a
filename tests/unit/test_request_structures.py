"""Structures, lists and maps among the parameters: checked as deep as they go."""

from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from imagebuilder_pager.exceptions import ParamValidationError
from imagebuilder_pager.models import (
    Filter,
    ListImageScanFindingAggregationsRequest,
    ListImageScanFindingsRequest,
    ListImagesRequest,
    Ownership,
)
from imagebuilder_pager.models.fields import Constraints
from imagebuilder_pager.models.request import Request, RequestStructure

NAME = "allowed: a string that matches ^[a-zA-Z]{1,1024}$"
VALUE = 'allowed: a string that matches ^[0-9a-zA-Z./_ :,{}"-]{1,1024}$'


def problems_of(request: type[Request], params: dict[str, Any]) -> list[str]:
    with pytest.raises(ParamValidationError) as caught:
        request.serialize_params(params, "Op")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("params", "problems"),
    [
        ({"owner": "Me"}, ["owner: 'Me' given; allowed: Self, Shared, Amazon, ThirdParty, "]),
        ({"owner": 5}, ["owner: 5 (int) given; allowed: Self, Shared, Amazon, ThirdParty, "]),
        ({"byName": "yes"}, ["byName: 'yes' given; allowed: True or False"]),
        ({"by_name": 1}, ["byName: 1 (int) given; allowed: True or False"]),
        ({"by_name": None}, ["byName: None given; allowed: True or False"]),
        ({"filters": {}}, ["filters: a dict given; allowed: a list of 1 to 10 items"]),
        ({"filters": "name=x"}, ["filters: 'name=x' given; allowed: a list of 1 to 10 items"]),
        ({"filters": []}, ["filters: a list of 0 items given; allowed: a list of 1 to 10 items"]),
        (
            {"filters": [{}] * 11},
            ["filters: a list of 11 items given; allowed: a list of 1 to 10 items"],
        ),
        (
            {"filters": [{}, "x", None]},
            [
                "filters[1]: 'x' given; allowed: a dictionary with name, values",
                "filters[2]: None given; allowed: a dictionary with name, values",
            ],
        ),
        (
            {"filters": [{"nam": "x", "Values": []}]},
            [
                "filters[0].nam: unknown parameter; allowed: name, values",
                "filters[0].Values: unknown parameter; allowed: name, values",
            ],
        ),
        ({"filters": [{"name": ""}]}, [f"filters[0].name: '' given; {NAME}"]),
        (
            {"filters": [{"values": ["a", "b", "c", "%"]}]},
            [f"filters[0].values[3]: '%' given; {VALUE}"],
        ),
        (
            {"filters": [{"values": "abc"}]},
            ["filters[0].values: 'abc' given; allowed: a list of 1 to 10 items"],
        ),
        (
            {"filters": [{"values": [None, {"a": 1}]}]},
            [
                f"filters[0].values[0]: None given; {VALUE}",
                f"filters[0].values[1]: a dict given; {VALUE}",
            ],
        ),
    ],
)
def test_an_invalid_value_is_named_by_its_path(params: dict[str, Any], problems: list[str]) -> None:
    found = problems_of(ListImagesRequest, params)
    assert len(found) == len(problems)
    for line, start in zip(found, problems, strict=True):
        assert line.startswith(start)


def test_a_structure_that_is_no_item_of_a_list() -> None:
    aggregations = ListImageScanFindingAggregationsRequest
    assert problems_of(aggregations, {"filter": {"name": "a b"}}) == [
        f"filter.name: 'a b' given; {NAME}"
    ]
    params = {"filter": {"name": "accountId", "values": ["1"]}}
    assert aggregations.serialize_params(params, "Op") == params


def test_lists_of_one_say_so() -> None:
    params = {"filters": [{"values": ["a", "b"]}]}
    assert problems_of(ListImageScanFindingsRequest, params) == [
        "filters[0].values: a list of 2 items given; allowed: a list of 1 to 1 items"
    ]


@pytest.mark.parametrize(
    "filters",
    [
        [{"name": "platform", "values": ["Linux"]}],
        ({"name": "platform", "values": ("Linux",)},),
        [Filter(name="platform", values=["Linux"])],
    ],
)
def test_dictionaries_models_lists_and_tuples_are_sent_as_the_same(filters: Any) -> None:
    assert ListImagesRequest.serialize_params({"filters": filters}, "Op") == {
        "filters": [{"name": "platform", "values": ["Linux"]}]
    }


def test_an_enum_or_its_value_is_sent_as_text() -> None:
    for owner in (Ownership.Self, "Self"):
        wire = ListImagesRequest.serialize_params({"owner": owner, "by_name": True}, "Op")
        assert wire == {"owner": "Self", "byName": True}
        assert type(wire["owner"]) is str


def test_a_member_named_as_a_dictionarys_method_hides_nothing() -> None:
    platform = Filter(name="platform", values=["Linux"])
    assert platform.values_ == ["Linux"]
    wire = ListImagesRequest.serialize_params({"filters": [platform]}, "Op")
    assert wire == {"filters": [{"name": "platform", "values": ["Linux"]}]}


def test_a_request_made_by_hand_is_checked_too() -> None:
    request = ListImagesRequest(owner=Ownership.Self, filters=[Filter(name="platform")])
    dumped = request.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert dumped == {"owner": "Self", "filters": [{"name": "platform"}]}
    with pytest.raises(ValidationError, match="filters: a list of 0 items given"):
        ListImagesRequest(filters=[])
    with pytest.raises(ValidationError, match="name: '' given"):
        Filter(name="")


# What no operation of the catalogue has yet: required members inside of structures, maps, nested
# lists, and a member's constraints at every depth.


class Rule(RequestStructure):
    """A structure with a required member of two words."""

    rule_name: Annotated[str, Constraints(min=1, max=4)]
    items_: list[list[Annotated[int, Constraints(min=0)]]] | None = Field(None, alias="items")


class RulesRequest(Request):
    """A request with a map of structures."""

    rules_by_key: (
        Annotated[dict[Annotated[str, Constraints(max=3)], Rule], Constraints(max=2)] | None
    ) = None


def test_maps_keep_their_keys_and_structures_take_both_spellings() -> None:
    params = {"rules_by_key": {"rule_name": {"rule_name": "a", "items": [[1], []]}}}
    assert problems_of(RulesRequest, params) == [
        "rulesByKey, a key: 'rule_name' given; allowed: a string of at most 3 characters"
    ]
    params = {"rules_by_key": {"a_b": {"rule_name": "a", "items": [[1], []]}}}
    assert RulesRequest.serialize_params(params, "Op") == {
        "rulesByKey": {"a_b": {"ruleName": "a", "items": [[1], []]}}
    }


@pytest.mark.parametrize(
    ("rules", "problems"),
    [
        (
            {"a": {}},
            [
                "rulesByKey['a'].ruleName: missing, and required; allowed: a string of 1 to 4 "
                "characters"
            ],
        ),
        (
            {"a": {"ruleName": "x", "rule_name": "x"}},
            [
                "rulesByKey['a'].ruleName: given twice, as ruleName and as rule_name; "
                "allowed: one of the two"
            ],
        ),
        (
            {"a": {"ruleName": "x", "items": [[0], [1, -1]]}},
            ["rulesByKey['a'].items[1][1]: -1 (int) given; allowed: a whole number of 0 or more"],
        ),
        (
            {"a": {"ruleName": "x"}, "b": {"ruleName": "y"}, "c": {"ruleName": "z"}},
            ["rulesByKey: a dict of 3 members given; allowed: a dictionary of at most 2 members"],
        ),
        (
            {5: {"ruleName": "x"}},
            ["rulesByKey, a key: 5 (int) given; allowed: a string of at most 3 characters"],
        ),
        ([], ["rulesByKey: a list given; allowed: a dictionary of at most 2 members"]),
    ],
)
def test_every_depth_has_its_errors(rules: Any, problems: list[str]) -> None:
    assert problems_of(RulesRequest, {"rulesByKey": rules}) == problems
