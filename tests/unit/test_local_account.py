"""The local service's data: generated, from a file, and the pages that a test gives it."""

import dataclasses
import datetime as dt
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import boto3
import pytest

from imagebuilder_pager import ImageBuilder
from imagebuilder_pager.local import (
    EXAMPLE_EXECUTION_ID,
    Account,
    Execution,
    LocalImageBuilder,
    LocalServer,
    generate_account,
    load_account,
)
from tests.fakes.accounts import LOCAL_CREDENTIALS
from tests.fakes.local_operations import ACCOUNT, POLICY, call, error, items, page, pages


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "account.json"


def test_the_same_arguments_give_the_same_data() -> None:
    account = generate_account(resources=40)
    assert account == generate_account(resources=40) != generate_account(resources=40, seed=1)
    # A longer list begins like a shorter one.
    short = generate_account(resources=10).executions[0]
    assert account.executions[0].resources[:10] == short.resources
    # A history comes after the executions.
    history = generate_account(resources=40, history=True)
    assert history == generate_account(resources=40, history=True)
    assert history.executions[:2] == account.executions
    assert history.policies[:2] == account.policies
    assert len(history.executions) > 80
    assert (account.images, account.pipelines) == ((), ())


@pytest.mark.parametrize("resources", [0, 1, 3, 120])
def test_a_generated_account_has_the_requested_size(resources: int) -> None:
    main, other = generate_account(resources=resources).executions
    assert main.lifecycle_execution_id == EXAMPLE_EXECUTION_ID
    assert len(main.resources) == resources
    assert len(other.resources) == resources // 3
    for execution in (main, other):
        ids = [resource["resourceId"] for resource in execution.resources]
        assert len(set(ids)) == len(ids)
        assert list(execution.children_by_parent) == ids


def test_a_negative_size_is_an_error() -> None:
    with pytest.raises(ValueError, match="resources is -1, it has to be 0 or more"):
        generate_account(resources=-1)


def test_an_account_is_the_same_after_writing_and_loading(file: Path) -> None:
    pages: dict[str, list[dict[str, object]]] = {
        "ListWorkflows": [{"workflowVersionList": []}],
        "GetLifecyclePolicy": [{}],
    }
    account = dataclasses.replace(
        generate_account(resources=5, history=True), pages=pages, account_id="111122223333"
    )
    file.write_text(json.dumps(account.to_dict()))
    assert load_account(file) == account
    assert load_account(str(file)) == account


def test_a_file_with_only_the_required_members_is_loaded(file: Path) -> None:
    file.write_text('{"executions": []}', encoding="utf-8-sig")
    assert load_account(file) == Account()
    execution = {"lifecycleExecutionId": "lce-1", "lifecycleExecutionState": {}}
    file.write_text(json.dumps({"executions": [execution]}))
    assert load_account(file) == Account(executions=(Execution("lce-1", {}),))


def check_error(file: Path, text: str, message: str) -> None:
    """Assert that a file with this text is an error that names the file."""
    file.write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        load_account(file)
    assert str(caught.value).startswith(f"{file}: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON: Expecting value: line 1 column 1"),
        ("{", "not valid JSON: Expecting property name"),
        ("[" * 100_000, "the JSON is nested too deeply"),
        ("[]", "the document: a list given; allowed: an object"),
        ("{}", "executions: missing"),
        ('{"executions": {}}', "executions: a dict given; allowed: a list"),
        ('{"executions": [1]}', "executions[0]: 1 (int) given; allowed: an object"),
        ('{"executions": [{}]}', "executions[0].lifecycleExecutionId: missing"),
    ],
)
def test_a_file_without_executions_is_an_error(file: Path, text: str, message: str) -> None:
    check_error(file, text, message)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ('"exec": 1', "exec: unknown member"),
        ('"policies": [1]', "policies[0]: 1 (int) given; allowed: an object"),
        ('"policies": [{}, {"arm": ""}]', "policies[1].arm: unknown member; "),
        ('"accountId": 1', "accountId: 1 (int) given; allowed: a valid string"),
        ('"accountId": "\\ud800"', "not valid JSON: unexpected end of hex es"),
        ('"images": [{"state": 1}]', "images[0].state: 1 (int) given; allowed"),
        ('"pipelines": [{"nmae": ""}]', "pipelines[0].nmae: unknown member"),
        ('"pages": []', "pages: a list given; allowed: an object"),
        ('"pages": {"a": [1]}', "pages.a[0]: 1 (int) given; allowed: an object"),
        ('"pages": {"a": [{}]}', "pages: there is no operation 'a'"),
        ('"pages": {"ListImages": [{"x": 1}]}', "ListImages[0].x: unknown member; there are "),
        ('"strict": "off"', "strict: 'off' given; allowed: a valid boolean"),
    ],
)
def test_an_invalid_part_of_a_file_is_an_error(file: Path, member: str, message: str) -> None:
    check_error(file, f'{{"executions": [], {member}}}', message)


