"""The local service with pages that a test gives it, for any operation."""

from typing import Any

import pytest

from imagebuilder_pager.local import Account, Execution, LocalImageBuilder
from tests.fakes.local_operations import ACCOUNT, POLICY, call, error, items, page, pages

WORKFLOWS: list[dict[str, Any]] = [
    {"workflowVersionList": [{"name": "a"}, {"name": "b"}, {"name": "c"}]},
    {"workflowVersionList": []},
    {"workflowVersionList": [{"name": "d"}], "nextToken": "the test's own", "unknown": 1},
]


def test_pages_that_a_test_gives_are_served_as_they_are() -> None:
    service = LocalImageBuilder(Account(pages={"ListWorkflows": WORKFLOWS}))
    listed = list(pages(service, "ListWorkflows"))
    without_tokens = [{k: v for k, v in p.items() if k != "nextToken"} for p in listed]
    assert without_tokens == [{k: v for k, v in p.items() if k != "nextToken"} for p in WORKFLOWS]
    assert ["nextToken" in p for p in listed] == [True, True, False]


@pytest.mark.parametrize(("size", "lengths"), [(1, [1, 1, 1, 0, 1]), (2, [2, 1, 0, 1])])
def test_given_pages_are_cut_where_a_smaller_page_is_requested(
    size: int, lengths: list[int]
) -> None:
    service = LocalImageBuilder(Account(pages={"ListWorkflows": WORKFLOWS}))
    listed = [p["workflowVersionList"] for p in pages(service, "ListWorkflows", maxResults=size)]
    assert [len(part) for part in listed] == lengths
    assert [item["name"] for part in listed for item in part] == list("abcd")


def test_the_same_page_given_twice_comes_twice() -> None:
    service = LocalImageBuilder(Account(pages={"ListWorkflows": [WORKFLOWS[0]] * 2}))
    assert len(items(service, "ListWorkflows")) == 6


def test_a_given_page_without_a_list_is_served() -> None:
    service = LocalImageBuilder(Account(pages={"ListWorkflows": [{"workflowVersionList": 7}, {}]}))
    first, second = pages(service, "ListWorkflows")
    assert (first["workflowVersionList"], second) == (7, {})


def test_given_pages_come_before_what_the_account_has() -> None:
    given: dict[str, Any] = {"ListImages": [{"imageVersionList": []}], "GetLifecyclePolicy": [{}]}
    service = LocalImageBuilder(Account(policies=ACCOUNT.policies, pages=given))
    assert page(service, "ListImages") == {"imageVersionList": []}
    assert page(service, "GetLifecyclePolicy", lifecyclePolicyArn=POLICY) == {}


def test_parameters_are_validated_for_given_pages_too() -> None:
    service = LocalImageBuilder(Account(pages={"ListWorkflows": WORKFLOWS}))
    assert error(call(service, "ListWorkflows", maxResults=101))[0] == 400
    assert error(call(service, "ListWorkflows", nextToken="made-up"))[1] == (
        "InvalidPaginationTokenException"
    )


def test_an_operation_without_data_says_how_to_give_it_pages() -> None:
    status, code, message = error(call(LocalImageBuilder(Account()), "ListWorkflows"))
    assert (status, code) == (404, "UnknownOperationException")
    assert message == "The account has nothing for ListWorkflows: Account(pages={...}) gives it."


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ListThings": [{}]}, "pages: there is no operation 'ListThings'; there are Get"),
        ({"ListWorkflows": []}, r"pages\['ListWorkflows'\] has 0 pages, not 1 or more"),
        ({"GetLifecyclePolicy": [{}, {}]}, r"pages\['GetLifecyclePolicy'\] has 2 pages, not 1$"),
    ],
)
def test_pages_that_cannot_be_served_are_an_error(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Account(pages=given)


def test_a_build_may_lack_any_member() -> None:
    """A test can give the service any resource."""
    account = Account((Execution("lce-1", {}),), policies=({},), images=({},), pipelines=({},))
    service = LocalImageBuilder(account)
    assert items(service, "ListLifecyclePolicies") == [{}]
    assert items(service, "ListImageBuildVersions") == [{}]
    assert items(service, "ListImagePipelines") == [{}]
    assert len(items(service, "ListImages")) == len(items(service, "ListImages", byName=True)) == 1
