"""The tests of report.py, by the fixtures of this library's pytest plugin."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from report import report

from imagebuilder_pager import ImageBuilder
from imagebuilder_pager.local import Account, Execution, LocalImageBuilder

POLICY = "arn:aws:imagebuilder:us-west-2:123456789012:lifecycle-policy/web"
IDS = [f"lce-{number:08}-0000-0000-0000-000000000000" for number in range(2)]
STARTED = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
RESOURCES = tuple(
    {
        "resourceId": f"ami-{number}",
        "action": {"name": "DELETE"},
        "state": {"status": "FAILED", "reason": "in use"} if number % 20 == 3 else {},
    }
    for number in range(30)
)
HEAD = "execution,started,resource,action,reason\n"
DENIED = "error,code=AccessDeniedException,message=Ask the platform team."


@pytest.fixture
def image_builder_account() -> Account:
    return Account(
        tuple(
            Execution(each, {}, resources, lifecycle_policy_arn=POLICY, start_time=STARTED)
            for each, resources in zip(IDS, (RESOURCES, ()), strict=True)
        ),
        policies=({"arn": POLICY},),
    )


def test_failed_resources_of_all_pages_are_listed(
    image_builder: LocalImageBuilder, image_builder_client: ImageBuilder
) -> None:
    out = io.StringIO()
    assert report(image_builder_client, POLICY, out) == 0
    assert out.getvalue() == HEAD + "".join(
        f"{IDS[0]},2026-03-01,ami-{number},DELETE,in use\n" for number in (3, 23)
    )
    assert image_builder.requests == 4


@pytest.mark.image_builder_faults(f"{DENIED}@ListLifecycleExecutionResources")
def test_a_denied_listing_is_an_error(
    image_builder_client: ImageBuilder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(image_builder_client, POLICY, io.StringIO()) == 1
    assert "Ask the platform team." in capsys.readouterr().err