STATE = '"lifecycleExecutionState": {}'


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ('"resources": []', ".lifecycleExecutionState: missing"),
        (
            '"lifecycleExecutionState": "ok"',
            ".lifecycleExecutionState: 'ok' given; allowed: an obj",
        ),
        ('"lifecycleExecutionState": {"s": 1}', ".lifecycleExecutionState.s: unknown member"),
        (f'{STATE}, "resource": []', ".resource: unknown member"),
        (f'{STATE}, "resources": ["a"]', ".resources[0]: 'a' given; allowed: an object"),
        (
            f'{STATE}, "resources": [{{"resourceID": "x"}}]',
            ".resources[0].resourceID: unknown member; did you mean resourceId?",
        ),
        (f'{STATE}, "associated": {{"a": {{}}}}', ".associated.a: a dict given; allowed: a list"),
        (
            f'{STATE}, "associated": {{"a": [{{"region": 7}}]}}',
            ".associated['a'][0].region: 7 (int) given; allowed: a valid string",
        ),
        (f'{STATE}, "startTime": "5"', ".startTime: '5' given; allowed: a valid number"),
        (f'{STATE}, "startTime": NaN', ".startTime: nan (float) given; allowed: a finite number"),
    ],
)
def test_an_invalid_execution_of_a_file_is_an_error(file: Path, members: str, message: str) -> None:
    text = f'{{"executions": [{{"lifecycleExecutionId": "lce-1", {members}}}]}}'
    check_error(file, text, f"executions[0]{message}")


def test_two_executions_with_one_id_are_an_error(file: Path) -> None:
    execution = f'{{"lifecycleExecutionId": "lce-1", {STATE}}}'
    message = "executions[1].lifecycleExecutionId: lce-1 is there twice"
    check_error(file, f'{{"executions": [{execution}, {execution}]}}', message)


DOCUMENT = Path(__file__).parents[2] / "docs" / "local-service.md"


