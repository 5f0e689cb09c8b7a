"""Models beside boto3: the same dictionary of the same bytes, whatever the body."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import botocore.model
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.pages import (
    EXECUTION_ID,
    RESPONSE_HEADERS,
    Boto3Response,
    ClientWith,
    page_of,
    read_page,
)
from tests.fakes.shapes import FRACTIONS, SECONDS, values_of
from tools.service_model import ServiceModel

PAGES = sorted((Path(__file__).parents[2] / "fixtures" / "pages").glob("*.json"))
LONE_SURROGATES = (
    rb'{"resources":[{"state":{"reason":"half \ud83d","status":"\udc00"},"startTime":0}]}'
)
BODIES = {path.stem: path.read_bytes() for path in PAGES} | {
    "lone surrogates": LONE_SURROGATES,
    "null items": b'{"resources":[null,{"imageUris":["a",null],"snapshots":[]}]}',
    "id in capitals": json.dumps(
        {"lifecycleExecutionId": EXECUTION_ID.upper(), "resources": []}
    ).encode(),
}


def same_as_boto3(boto3_answer: Boto3Response, body: bytes) -> bool:
    """Read the body as boto3 does, which takes any object for a page."""
    headers = {**RESPONSE_HEADERS, "Content-Length": str(len(body))}
    return read_page(body, on_invalid_response="warn").to_dict() == boto3_answer(body, 200, headers)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_is_as_boto3_has_it(boto3_answer: Boto3Response, body: bytes) -> None:
    assert same_as_boto3(boto3_answer, body)


def test_without_a_request_id_it_is_absent_as_in_boto3(
    client_with: ClientWith, boto3_answer: Boto3Response
) -> None:
    body = b'{"resources":[]}'
    client = client_with(lambda _: httpx.Response(200, content=body))
    page = client.list_lifecycle_execution_resources(lifecycleExecutionId=EXECUTION_ID)
    assert page.to_dict() == boto3_answer(body, 200, {"Content-Length": "16"})
    assert page.response_metadata is not None
    assert page.response_metadata.request_id is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
TIMESTAMP = (
    SECONDS
    | FRACTIONS
    | SECONDS.map(str)
    | FRACTIONS.map(str)
    | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(  # noqa: DTZ001  # wall time
        lambda moment: moment.isoformat() + "Z"
    )
    | st.datetimes(datetime(1900, 1, 1), datetime(9999, 12, 30)).map(  # noqa: DTZ001
        lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    )
)
SHAPE: Any = (
    botocore.model.ServiceModel(ServiceModel().description)
    .operation_model("ListLifecycleExecutionResources")
    .output_shape
)
#: Any members, perhaps null, and in each structure perhaps one that the model does not have.
BODY = values_of(
    SHAPE,
    unknown=st.dictionaries(st.text(max_size=12), JSON, max_size=1),
    string=st.text(max_size=20),
    timestamp=TIMESTAMP,
    LifecycleExecutionId=st.sampled_from([EXECUTION_ID, EXECUTION_ID.upper()]),
)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=BODY)
def test_any_body_is_as_boto3_has_it(boto3_answer: Boto3Response, body: dict[str, Any]) -> None:
    assert same_as_boto3(boto3_answer, json.dumps(body).encode())


@settings(max_examples=200, deadline=None)
@given(body=BODY)
def test_any_body_keeps_what_it_has(body: dict[str, Any]) -> None:
    """Keys are those of the body, but for null members; nothing of it is lost."""
    page = page_of(body)
    known = set(SHAPE.members)
    there = {name for name, value in body.items() if name not in known or value is not None}
    assert set(page.keys()) - {"ResponseMetadata"} == there - {"ResponseMetadata", "NextToken"}
    for name in there - known - {"ResponseMetadata", "NextToken"}:
        assert page[name] == body[name]
    assert len(page.resources) == len(body.get("resources") or ())
