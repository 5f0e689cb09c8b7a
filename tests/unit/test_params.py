"""Parameters: the values that boto3 refuses are refused, all others are sent."""

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


# A list in a list, and a required member of a structure: no operation has them yet.
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
    ("params", "given", "problems"),
    [
        (
            RESOURCES.params,
            {"lifecycleExecutionId": b"l", "parentResourceId": "", "maxResults": 0, "Limit": 5},
            [
                "lifecycleExecutionId: a bytes given; allowed: a string",
                f"parentResourceId: '' given; {TEXT}",
                "maxResults: 0 (int) given; allowed: a whole number, 1 or more",
                f"Limit: unknown parameter; allowed: {NAMES}",
            ],
        ),
        (
            RESOURCES.params,
            {"lifecycleExecutionId": None, "maxResults": 5.0},
            [
                "lifecycleExecutionId: None given; allowed: a string",
                "maxResults: 5.0 (float) given; allowed: a whole number, 1 or more",
            ],
        ),
        (
            IMAGES.params,
            {"byName": 1, "filters": "a"},
            [
                "byName: 1 (int) given; allowed: True or False",
                "filters: 'a' given; allowed: a list, 1 item or more",
            ],
        ),
        (
            IMAGES.params,
            {"filters": []},
            ["filters: a list of 0 items given; allowed: a list, 1 item or more"],
        ),
        (
            IMAGES.params,
            {"filters": [{}, "x", {"nam": "x"}, {"values": ["a", None, {"a": 1}]}]},
            [
                "filters[1]: 'x' given; allowed: a dictionary with name, values",
                "filters[2].nam: unknown parameter; allowed: name, values",
                "filters[3].values[1]: None given; allowed: a string",
                "filters[3].values[2]: a dict given; allowed: a string",
            ],
        ),
        (
            RULES,
            {"rules": [{}, {"name": "a", "sizes": [[0], [1, -1], 5]}]},
            [
                "rules[0].name: missing, and required; allowed: a string, 2 characters or more",
                "rules[1].name: 'a' given; allowed: a string, 2 characters or more",
                "rules[1].sizes[1][1]: -1 (int) given; allowed: a whole number, 0 or more",
                "rules[1].sizes[2]: 5 (int) given; allowed: a list",
            ],
        ),
    ],
)
def test_each_invalid_value_is_named_by_its_path_with_the_allowed_ones(
    params: dict[str, Param], given: dict[str, Any], problems: list[str]
) -> None:
    with pytest.raises(ParamValidationError) as caught:
        check_params("Op", params, given)
    assert list(map(str, caught.value.problems)) == problems
    first = "Op: invalid parameters; nothing was sent"
    assert str(caught.value) == "\n  - ".join([first, *problems])


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        (RESOURCES, {**ID, "parentResourceId": "x" * 100_000, "nextToken": "x" * 100_000}),
        (RESOURCES, {"lifecycleExecutionId": "of a pattern to come", "maxResults": 101}),
        (RESOURCES, {"lifecycleExecutionId": "", "maxResults": True}),
        (IMAGES, {"owner": "AnOwnerToCome", "filters": [{}]}),
        (IMAGES, {"filters": [{"name": "", "values": ["web-*", "%", ""]}] * 11}),
    ],
    ids=["lengths", "pattern and maximum", "empty and a boolean", "enum", "filters"],
)
def test_maximum_pattern_and_enum_are_left_to_the_service(
    operation: Operation, params: dict[str, Any]
) -> None:
    assert operation.check_params(params) == params


class Owner(str, enum.Enum):  # noqa: UP042 - as programs have that are older than StrEnum
    SELF = "Self"


def test_checked_parameters_are_plain_copies() -> None:
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
def test_the_same_values_are_refused_as_by_boto3(name: str) -> None:
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