def test_the_example_of_the_document_is_served_as_it_says(file: Path) -> None:
    (text,) = re.findall(r"^```json\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    file.write_text(text)
    account = load_account(file)
    service = LocalImageBuilder(account)
    (policy,) = items(service, "ListLifecyclePolicies")
    (execution,) = items(service, "ListLifecycleExecutions", resourceArn=policy["arn"])
    listed = {"lifecycleExecutionId": execution["lifecycleExecutionId"]}
    (image,) = items(service, "ListLifecycleExecutionResources", **listed)
    (ami,) = items(
        service, "ListLifecycleExecutionResources", **listed, parentResourceId=image["resourceId"]
    )
    assert ami["resourceId"].startswith("ami-")
    assert [one["name"] for one in items(service, "ListImages")] == ["web"]
    (pipeline,) = items(service, "ListImagePipelines")
    assert items(service, "ListImagePipelineImages", imagePipelineArn=pipeline["arn"])
    assert len(items(service, "ListWorkflows")) == 3
    assert account.to_dict() == json.loads(text)


def test_the_document_has_every_part_of_an_account_and_the_message_of_a_mistake() -> None:
    text = DOCUMENT.read_text()
    for part in (Account, Execution):
        for member in dataclasses.fields(part):
            assert f"`{member.name}`" in text
    with pytest.raises(ValueError, match="nmae") as caught:
        Account(pages={"ListImages": [{"imageVersionList": [{"nmae": "web"}, {"name": 17}]}]})
    assert textwrap.indent(str(caught.value), "    ") in text


def test_a_file_that_is_not_strict_is_not_checked(file: Path) -> None:
    pages = {"ListImages": [{"nmae": 1}]}
    document = {"executions": [], "images": [{"nmae": 1}], "pages": pages, "strict": False}
    file.write_text(json.dumps(document))
    account = load_account(file)
    assert (account.images, account.pages) == (({"nmae": 1},), {"ListImages": ({"nmae": 1},)})
    file.write_text(json.dumps(account.to_dict()))
    assert load_account(file) == account
    assert "strict" not in Account().to_dict()


def test_a_file_that_is_not_text_or_missing_is_an_error(file: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"account\.json"):
        load_account(file)
    file.write_bytes(b'{"executions": "\xff"}')
    with pytest.raises(ValueError, match=r"account\.json: not UTF-8 text"):
        load_account(file)


# Pages.

WORKFLOWS: list[dict[str, Any]] = [
    {"workflowVersionList": [{"name": "a"}, {"name": "b"}, {"name": "c"}]},
    {"workflowVersionList": []},
    {"workflowVersionList": [{"name": "d"}], "nextToken": "the test's own"},
]


@pytest.mark.parametrize(
    ("limit", "lengths"),
    [({}, [3, 0, 1]), ({"maxResults": 1}, [1, 1, 1, 0, 1]), ({"maxResults": 2}, [2, 1, 0, 1])],
)
def test_given_pages_are_served_and_cut_where_a_smaller_page_is_requested(
    limit: dict[str, int], lengths: list[int]
) -> None:
    given: Any = (page for page in WORKFLOWS)  # any iterable
    service = LocalImageBuilder(Account(pages={"ListWorkflows": given}))
    listed = list(pages(service, "ListWorkflows", **limit))
    assert [len(part["workflowVersionList"]) for part in listed] == lengths
    found = [item["name"] for part in listed for item in part["workflowVersionList"]]
    assert found == list("abcd")
    assert ["nextToken" in part for part in listed] == [True] * (len(lengths) - 1) + [False]


def test_a_page_that_does_not_match_is_served_if_the_account_is_not_strict() -> None:
    given: Any = [{"workflowVersionList": 7, "x": 1}, {}]
    service = LocalImageBuilder(Account(pages={"ListWorkflows": given}, strict=False))
    first, second = pages(service, "ListWorkflows")
    assert (first["workflowVersionList"], first["x"], second) == (7, 1, {})


def test_given_pages_come_before_what_the_account_has() -> None:
    given: dict[str, Any] = {"ListImages": [{"imageVersionList": []}], "GetLifecyclePolicy": [{}]}
    service = LocalImageBuilder(Account(policies=ACCOUNT.policies, pages=given))
    assert page(service, "ListImages") == {"imageVersionList": []}
    assert page(service, "GetLifecyclePolicy", lifecyclePolicyArn=POLICY) == {}


def test_parameters_are_validated_for_given_pages_too() -> None:
    service = LocalImageBuilder(Account(pages={"ListWorkflows": WORKFLOWS}))
    assert error(call(service, "ListWorkflows", maxResults=101))[0] == 400
    invalid = error(call(service, "ListWorkflows", nextToken="made-up"))
    assert invalid[1] == "InvalidPaginationTokenException"


def test_an_operation_without_data_says_how_to_give_it_pages() -> None:
    status, code, message = error(call(LocalImageBuilder(Account()), "ListWorkflows"))
    assert (status, code) == (404, "UnknownOperationException")
    assert message == "The account has nothing for ListWorkflows: Account(pages={...}) gives it."


EMPTY: dict[str, Any] = {"workflowVersionList": []}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ListThings": [{}]}, "pages: there is no operation 'ListThings'; there are Get"),
        ({"ListWorkflows": []}, r"pages\['ListWorkflows'\] has 0 pages, not 1 or more"),
        ({"GetLifecyclePolicy": [{}, {}]}, r"pages\['GetLifecyclePolicy'\] has 2 pages, not 1$"),
        ({"ListWorkflows": [EMPTY, {}]}, r"ListWorkflows\[1\] .* \{'workflowVersionList': \[\]\}"),
        (
            {"ListWorkflows": [{"workflowVersionList": None}]},
            r"ListWorkflows\[0\] has no workflowVersionList; an empty page is",
        ),
    ],
)
def test_pages_that_cannot_be_served_are_an_error(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Account(pages=given)


NOON = dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)
DATES = [
    NOON,
    NOON.replace(tzinfo=None),
    NOON.astimezone(dt.timezone(dt.timedelta(hours=9))),
    NOON.timestamp(),
    NOON.isoformat(),
]


