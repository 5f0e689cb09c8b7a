"""Every operation that the local service has data for."""

from typing import Any

import httpx
import pytest

from imagebuilder_pager.local import Execution, LocalImageBuilder
from imagebuilder_pager.local.sources import SOURCES
from tests.fakes.accounts import signed_request
from tests.fakes.local_operations import (
    ACCOUNT,
    BY_NAME,
    PIPELINE,
    POLICY,
    REQUIRED,
    UNKNOWN_EXECUTION,
    call,
    error,
    items,
    page,
    pages,
)

PREFIX = POLICY.partition(":lifecycle-policy/")[0]
LISTINGS = [name for name in SOURCES if BY_NAME[name].result_key]
#: The items of the listings that have those of the account.
ITEMS = {
    "ListLifecycleExecutionResources": list(ACCOUNT.executions[0].resources),
    "ListImageBuildVersions": [b for b in ACCOUNT.images if b["owner"] == ACCOUNT.account_id],
    "ListImagePipelines": list(ACCOUNT.pipelines),
}


@pytest.fixture(scope="module")
def service() -> LocalImageBuilder:
    return LocalImageBuilder(ACCOUNT)


# Every operation.


@pytest.mark.parametrize("name", SOURCES)
def test_a_request_without_a_signature_or_of_another_method_is_an_error(
    service: LocalImageBuilder, name: str
) -> None:
    method = BY_NAME[name].http_method
    other = "POST" if method == "GET" else "GET"
    for sent, expected in (
        (method, (403, "MissingAuthenticationTokenException")),
        (other, (404, "UnknownOperationException")),
    ):
        response = service(httpx.Request(sent, f"http://imagebuilder.test/{name}"))
        assert error(response)[:2] == expected


@pytest.mark.parametrize("name", [name for name, params in REQUIRED.items() if params])
def test_a_missing_parameter_is_an_error(service: LocalImageBuilder, name: str) -> None:
    (parameter,) = REQUIRED[name]
    assert error(call(service, name)) == (
        400,
        "InvalidRequestException",
        f"1 validation error detected: Value null at '{parameter}' failed to satisfy constraint: "
        "Member must not be null",
    )


@pytest.mark.parametrize("name", LISTINGS)
@pytest.mark.parametrize("size", [None, 2, 7, 25, 100])
def test_pages_of_any_size_have_the_same_items(
    service: LocalImageBuilder, name: str, size: int | None
) -> None:
    key = BY_NAME[name].result_key or ""
    limit = {} if size is None else {"maxResults": size}
    listed = list(pages(service, name, **REQUIRED[name], **limit))
    lengths = [len(members[key]) for members in listed]
    assert lengths[:-1] == [size or 25] * (len(lengths) - 1)
    assert 1 <= lengths[-1] <= (size or 25)
    found = [item for members in listed for item in members[key]]
    assert found == ITEMS.get(name, items(service, name, **REQUIRED[name]))


@pytest.mark.parametrize("name", LISTINGS)
def test_a_token_is_of_one_operation(service: LocalImageBuilder, name: str) -> None:
    token = page(service, name, **REQUIRED[name], maxResults=1)["nextToken"]
    for other in LISTINGS:
        response = call(service, other, **REQUIRED[other], nextToken=token)
        if other == name:
            assert response.status_code == 200
        else:
            assert error(response)[:2] == (400, "InvalidPaginationTokenException")


def test_a_token_is_of_its_filters(service: LocalImageBuilder) -> None:
    linux = {"filters": [{"name": "platform", "values": ["Linux"]}]}
    token = page(service, "ListImages", **linux)["nextToken"]
    assert page(service, "ListImages", **linux, nextToken=token)
    for other in ({}, {**linux, "owner": "Self"}):
        response = call(service, "ListImages", **other, nextToken=token)
        assert error(response)[:2] == (400, "InvalidPaginationTokenException")


@pytest.mark.parametrize("name", [n for n in SOURCES if SOURCES[n].filters])
def test_filters_pass_the_items_that_have_one_of_the_values(
    service: LocalImageBuilder, name: str
) -> None:
    everything = items(service, name, **REQUIRED[name])
    for field in SOURCES[name].filters:
        values = list(dict.fromkeys(str(item[field]) for item in everything if field in item))[:2]
        assert values, field
        filters = [{"name": field, "values": values}]
        found = items(service, name, **REQUIRED[name], filters=filters)
        assert found == [item for item in everything if str(item.get(field)) in values]
        # All filters have to pass.
        filters.append({"name": field, "values": ["-"]})
        assert items(service, name, **REQUIRED[name], filters=filters) == []


