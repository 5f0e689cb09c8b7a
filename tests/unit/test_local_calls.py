"""The local service's record of its requests, and its refusals by operation."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    Account,
    Call,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    generate_account,
)
from imagebuilder_pager.local.account_generator import FleetSize
from imagebuilder_pager.local.fleet_service import LocalFleet
from imagebuilder_pager.local.service import MAX_CALLS
from imagebuilder_pager.models.exceptions import MODELLED_ERRORS
from tests.fakes.accounts import PATH, signed_request
from tests.fakes.clocks import NoSleepClock
from tests.fakes.image_builder import client_of
from tests.fakes.local_operations import call
from tools.service_model import ServiceModel

MODEL = ServiceModel()
EXECUTION: dict[str, Any] = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}
UNSIGNED = "403 MissingAuthenticationTokenException"
DENIED = Fault("error", code="AccessDeniedException", message="You may not, ask é.")


@pytest.mark.parametrize("code", [error.__name__ for error in MODELLED_ERRORS])
def test_a_modelled_error_has_the_status_of_the_service_model(code: str) -> None:
    service = LocalImageBuilder(Account(), faults=FaultPlan({1: Fault("error", code=code)}))
    response = call(service, "ListImages")
    modelled = MODEL.shapes[code]["error"]["httpStatusCode"]
    assert response.status_code == modelled
    assert response.headers["x-amzn-ErrorType"] == code
    assert json.loads(response.read())["message"]


def test_the_calls_of_a_listing_have_their_parameters_pages_and_attempts() -> None:
    plan = FaultPlan.on_page(2, Fault("reset-before")) | FaultPlan({4: Fault("throttle")})
    service = LocalImageBuilder(generate_account(resources=60), faults=plan)
    with client_of(service, clock=NoSleepClock()) as client:
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        assert len(list(paginator.paginate(**EXECUTION, PaginationConfig={"PageSize": 25}))) == 3
    parameters = {**EXECUTION, "maxResults": 25}
    first = Call("ListLifecycleExecutionResources", parameters, 1, 1, "200", None)
    assert service.calls[0] == first
    assert [(one.page, one.attempt, one.outcome) for one in service.calls] == [
        (1, 1, "200"),
        (2, 1, "reset-before"),
        (2, 2, "200"),
        (3, 1, "429 CallRateLimitExceededException"),
        (3, 2, "200"),
    ]
    assert service.calls[1].parameters["nextToken"]
    assert service.calls[1].parameters == service.calls[2].parameters


def test_pages_and_attempts_are_counted_without_a_plan() -> None:
    service = LocalImageBuilder(generate_account(resources=3))
    for name in ("ListImages", "ListLifecyclePolicies", "ListImages"):
        call(service, name)
    assert [(one.page, one.attempt) for one in service.calls] == [(1, 1), (2, 1), (1, 2)]
    assert service.requests == len(service.calls) == 3


def test_a_request_that_is_refused_is_a_call_too() -> None:
    service = LocalImageBuilder(Account())
    service(httpx.Request("POST", "http://x/Nothing", json={"a": [1], "b": None}))
    service(httpx.Request("GET", "http://x/GetLifecyclePolicy?lifecyclePolicyArn=a%20b"))
    service(httpx.Request("POST", "http://x/ListImages", content=b"{"))
    service(signed_request(b'{"maxResults": 101}', url="http://x/ListImages"))
    assert [(one.operation, one.parameters, one.outcome) for one in service.calls] == [
        (None, {"a": [1]}, "404 UnknownOperationException"),
        ("GetLifecyclePolicy", {"lifecyclePolicyArn": "a b"}, UNSIGNED),
        ("ListImages", {}, UNSIGNED),
        ("ListImages", {"maxResults": 101}, "400 InvalidRequestException"),
    ]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault("html"), "html"),
        (Fault("server-error", status=502), "server-error"),
        (Fault("server-error"), "500 ServiceException"),
        (Fault("slow", delay=0), "slow"),
        (Fault("wrong-json"), "wrong-json"),
        (Fault("error", code="TeapotException", status=418), "418 TeapotException"),
    ],
)
def test_the_outcome_of_a_fault_is_the_code_of_its_error_or_its_name(
    fault: Fault, outcome: str
) -> None:
    service = LocalImageBuilder(
        Account(pages={"ListImages": [{"imageVersionList": []}]}), faults=FaultPlan({1: fault})
    )
    call(service, "ListImages")
    assert [(one.outcome, one.fault) for one in service.calls] == [(outcome, fault)]


def test_the_calls_are_the_same_over_a_socket() -> None:
    plan = FaultPlan.on_request(2, DENIED, operation="ListLifecycleExecutionResources")
    service = LocalImageBuilder(generate_account(resources=3), faults=plan)
    with (
        LocalServer(service) as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        client.post("/ListImages")
        client.post(PATH, json=EXECUTION)
        denied = client.post(PATH, json=EXECUTION)
        assert (denied.status_code, denied.json()) == (403, {"message": "You may not, ask é."})
        assert server.calls == service.calls
        assert [one.attempt for one in server.calls] == [1, 1, 2]
    with LocalServer(lambda _: httpx.Response(200)) as server:
        assert server.calls == ()


@pytest.mark.usefixtures("frequent_thread_switches")
def test_calls_from_many_threads_are_in_the_order_of_the_count() -> None:
    service = LocalImageBuilder(Account(), faults=FaultPlan.every(2, DENIED))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: call(service, "ListImages"), range(400)))
    assert [one.attempt for one in service.calls] == list(range(1, 401))
    assert [one.fault for one in service.calls] == [None, DENIED] * 200


def test_the_newest_calls_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_CALLS == 10_000
    monkeypatch.setattr("imagebuilder_pager.local.service.MAX_CALLS", 10)
    service = LocalImageBuilder(Account())
    sent = httpx.Request("POST", "http://x/ListImages")
    for _ in range(13):
        service(sent)
    assert (service.requests, len(service.calls)) == (13, 10)
    assert [service.calls[0].attempt, service.calls[-1].attempt] == [4, 13]


def test_a_rule_may_read_the_calls_and_send_a_request() -> None:
    other = httpx.Request("POST", "http://x/ListWorkflows")

    def rule(info: Any) -> Fault | None:
        if info.operation == "ListImages":
            assert service.calls == ()
            service(other)
        return None

    service = LocalImageBuilder(Account(), faults=FaultPlan.rule(rule))
    service(httpx.Request("POST", "http://x/ListImages"))
    assert [one.operation for one in service.calls] == ["ListWorkflows", "ListImages"]


def test_a_fleet_has_the_calls_to_all_its_accounts() -> None:
    fleet = LocalFleet(FleetSize(accounts=1, policies=1, executions=1, resources=1))
    for region in fleet.regions[:2]:
        with client_of(fleet, region_name=region) as client:
            client.list_lifecycle_policies()
    assert [(one.operation, one.page, one.outcome) for one in fleet.calls] == [
        ("ListLifecyclePolicies", 1, "200")
    ] * 2
    assert fleet.requests == 2


@pytest.mark.parametrize(
    ("secrets", "sentence"),
    [
        (None, "the access key ids: 'local' with the secret access key 'local'."),
        ({"AKID1": "secret one", "AKID2": "secret two"}, "the access key ids: 'AKID1', 'AKID2'."),
        ({f"K{n}": "hidden" for n in range(12)}, "'K8', 'K9' and 2 more."),
        ({}, "the access key ids: none."),
    ],
)
def test_the_error_for_unknown_keys_says_which_keys_are_known(
    secrets: dict[str, str] | None, sentence: str
) -> None:
    service = LocalImageBuilder(Account(), secrets=secrets)
    with (
        client_of(service, aws_access_key_id="testing") as client,
        pytest.raises(exceptions.ClientError) as caught,
    ):
        client.list_images()
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"
    message = caught.value.response["Error"]["Message"]
    assert message.startswith("The security token included in the request is invalid. This local")
    assert message.endswith(sentence)
    assert "secret " not in message or secrets is None
    assert "hidden" not in message + repr(service)


def test_a_wrong_secret_of_a_known_key_gets_the_error_of_the_service() -> None:
    service = LocalImageBuilder(Account(), secrets={ACCESS_KEY_ID: "another"})
    refused = service(signed_request(b"{}"))
    assert refused.headers["x-amzn-ErrorType"] == "InvalidSignatureException"
    assert "local service" not in refused.text
