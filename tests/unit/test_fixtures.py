"""The fixtures of the project, compared with their README."""

import functools
import itertools
import json
import re
import runpy
from datetime import datetime
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.model

from imagebuilder_pager.local import EXAMPLE_EXECUTION_ID, Account

FIXTURES = Path(__file__).parents[2] / "fixtures"
PAGES = sorted((FIXTURES / "pages").glob("*.json"))
RESOURCE_STATUSES = {"FAILED", "IN_PROGRESS", "SKIPPED", "SUCCESS"}
ACTIONS = {"AVAILABLE", "DELETE", "DEPRECATE", "DISABLE"}


@functools.cache
def service_model() -> Any:
    loader = botocore.loaders.Loader()
    return botocore.model.ServiceModel(loader.load_service_model("imagebuilder", "service-2"))


def resources_of(account: Account) -> list[dict[str, Any]]:
    """Return the images of all executions, and what was made from them."""
    lists = [
        resources
        for execution in account.executions
        for resources in (execution.resources, *execution.children_by_parent.values())
    ]
    return [dict(resource) for resources in lists for resource in resources]


def test_the_committed_account_is_what_the_script_builds(account: Account) -> None:
    script = runpy.run_path(str(FIXTURES / "build.py"))
    built = script["build_account"]()
    assert built == account
    committed = (FIXTURES / "account.json").read_text(encoding="utf-8")
    assert script["render"](built) == committed