@pytest.mark.parametrize("name", [n for n in SOURCES if SOURCES[n].filters])
@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ([{"name": "colour", "values": ["red"]}], "The filter 'colour' is not valid here"),
        ([{"name": "name"}], "A filter has to have a name and values."),
        ([{"values": ["x"]}], "A filter has to have a name and values."),
        ([], "at 'filters' failed to satisfy constraint: Member must have length greater"),
        ([{"name": "a1", "values": ["x"]}], "at 'filters.1.member.name' failed"),
        ([{"name": "a", "values": ["x", "%"]}], "at 'filters.1.member.values.2.member' failed"),
        ([{"name": "a", "values": []}], "at 'filters.1.member.values' failed"),
        (["name=a"], "at 'filters.1.member' failed to satisfy constraint: Member must be an obj"),
        ({"name": "a"}, "at 'filters' failed to satisfy constraint: Member must be a list"),
    ],
)
def test_an_invalid_filter_is_an_error(
    service: LocalImageBuilder, name: str, filters: Any, message: str
) -> None:
    status, code, text = error(call(service, name, **REQUIRED[name], filters=filters))
    assert (status, code) == (400, "InvalidRequestException")
    assert message in text


@pytest.mark.parametrize(
    ("name", "missing", "status", "kind"),
    [
        ("GetLifecycleExecution", UNKNOWN_EXECUTION, 400, "lifecycle execution"),
        ("GetLifecyclePolicy", f"{POLICY}-2", 400, "lifecycle policy"),
        ("ListLifecycleExecutions", f"{POLICY}-2", 400, "lifecycle policy"),
        ("ListLifecycleExecutionResources", UNKNOWN_EXECUTION, 400, "lifecycle execution"),
        ("ListImagePipelineImages", f"{PIPELINE}-2", 404, "image pipeline"),
    ],
)
def test_a_missing_resource_is_the_error_that_the_service_model_has(
    service: LocalImageBuilder, name: str, missing: str, status: int, kind: str
) -> None:
    code = {400: "InvalidRequestException", 404: "ResourceNotFoundException"}[status]
    (parameter,) = REQUIRED[name]
    got = error(call(service, name, **{parameter: missing}, nextToken="made-up"))
    assert got == (status, code, f"The {kind} '{missing}' does not exist.")
    assert code in BY_NAME[name].errors


# The lifecycle family.


def test_a_listing_of_policies_has_no_rules_and_a_policy_has_them(
    service: LocalImageBuilder,
) -> None:
    summaries = items(service, "ListLifecyclePolicies")
    assert [summary["arn"] for summary in summaries] == [p["arn"] for p in ACCOUNT.policies]
    for summary, policy in zip(summaries, ACCOUNT.policies, strict=True):
        got = page(service, "GetLifecyclePolicy", lifecyclePolicyArn=policy["arn"])
        assert got == {"lifecyclePolicy": policy}
        rest = {name: policy[name] for name in policy if name not in summary}
        assert rest.keys() == {"policyDetails", "resourceSelection"}
        assert {**summary, **rest} == policy


def test_a_policy_lists_its_executions_and_each_can_be_read(service: LocalImageBuilder) -> None:
    listed = []
    for policy in ACCOUNT.policies:
        for summary in items(service, "ListLifecycleExecutions", resourceArn=policy["arn"]):
            assert summary["lifecyclePolicyArn"] == policy["arn"]
            execution_id = summary["lifecycleExecutionId"]
            got = page(service, "GetLifecycleExecution", lifecycleExecutionId=execution_id)
            assert got == {"lifecycleExecution": summary}
            listed.append(execution_id)
    of_policies = [e for e in ACCOUNT.executions if e.lifecycle_policy_arn]
    assert sorted(listed) == sorted(e.lifecycle_execution_id for e in of_policies)


def test_an_execution_has_its_state_its_times_and_what_it_impacted(
    service: LocalImageBuilder,
) -> None:
    first, *_, empty = ACCOUNT.executions[:7]

    def get(execution: Execution) -> Any:
        params = {"lifecycleExecutionId": execution.lifecycle_execution_id}
        return page(service, "GetLifecycleExecution", **params)["lifecycleExecution"]

    assert get(first) == {
        "lifecycleExecutionId": first.lifecycle_execution_id,
        "lifecyclePolicyArn": first.lifecycle_policy_arn,
        "resourcesImpactedSummary": {"hasImpactedResources": True},
        "state": first.lifecycle_execution_state,
        "startTime": first.start_time,
    }
    assert get(empty)["resourcesImpactedSummary"] == {"hasImpactedResources": False}


def test_an_image_lists_the_executions_that_changed_it_without_a_policy(
    service: LocalImageBuilder,
) -> None:
    alone = [e for e in ACCOUNT.executions if e.lifecycle_policy_arn is None]
    assert alone
    for execution in alone:
        arn = execution.resources[0]["resourceId"]
        (found,) = items(service, "ListLifecycleExecutions", resourceArn=arn)
        assert found["lifecycleExecutionId"] == execution.lifecycle_execution_id
        assert "lifecyclePolicyArn" not in found
    of_a_policy = ACCOUNT.executions[0].resources[0]["resourceId"]
    assert items(service, "ListLifecycleExecutions", resourceArn=of_a_policy) == []


