"""The tests of web_endpoint.py."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from web_endpoint import app

from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID, Account, LocalImageBuilder

URL = f"/executions/{EXAMPLE_EXECUTION_ID}/resources"


@pytest.fixture
def web(image_builder_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize(("limit", "requests"), [(7, 18), (100, 2)])
def test_the_cursors_lead_through_all_resources(
    web: TestClient,
    image_builder: LocalImageBuilder,
    image_builder_account: Account,
    limit: int,
    requests: int,
) -> None:
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": limit}
    while params.get("cursor", "") is not None:
        response = web.get(URL, params=params)
        assert response.status_code == 200
        found += response.json()["resources"]
        params["cursor"] = response.json()["cursor"]
    (resources,) = (
        execution.resources
        for execution in image_builder_account.executions
        if execution.lifecycle_execution_id == EXAMPLE_EXECUTION_ID
    )
    assert [each["resourceId"] for each in found] == [each["resourceId"] for each in resources]
    assert image_builder.requests == requests


def test_members_have_the_names_of_the_api(web: TestClient, image_builder_account: Account) -> None:
    (found,) = web.get(URL, params={"limit": 1}).json()["resources"]
    expected = dict(image_builder_account.executions[0].resources[0])
    assert found.keys() == expected.keys()
    assert found["startTime"].endswith("Z")
    assert found["state"] == expected["state"]
    assert "startTime" in web.get("/openapi.json").text


#: The last one skips 101 items, more than a page has.
FORGED = ["", "not a cursor", base64.b64encode(b'{"boto_truncate_amount": 101}').decode()]


@pytest.mark.parametrize("cursor", FORGED)
def test_a_forged_cursor_is_an_error_of_the_stranger(web: TestClient, cursor: str) -> None:
    assert web.get(URL, params={"cursor": cursor}).status_code == 400


@pytest.mark.parametrize(
    ("url", "status"),
    [
        (URL.replace("lce-", "lce-0"), 422),
        (f"{URL}?limit=101", 422),
        ("/executions/lce-00000000-0000-0000-0000-000000000000/resources", 404),
    ],
)
def test_a_wrong_request_is_an_error_of_the_stranger(
    web: TestClient, url: str, status: int
) -> None:
    assert web.get(url).status_code == status


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        pytest.param(status, fault, marks=pytest.mark.image_builder_faults(fault))
        for status, fault in [
            (400, "expired-token@1"),
            (502, "error,code=AccessDeniedException,message=secret@1"),
            (502, "html@1"),
            (502, "reset-before@1"),
            (503, "throttle@1"),
            (503, "throttle,code=ThrottlingException@1"),
            (503, "error,code=RequestLimitExceeded,status=400@1"),
            (503, "server-error,status=503@1"),
        ]
    ],
)
def test_a_failure_of_aws_is_logged_and_not_shown(
    web: TestClient, status: int, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = web.get(URL)
    assert response.status_code == status
    assert ("retry-after" in response.headers) == (status == 503)
    assert EXAMPLE_EXECUTION_ID in caplog.text
    assert ("secret" in caplog.text) == ("secret" in fault)
    assert "secret" not in response.text