@pytest.mark.parametrize("strict", [True, False])
def test_datetimes_are_taken_in_pages(strict: bool) -> None:
    """Aware, without a zone for UTC, in epoch seconds or ISO 8601."""
    policies = [{"arn": "a", "dateLastRun": date} for date in DATES]
    builds = tuple({"arn": "a", "deprecationTime": date} for date in DATES)
    given = {"ListLifecyclePolicies": [{"lifecyclePolicySummaryList": policies}]}
    service = LocalImageBuilder(Account(pages=given, images=builds, strict=strict))
    sent = [one["dateLastRun"] for one in items(service, "ListLifecyclePolicies")]
    assert sent == [NOON.timestamp()] * 4 + [NOON.isoformat()]
    assert [one["deprecationTime"] for one in items(service, "ListImageBuildVersions")] == sent


def test_datetimes_are_written_in_the_form_of_an_account_file(file: Path) -> None:
    resource = {"resourceId": "ami-1", "startTime": NOON}
    execution = Execution(
        "lce-1", {"status": "SUCCESS"}, (resource,), {"arn": ({"endTime": NOON},)}, start_time=1
    )
    account = Account((execution,), policies=({"arn": "p", "dateLastRun": NOON},))
    file.write_text(json.dumps(account.to_dict()))
    loaded = load_account(file)
    assert loaded.policies == ({"arn": "p", "dateLastRun": NOON.timestamp()},)
    assert loaded.executions[0].resources[0]["startTime"] == NOON.timestamp()
    assert loaded.executions[0].children_by_parent["arn"] == ({"endTime": NOON.timestamp()},)


def test_a_page_that_a_client_has_returned_is_a_page() -> None:
    """Recorded with boto3 or with this library, as an object or as a dictionary."""
    key = "lifecyclePolicySummaryList"
    given: dict[str, Any] = {
        key: [{"arn": "a", "status": "ENABLED", "dateLastRun": NOON}, {"name": "b"}]
    }
    service = LocalImageBuilder(Account(pages={"ListLifecyclePolicies": [given] * 2}))
    with LocalServer(service) as server:
        options: Any = {"endpoint_url": server.url, **LOCAL_CREDENTIALS}
        with ImageBuilder("us-west-2", **options) as client:
            ours = next(iter(client.get_paginator("list_lifecycle_policies").paginate()))
        boto3_client = boto3.client("imagebuilder", region_name="us-west-2", **options)
        theirs = boto3_client.list_lifecycle_policies()
    assert ours["NextToken"]
    served = {key: [given[key][0] | {"dateLastRun": NOON.timestamp()}, {"name": "b"}]}
    for recorded in (ours, ours.to_dict(), theirs):
        assert "ResponseMetadata" in recorded
        account = Account(pages={"ListLifecyclePolicies": [recorded]})
        assert page(LocalImageBuilder(account), "ListLifecyclePolicies") == served


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ({"nmae": "x"}, ".nmae: unknown member; did you mean name?"),
        ({"date_created": NOON}, ".date_created: unknown member; did you mean dateCreated?"),
        ({"weight": 1}, ".weight: unknown member; there are arn, name, "),
        ({"name": 17}, ".name: 17 (int) given; allowed: a valid string"),
        ({"name": NOON}, ".name: a datetime given; allowed: a valid string"),
        ("x", ": 'x' given; allowed: an object"),
    ],
)
def test_an_item_that_does_not_match_is_an_error_with_its_path(image: Any, message: str) -> None:
    check_page(
        "ListImages", {"imageVersionList": [{}, {}, image]}, f".imageVersionList[2]{message}"
    )