@pytest.mark.parametrize("resource", ["image/web-base/1.0.0", "image-pipeline/web-base", "image/a"])
def test_other_resources_have_no_executions_to_list(
    service: LocalImageBuilder, resource: str
) -> None:
    response = call(service, "ListLifecycleExecutions", resourceArn=f"{PREFIX}:{resource}")
    status, code, message = error(response)
    assert (status, code) == (400, "InvalidRequestException")
    assert "neither a lifecycle policy nor an image build version" in message


def test_a_query_is_read_as_it_was_percent_encoded(service: LocalImageBuilder) -> None:
    url = "http://imagebuilder.test/GetLifecyclePolicy?lifecyclePolicyArn="
    encoded = POLICY.replace(":", "%3A").replace("/", "%2F")
    for query in (encoded, f"{encoded}&other=1"):
        response = service(signed_request(b"", url=url + query, method="GET"))
        assert response.json()["lifecyclePolicy"]["arn"] == POLICY
    response = service(signed_request(b"", url=f"{url}%FF", method="GET"))
    assert error(response)[:2] == (400, "SerializationException")
    response = service(signed_request(b"", url=url, method="GET"))
    assert "at 'lifecyclePolicyArn' failed to satisfy constraint" in error(response)[2]


# Images and pipelines.


def test_images_are_the_versions_of_the_builds(service: LocalImageBuilder) -> None:
    versions = items(service, "ListImages")
    builds = items(service, "ListImageBuildVersions")
    assert {v["arn"] for v in versions} == {b["arn"].rpartition("/")[0] for b in builds}
    assert len({v["arn"] for v in versions}) == len(versions)
    for version in versions[::20]:
        own = items(service, "ListImageBuildVersions", imageVersionArn=version["arn"])
        assert own == [b for b in builds if b["arn"].startswith(f"{version['arn']}/")]
        assert all(b["version"].startswith(f"{version['version']}/") for b in own)
    assert items(service, "ListImageBuildVersions", imageVersionArn=f"{PREFIX}:image/a/1.0.0") == []


def test_a_build_is_found_by_the_version_of_its_image(service: LocalImageBuilder) -> None:
    build = items(service, "ListImageBuildVersions")[0]
    for version in (build["version"], build["version"].partition("/")[0]):
        filters = [{"name": "version", "values": [version]}]
        assert build in items(service, "ListImageBuildVersions", filters=filters)


def test_images_by_owner(service: LocalImageBuilder) -> None:
    own = items(service, "ListImages", owner="Self")
    assert own == items(service, "ListImages")
    assert {image["owner"] for image in own} == {ACCOUNT.account_id}
    (shared,) = items(service, "ListImages", owner="Shared")
    assert shared["owner"] == "111122223333"
    amazons = items(service, "ListImages", owner="Amazon")
    assert {image["owner"] for image in amazons} == {"Amazon"}
    everything = items(service, "ListImages", owner="Amazon", includeDeprecated=True)
    assert [image for image in everything if image in amazons] == amazons
    assert len(everything) == len(amazons) + 1
    assert items(service, "ListImages", owner="ThirdParty") == []
    message = error(call(service, "ListImages", owner="self"))[2]
    assert message.endswith(
        "Member must satisfy enum value set: [Self, Shared, Amazon, ThirdParty, AWSMarketplace]"
    )


def test_images_by_name_are_one_for_each_name(service: LocalImageBuilder) -> None:
    by_name = items(service, "ListImages", byName=True)
    names = {image["name"] for image in items(service, "ListImages")}
    assert [image["name"] for image in by_name] == sorted(names)
    assert {image["arn"].rpartition("/")[2] for image in by_name} == {"x.x.x"}
    filters = [{"name": "version", "values": ["1.0.0"]}]
    message = error(call(service, "ListImages", byName=True, filters=filters))[2]
    assert message == "byName cannot be combined with the filter 'version'."
    assert error(call(service, "ListImages", byName="yes"))[2].endswith("Member must be a boolean")


def test_a_pipeline_lists_what_it_has_built(service: LocalImageBuilder) -> None:
    for pipeline in items(service, "ListImagePipelines"):
        built = items(service, "ListImagePipelineImages", imagePipelineArn=pipeline["arn"])
        assert {build["name"] for build in built} == {pipeline["name"]}
        assert built[-1]["dateCreated"] == pipeline["dateLastRun"]
        assert built[-1]["state"]["status"] == pipeline["lastRunStatus"]


def test_the_request_id_is_a_member_where_the_service_model_has_it(
    service: LocalImageBuilder,
) -> None:
    for name in SOURCES:
        response = call(service, name, **REQUIRED[name])
        members = response.json()
        has_it = "requestId" in BY_NAME[name].response.wire_names()
        expected = response.headers["x-amzn-RequestId"] if has_it else None
        assert members.get("requestId") == expected
