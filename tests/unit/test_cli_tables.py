"""``--output table`` of the other commands: their columns, their members, their widths."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import botocore.model
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.cli.options import COMMANDS
from tests.fakes.command_line import OperationServer, required_options, run_command
from tests.fakes.operation_services import OperationService
from tests.fakes.shapes import values_of

ARN = "arn:aws:imagebuilder:us-west-2:123456789012"


Show = Callable[..., str]


@pytest.fixture(scope="module")
def server() -> Iterator[OperationServer]:
    with OperationServer() as server:
        yield server


@pytest.fixture
def show(server: OperationServer, capfd: pytest.CaptureFixture[str]) -> Show:
    """Return the function that returns the table of items in a terminal of a width."""

    def show(
        command: str, items: list[Any], *, width: int = 140, template: dict[str, Any] | None = None
    ) -> str:
        server.service = OperationService(COMMANDS[command], template or {}, items, page_size=4)
        ran = run_command(
            server.url,
            capfd,
            *(*required_options(command), "--output", "table"),
            command=command,
            environment={"COLUMNS": str(width)},
        )
        assert (ran.code, ran.err) == (0, "")
        return ran.out

    return show


IMAGE = {
    "arn": f"{ARN}:image/web-base/1.0.4",
    "name": "web-base",
    "type": "AMI",
    "version": "1.0.4",
    "platform": "Linux",
    "osVersion": "Amazon Linux 2023",
    "owner": "123456789012",
    "dateCreated": "2025-03-03T02:00:20.378Z",
}
PIPELINE = {
    "name": "nightly",
    "status": "ENABLED",
    "lastRunStatus": "FAILED",
    "dateLastRun": "2025-03-02T02:00:00.000Z",
    "dateNextRun": "2025-03-09T02:00:00.000Z",
    "consecutiveFailures": 3,
    "schedule": {"scheduleExpression": "cron(0 2 ? * sun *)"},
    "imageRecipeArn": f"{ARN}:image-recipe/web-base/1.0.4",
}
POLICY = {
    "name": "retention",
    "status": "DISABLED",
    "resourceType": "AMI_IMAGE",
    "dateLastRun": 1740967220.378,
    "dateCreated": 1700000000,
    "description": "Keeps the last three.",
}
EXECUTION = {
    "lifecycleExecutionId": "lce-12345678-1234-1234-1234-123456789012",
    "lifecyclePolicyArn": f"{ARN}:lifecycle-policy/retention",
    "resourcesImpactedSummary": {"hasImpactedResources": True},
    "state": {"status": "FAILED", "reason": "One of the images is in use by an account."},
    "startTime": 1740967220.378,
    "endTime": 1740967520,
}
BUILD = {
    "arn": f"{ARN}:image/web-base/1.0.4/2",
    "state": {"status": "AVAILABLE"},
    "outputResources": {"amis": [{"image": "ami-1", "region": "eu-west-1"}, None]},
}
DAY = "1 item; times are of 2025-03-03, in UTC"


@pytest.mark.parametrize(
    ("command", "item", "width", "lines"),
    [
        (
            *("list-images", IMAGE, 60),
            [
                *(DAY, ""),
                "NAME      VERSION  TYPE  PLATFORM  OS",
                "web-base  1.0.4    AMI   Linux     Amazon Linux 2023",
                "  created 02:00:20, owner 123456789012",
            ],
        ),
        (
            *("list-image-pipelines", PIPELINE, 80),
            [
                *("1 item; times are in UTC", ""),
                "NAME     STATUS   LAST RUN             RESULT  FAILURES  NEXT RUN",
                "nightly  ENABLED  2025-03-02 02:00:00  FAILED  3         2025-03-09 02:00:00",
                "  schedule cron(0 2 ? * sun *), recipe web-base/1.0.4",
            ],
        ),
        (
            *("list-lifecycle-policies", POLICY, 100),
            [
                *("1 item; times are in UTC", ""),
                "NAME       STATUS    RESOURCES  LAST RUN             CREATED",
                "retention  DISABLED  AMI_IMAGE  2025-03-03 02:00:20  2023-11-14 22:13:20",
                "  Keeps the last three.",
            ],
        ),
        (
            *("list-lifecycle-executions", EXECUTION, 80),
            [
                *(DAY, ""),
                "ID                                        STATUS  STARTED   TOOK    IMPACT",
                "lce-12345678-1234-1234-1234-123456789012  FAILED  02:00:20  5m 00s  yes",
                "  policy retention: One of the images is in use by an account.",
            ],
        ),
        (
            *("list-image-build-versions", BUILD, 80),
            [
                *("1 item", ""),
                "IMAGE             STATUS     OUTPUT",
                "web-base/1.0.4/2  AVAILABLE  ami-1 eu-west-1",
            ],
        ),
    ],
)
def test_the_columns_are_those_of_the_items(
    command: str, item: dict[str, Any], width: int, lines: list[str], show: Show
) -> None:
    assert show(command, [item, None], width=width).splitlines() == lines


def test_other_items_have_a_column_for_each_member(show: Show) -> None:
    items = [
        {
            "arn": f"{ARN}:component/update/1.0.2",
            "name": "update",
            "version": "1.0.2",
            "supportedOsVersions": ["Ubuntu", None, "Debian"],
            "productCodes": [{"productCodeId": "a"}, {"productCodeId": "b"}],
            "description": "Updates all there is on the machine, and reboots it.",
        },
        {"arn": "other", "status": "ACTIVE", "\x1b[2Junknown": "1", "state": {"new": {"a": 1}}},
    ]
    assert show("list-components", items).splitlines()[1:] == [
        "",
        "ARN           NAME    SUPPORTED OS VERSIONS  PRODUCT CODES  STATUS  DESCRIPTION",
        "update/1.0.2  update  Ubuntu, Debian         2                      "
        "Updates all there is on the machine, and reboots it.",
        "other                                                       ACTIVE",
    ]


def test_what_all_pages_have_in_common_stands_above(show: Show) -> None:
    template = {"requestId": "x", "aggregationType": "accountId", "message": "no member of it"}
    counts = {"accountAggregation": {"accountId": "1", "severityCounts": {"all": 3, "high": 2}}}
    found = show("list-image-scan-finding-aggregations", [counts], template=template)
    assert found.splitlines() == [
        "aggregation type  accountId",
        "1 item",
        "",
        "ACCOUNT ID  ALL  HIGH",
        "1           3    2",
    ]


def test_one_response_is_shown_by_its_members(show: Show) -> None:
    policy = {
        "name": "retention",
        "status": "ENABLED",
        "policyDetails": [
            {"action": {"type": "DELETE", "includeResources": {"amis": True}}},
            {"exclusionRules": {"amis": {"regions": ["a", "b"]}, "tagMap": {"keep": "yes"}}},
        ],
        "dateCreated": 1740967220.378,
    }
    found = show("get-lifecycle-policy", [], template={"lifecyclePolicy": policy})
    assert [line.split(None, 1) for line in found.splitlines()] == [
        ["name", "retention"],
        ["status", "ENABLED"],
        ["policyDetails[0].action.type", "DELETE"],
        ["policyDetails[0].action.includeResources.amis", "yes"],
        ["policyDetails[1].exclusionRules.tagMap.keep", "yes"],
        ["policyDetails[1].exclusionRules.amis.regions", "a, b"],
        ["dateCreated", "2025-03-03 02:00:20 UTC"],
    ]


def test_an_empty_listing_is_no_items(show: Show) -> None:
    assert show("list-workflows", []) == "0 items\n"


CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_table_can_be_made_of_any_response(
    command: str, show: Show, service_model: botocore.model.ServiceModel
) -> None:
    operation = OPERATIONS[COMMANDS[command].method_name]
    shape: Any = service_model.operation_model(operation.name).output_shape

    @settings(
        deadline=None, derandomize=True, max_examples=6, suppress_health_check=list(HealthCheck)
    )
    @given(st.data(), st.sampled_from((40, 80, 140)))
    def check(data: st.DataObject, width: int) -> None:
        template = data.draw(values_of(shape))
        if operation.result_key is None:
            (name,) = shape.members
            template = {name: template.get(name) or {}}
            items = []
        else:
            item = values_of(shape.members[operation.result_key].member)
            items = data.draw(st.lists(item, max_size=4))
        found = show(command, items, width=width, template=template)
        assert not CONTROLS.search(found)
        if operation.result_key is not None:
            count = sum(item is not None for item in items)
            assert f"{count} {'resource' if 'resources' in command else 'item'}" in found

    check()
