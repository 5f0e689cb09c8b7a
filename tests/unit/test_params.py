"""Parameters: what boto3 refuses is refused, and what only the service judges is sent."""

import copy
import enum
from types import MappingProxyType
from typing import Any

import botocore.model
import botocore.validate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager._params import Param, check_params
from imagebuilder_pager._rows import Operation
from imagebuilder_pager.exceptions import ParamValidationError
from tests.fakes.pages import EXECUTION_ID
from tools.service_model import ServiceModel

RESOURCES = OPERATIONS["list_lifecycle_execution_resources"]
IMAGES = OPERATIONS["list_images"]
ID = {"lifecycleExecutionId": EXECUTION_ID}
NAMES = "lifecycleExecutionId, parentResourceId, maxResults, nextToken"
TEXT = "allowed: a string, 1 character or more"
FILTER = "allowed: a dictionary with name, values"


def problems_of(operation: Operation, params: dict[str, Any]) -> list[str]:
    with pytest.raises(ParamValidationError) as caught:
        operation.check_params(params)
    return list(map(str, caught.value.problems))


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "lifecycleExecutionId: missing, and required; allowed: a string"),
        (
            {"lifecycleExecutionId": 5},
            "lifecycleExecutionId: 5 (int) given; allowed: a string",
        ),
        ({"lifecycleExecutionId": None}, "lifecycleExecutionId: None given; allowed: a string"),
        ({"lifecycleExecutionId": b"l"}, "lifecycleExecutionId: a bytes given; allowed: a string"),
        ({**ID, "parentResourceId": ""}, f"parentResourceId: '' given; {TEXT}"),
        ({**ID, "parentResourceId": {}}, f"parentResourceId: a dict given; {TEXT}"),
        ({**ID, "nextToken": ""}, f"nextToken: '' given; {TEXT}"),
        (
            {**ID, "maxResults": 0},
            "maxResults: 0 (int) given; allowed: a whole number, 1 or more",
        ),
        (
            {**ID, "maxResults": "5"},
            "maxResults: '5' given; allowed: a whole number, 1 or more",
        ),
        (
            {**ID, "maxResults": 5.0},
            "maxResults: 5.0 (float) given; allowed: a whole number, 1 or more",
        ),
        ({**ID, "limit": None}, f"limit: unknown parameter; allowed: {NAMES}"),
        ({**ID, "max_results": 5}, f"max_results: unknown parameter; allowed: {NAMES}"),
        ({**ID, "MaxResults": 5}, f"MaxResults: unknown parameter; allowed: {NAMES}"),
    ],
)
def test_a_bad_parameter_is_named_with_what_is_allowed(
    params: dict[str, Any], problem: str
) -> None:
    assert problems_of(RESOURCES, params) == [problem]


def test_all_bad_parameters_are_named_at_once() -> None:
    given = {"maxResults": 0, "parentResourceId": None, "colour": "red", "nextToken": ""}
    with pytest.raises(ParamValidationError) as caught:
        RESOURCES.check_params(given)
    assert sorted(map(str, caught.value.problems)) == [
        f"colour: unknown parameter; allowed: {NAMES}",
        "lifecycleExecutionId: missing, and required; allowed: a string",
        "maxResults: 0 (int) given; allowed: a whole number, 1 or more",
        f"nextToken: '' given; {TEXT}",
        f"parentResourceId: None given; {TEXT}",
    ]
    lines = "".join(f"\n  - {problem}" for problem in caught.value.problems)
    first = "ListLifecycleExecutionResources: invalid parameters; nothing was sent"
    assert str(caught.value) == first + lines