def test_the_account_has_every_state_and_the_sizes_in_the_readme(account: Account) -> None:
    readme = (FIXTURES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(lce-\S+)` \| (\w+) \| [^|]+ \| (\d+) \|", readme, re.MULTILINE)
    assert rows == [
        (e.lifecycle_execution_id, e.lifecycle_execution_state["status"], str(len(e.resources)))
        for e in account.executions[: len(rows)]
    ]
    statuses = {e.lifecycle_execution_state["status"] for e in account.executions[: len(rows)]}
    shape = service_model().shape_for("LifecycleExecutionStatus")
    assert statuses == set(shape.enum)


def test_the_large_execution_has_every_action_and_status(account: Account) -> None:
    large = account.executions[0]
    assert large.lifecycle_execution_id == EXAMPLE_EXECUTION_ID
    assert len(large.resources) > 150
    assert {r["state"]["status"] for r in large.resources} == RESOURCE_STATUSES
    assert {r["action"]["name"] for r in large.resources} == ACTIONS
    assert len({r["region"] for r in large.resources}) > 4
    assert len({r["accountId"] for r in large.resources}) == 4
    assert {type(r["startTime"]) for r in large.resources} == {int, float}


def test_every_page_of_the_account_is_valid_by_the_service_model(account: Account) -> None:
    """Members, types and enum values are those of the service model."""
    for name, resources in (
        ("LifecyclePolicy", account.policies),
        ("ImageSummary", account.images),
        ("ImagePipeline", account.pipelines),
        ("LifecycleExecutionResource", resources_of(account)),
    ):
        for resource in resources:
            check(resource, service_model().shape_for(name))


def check(value: Any, shape: Any) -> None:
    if shape.type_name == "structure":
        for name, member in value.items():
            check(member, shape.members[name])
    elif shape.type_name == "list":
        for item in value:
            check(item, shape.member)
    elif shape.type_name == "map":
        assert all(isinstance(text, str) for pair in value.items() for text in pair)
    else:
        types: dict[str, Any] = {
            "string": str,
            "boolean": bool,
            "integer": int,
            "timestamp": (int, float),
        }
        assert isinstance(value, types[shape.type_name])
        assert value in (getattr(shape, "enum", []) or [value])
        pattern = shape.metadata.get("pattern")
        assert pattern is None or re.search(pattern, value), (shape.name, value)


def test_states_have_reasons_and_end_times_where_they_apply(account: Account) -> None:
    for resource in resources_of(account):
        status = resource["state"]["status"]
        assert ("reason" in resource["state"]) == (status in ("FAILED", "SKIPPED"))
        assert ("endTime" in resource) == (status != "IN_PROGRESS")
        assert resource.get("endTime", 2e9) > resource["startTime"]


def test_ids_have_the_form_of_real_ones(account: Account) -> None:
    account_id = r"\d{12}"
    arn = rf"arn:aws:imagebuilder:[a-z0-9-]+:{account_id}:image/[a-z-]+/\d+\.\d+\.\d+/\d+"
    ecr = rf"{account_id}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/[a-z/-]+"
    snapshots = []
    for execution in account.executions:
        for image in execution.resources:
            assert re.fullmatch(arn, image["resourceId"])
            assert f":{image['region']}:{image['accountId']}:" in image["resourceId"]
            assert execution.children_by_parent[image["resourceId"]]
        are_amis = execution.lifecycle_policy_arn != account.policies[1]["arn"]
        form = r"ami-0[0-9a-f]{16}" if are_amis else rf"{ecr}@sha256:[0-9a-f]{{64}}"
        for child in itertools.chain(*execution.children_by_parent.values()):
            assert re.fullmatch(form, child["resourceId"])
            assert ("imageUris" in child) != are_amis
            assert all(re.fullmatch(rf"{ecr}:[\d.-]+", uri) for uri in child.get("imageUris", ()))
            snapshots.append(child.get("snapshots", ()))
    for execution in account.executions[:6]:
        assert len(execution.children_by_parent[execution.resources[0]["resourceId"]]) == 30
    ids = [snapshot["snapshotId"] for made in snapshots for snapshot in made]
    assert all(re.fullmatch(r"snap-0[0-9a-f]{16}", one) for one in ids)
    assert {len(made) for made in snapshots} == {0, 1, 2, 3}
    assert any(len({one["state"]["status"] for one in made}) > 1 for made in snapshots)


def seconds(date: str) -> float:
    return datetime.fromisoformat(date).timestamp()


def test_the_history_is_of_two_years_and_has_what_the_readme_counts(account: Account) -> None:
    readme = " ".join((FIXTURES / "README.md").read_text(encoding="utf-8").split())
    executions = account.executions[7:]
    assert f" {len(executions)} executions" in readme
    assert f" {len(account.images)} builds" in readme
    assert f" {len(account.pipelines)} pipelines" in readme
    names = {image["name"] for image in account.images}
    assert {pipeline["name"] for pipeline in account.pipelines} <= names
    times = [execution.start_time or 0 for execution in executions]
    assert times == sorted(times, reverse=True)
    created = [seconds(image["dateCreated"]) for image in account.images]
    two_years = 2 * 365 * 86400
    end = account.executions[0].start_time or 0
    assert abs(end - min(created) - two_years) < 7 * 86400
    statuses = {execution.lifecycle_execution_state["status"] for execution in executions}
    assert statuses == {"SUCCESS", "FAILED", "CANCELLED"}
    states = {image["state"]["status"] for image in account.images}
    assert states >= {"AVAILABLE", "BUILDING", "FAILED", "CANCELLED", "DEPRECATED", "DISABLED"}


def test_executions_fit_their_policies_and_their_images(account: Account) -> None:
    policies = {policy["arn"]: policy for policy in account.policies}
    created = {image["arn"]: seconds(image["dateCreated"]) for image in account.images}
    ages = {"DEPRECATE": 90, "DISABLE": 180, "DELETE": 300}
    acted_on = 0
    for number, execution in enumerate(account.executions):
        start = execution.start_time or 0
        if policy := policies.get(execution.lifecycle_policy_arn or ""):
            assert policy["dateCreated"] < start <= policy["dateLastRun"]
        for image in execution.resources if policy and number >= 7 else ():
            if image["resourceId"] in created:
                age = start - created[image["resourceId"]]
                assert age >= ages[image["action"]["name"]] * 86400
                acted_on += 1
    assert acted_on > 50
    assert sum("dateLastRun" not in policy for policy in account.policies) == 1


def test_an_image_is_in_the_state_that_its_last_execution_left(account: Account) -> None:
    last: dict[str, tuple[str, str]] = {}
    for execution in sorted(account.executions, key=lambda execution: execution.start_time or 0):
        for resource in execution.resources:
            if resource["state"]["status"] == "SUCCESS":
                action = resource["action"]["name"]
                last[resource["resourceId"]] = (execution.lifecycle_execution_id, action)
    states = {"AVAILABLE": "AVAILABLE", "DEPRECATE": "DEPRECATED", "DISABLE": "DISABLED"}
    home = {arn: left for arn, left in last.items() if f":us-west-2:{account.account_id}:" in arn}
    kept = {arn: left for arn, left in home.items() if left[1] != "DELETE"}
    expected = {arn: (execution, states[action]) for arn, (execution, action) in kept.items()}
    assert len(home) - 50 > len(expected) > 50
    assert expected == {
        image["arn"]: (image["lifecycleExecutionId"], image["state"]["status"])
        for image in account.images
        if "lifecycleExecutionId" in image
    }
    # Deleted images are gone, and those of other regions and accounts are not the account's.
    assert not (last.keys() - expected.keys()) & {image["arn"] for image in account.images}


def test_an_images_outputs_are_what_the_executions_name(account: Account) -> None:
    outputs = {}
    for image in account.images:
        made = image.get("outputResources", {})
        outputs[image["arn"]] = {ami["image"] for ami in made.get("amis", ())} | {
            uri for container in made.get("containers", ()) for uri in container["imageUris"]
        }
    for execution in account.executions[7:]:
        for arn, children in execution.children_by_parent.items():
            for child in children if arn in outputs else ():
                assert {child["resourceId"], *child.get("imageUris", ())} & outputs[arn]


def test_the_readme_lists_every_page() -> None:
    readme = (FIXTURES / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+\.json)`", readme, re.MULTILINE)) == {p.name for p in PAGES}


def test_each_page_shows_what_its_file_name_says() -> None:
    pages = {path.stem: json.loads(path.read_bytes()) for path in PAGES}
    assert pages["absent-members"] == {}
    assert set(pages["null-members"].values()) == {None}
    assert set(pages["null-inner-members"]["resources"][0].values()) == {None}
    assert "resources" not in pages["absent-list"]
    assert "resources" not in pages["absent-list-with-token"]
    assert pages["empty-page-with-token"]["resources"] == []
    assert pages["absent-list-with-token"]["nextToken"]
    assert pages["empty-page-with-token"]["nextToken"]
    assert "nextToken" not in pages["empty-page"].keys() | pages["last-page"].keys()
    assert pages["empty-token"]["nextToken"] == ""
    states = [s["state"]["status"] for s in pages["ami-snapshots"]["resources"][0]["snapshots"]]
    assert sorted(states) == sorted(RESOURCE_STATUSES)
    shape = service_model().shape_for("LifecycleExecutionResource")
    assert set(pages["null-inner-members"]["resources"][0]) == set(shape.members)
    assert pages["unknown-values"]["lifecycleExecutionState"]["status"] == "PAUSED"
    resource = pages["unknown-members"]["resources"][0]
    assert resource.keys() - shape.members.keys() == {"tags"}
