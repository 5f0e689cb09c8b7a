"""The local service's data: generating it, and loading it from a file."""

import dataclasses
import json
import re
import textwrap
from pathlib import Path

import pytest

from imagebuilder_pager.local import (
    EXAMPLE_EXECUTION_ID,
    Account,
    Execution,
    LocalImageBuilder,
    generate_account,
    load_account,
)
from tests.fakes.local_operations import items


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