@pytest.mark.parametrize(
    ("params", "problems"),
    [
        ({"owner": 5}, ["owner: 5 (int) given; allowed: a string"]),
        ({"byName": 1}, ["byName: 1 (int) given; allowed: True or False"]),
        ({"filters": {}}, ["filters: a dict given; allowed: a list, 1 item or more"]),
        ({"filters": "a"}, ["filters: 'a' given; allowed: a list, 1 item or more"]),
        ({"filters": []}, ["filters: a list of 0 items given; allowed: a list, 1 item or more"]),
        (
            {"filters": [{}, "x", None]},
            [f"filters[1]: 'x' given; {FILTER}", f"filters[2]: None given; {FILTER}"],
        ),
        (
            {"filters": [{"nam": "x", "Values": []}]},
            [
                "filters[0].nam: unknown parameter; allowed: name, values",
                "filters[0].Values: unknown parameter; allowed: name, values",
            ],
        ),
        (
            {"filters": [{"values": ["a", None, {"a": 1}]}]},
            [
                "filters[0].values[1]: None given; allowed: a string",
                "filters[0].values[2]: a dict given; allowed: a string",
            ],
        ),
    ],
)
def test_a_value_inside_is_named_by_its_path(params: dict[str, Any], problems: list[str]) -> None:
    assert problems_of(IMAGES, params) == problems


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        (RESOURCES, {"lifecycleExecutionId": "of a pattern to come"}),
        (RESOURCES, {"lifecycleExecutionId": ""}),
        (RESOURCES, {**ID, "parentResourceId": "x" * 100_000}),
        (RESOURCES, {**ID, "maxResults": 101}),
        (RESOURCES, {**ID, "maxResults": True}),
        (RESOURCES, {**ID, "nextToken": "x" * 100_000}),
        (IMAGES, {"owner": "AnOwnerToCome"}),
        (IMAGES, {"filters": [{"name": "", "values": ["web-*", "%", ""]}] * 11}),
        (IMAGES, {"filters": [{}]}),
    ],
)
def test_maximum_pattern_and_enum_are_for_the_service_to_judge(
    operation: Operation, params: dict[str, Any]
) -> None:
    assert operation.check_params(params) == params


class Owner(str, enum.Enum):  # noqa: UP042 - as programs have that are older than StrEnum
    SELF = "Self"


def test_what_is_sent_is_plain_and_no_longer_the_callers() -> None:
    filters = [MappingProxyType({"name": "platform", "values": ("Linux",)})]
    params = {"nextToken": "t", "filters": tuple(filters), "owner": Owner.SELF}
    checked = IMAGES.check_params(params)
    assert checked == {
        "nextToken": "t",
        "filters": [{"name": "platform", "values": ["Linux"]}],
        "owner": "Self",
    }
    assert list(checked) == list(params)
    assert type(checked["filters"]) is list
    assert type(checked["filters"][0]) is dict
    mine = [{"name": "platform"}]
    checked = IMAGES.check_params({"filters": mine})
    before = copy.deepcopy(checked)
    mine[0]["name"] = "version"
    assert checked == before


# Beside boto3: whatever is given, both refuse it or neither does.

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 120)
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=2)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.sampled_from(["name", "values", "nam"]), inner, max_size=3)
    ),
    max_leaves=6,
)
MODEL = botocore.model.ServiceModel(ServiceModel().description)


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_refused_is_what_boto3_refuses(name: str) -> None:
    operation = OPERATIONS[name]
    shape: Any = MODEL.operation_model(operation.name).input_shape
    names = st.sampled_from([*operation.params, "colour", "max_results"])
    required = {wire: EXECUTION_ID for wire, param in operation.params.items() if param.required}

    @given(st.dictionaries(names, ANYTHING, max_size=3), st.booleans())
    def check(given: dict[str, Any], with_required: bool) -> None:
        given = {**required, **given} if with_required else given
        theirs = botocore.validate.ParamValidator().validate(given, shape)
        if theirs.has_errors():
            with pytest.raises(ParamValidationError, match=f"^{operation.name}: "):
                operation.check_params(given)
        else:
            assert operation.check_params(given).keys() == given.keys()

    check()


# What no operation has yet: required members inside of structures, and lists in lists.

RULES = {
    "rules": Param(
        "list",
        item=Param(
            "structure",
            members={
                "name": Param("string", required=True, minimum=2),
                "sizes": Param("list", item=Param("list", item=Param("integer", minimum=0))),
            },
        ),
    )
}


@pytest.mark.parametrize(
    ("rules", "problems"),
    [
        ([{}], ["rules[0].name: missing, and required; allowed: a string, 2 characters or more"]),
        (
            [{"name": "ab"}, {"name": "a", "sizes": [[0], [1, -1]]}],
            [
                "rules[1].name: 'a' given; allowed: a string, 2 characters or more",
                "rules[1].sizes[1][1]: -1 (int) given; allowed: a whole number, 0 or more",
            ],
        ),
        ([{"name": "ab", "sizes": [5]}], ["rules[0].sizes[0]: 5 (int) given; allowed: a list"]),
    ],
)
def test_every_depth_has_its_problems(rules: Any, problems: list[str]) -> None:
    with pytest.raises(ParamValidationError) as caught:
        check_params("Op", RULES, {"rules": rules})
    assert list(map(str, caught.value.problems)) == problems