@pytest.mark.parametrize(
    ("operation", "given", "message"),
    [
        ("ListImages", {"imageVersions": []}, ".imageVersions: unknown member; did"),
        ("ListImages", {"imageVersionList": {}}, ".imageVersionList: a dict given; allowed: a"),
        (
            "ListLifecyclePolicies",
            {"lifecyclePolicySummaryList": [{"dateLastRun": "noon"}]},
            ".lifecyclePolicySummaryList[0].dateLastRun: 'noon' given; allowed: a timestamp",
        ),
        (
            "GetLifecyclePolicy",
            {"lifecyclePolicy": {"tags": {"a": 1}}},
            ".lifecyclePolicy.tags['a']: 1 (int) given; allowed: a valid str",
        ),
        (
            "GetLifecyclePolicy",
            {"lifecyclePolicy": {"policyDetails": [{"filter": {"value": "5"}}]}},
            ".lifecyclePolicy.policyDetails[0].filter.value: '5' given; allowed: a valid integer",
        ),
    ],
)
def test_a_page_that_does_not_match_is_an_error_with_its_path(
    operation: str, given: dict[str, Any], message: str
) -> None:
    check_page(operation, given, message)


def check_page(operation: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"given|unknown member") as caught:
        Account(pages={operation: [given]})
    assert str(caught.value).startswith(f"{operation}[0]{message}")
    assert str(caught.value).endswith("\n  If strict is false, nothing is checked.")
    assert Account(pages={operation: [given]}, strict=False).pages.keys() == {operation}


def test_an_error_has_ten_problems_and_the_number_of_more() -> None:
    given = [{"imageVersionList": [{"name": number} for number in range(13)]}]
    with pytest.raises(ValueError, match=r"and 3 more") as caught:
        Account(pages={"ListImages": given})
    assert str(caught.value).count("given; allowed") == 10


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("value", [b"bytes", {1, 2}, dt.date(2026, 3, 2)])
def test_a_value_that_json_does_not_have_is_an_error(value: object, strict: bool) -> None:
    given: Any = [{"imageVersionList": []}, {"imageVersionList": [{"arn": value}]}]
    with pytest.raises(ValueError, match=r"^ListImages\[1\]"):
        Account(pages={"ListImages": given}, strict=strict)


def test_an_unknown_enum_value_and_null_are_valid() -> None:
    """AWS adds values, and a null member is an absent one."""
    given = {"imageVersionList": [{"type": "NEW", "name": None}, None]}
    service = LocalImageBuilder(Account(pages={"ListImages": [given]}))
    assert page(service, "ListImages") == given


def test_an_account_without_pages_loads_no_models() -> None:
    program = (
        "import sys; from imagebuilder_pager.local import Account, generate_account;"
        "Account(images=({'arn': 'a'},)); generate_account(); assert 'pydantic' not in sys.modules;"
        "Account(pages={'ListImages': [{'imageVersionList': []}]});"
        "assert 'pydantic' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


def test_a_build_may_lack_any_member() -> None:
    """A test can give the service any resource."""
    account = Account((Execution("lce-1", {}),), policies=({},), images=({},), pipelines=({},))
    service = LocalImageBuilder(account)
    assert items(service, "ListLifecyclePolicies") == [{}]
    assert items(service, "ListImageBuildVersions") == [{}]
    assert items(service, "ListImagePipelines") == [{}]
    assert len(items(service, "ListImages")) == len(items(service, "ListImages", byName=True)) == 1
