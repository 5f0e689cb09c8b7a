"""A local fleet: accounts of a given size, STS, and a rate limit for each account and region."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from imagebuilder_pager.local.account_generator import FleetSize, generate_fleet_account
from imagebuilder_pager.local.errors import ServiceError
from imagebuilder_pager.local.fleet_service import LocalFleet, RateLimits
from imagebuilder_pager.local.server import LocalServer

SIZE = FleetSize(accounts=2, policies=3, executions=4, resources=26)
NEWEST = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
OTHER_ROLE = "arn:aws:iam::111122223333:role/ops/Reader"


@pytest.fixture
def fleet() -> LocalFleet:
    return LocalFleet(SIZE, newest=NEWEST, regions=("us-west-2",))


@pytest.fixture
def url(fleet: LocalFleet) -> Iterator[str]:
    with LocalServer(fleet) as server:
        yield server.url


def boto3_client(url: str, service: str, region: str = "us-west-2", **keys: str) -> Any:
    given = {"aws_access_key_id": "local", "aws_secret_access_key": "local", **keys}
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client(service, region, endpoint_url=url, config=config, **given)


def assume(url: str, role: str = OTHER_ROLE, **params: int) -> dict[str, str]:
    sts = boto3_client(url, "sts")
    credentials = sts.assume_role(RoleArn=role, RoleSessionName="test", **params)["Credentials"]
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


def error_code(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    code: str = caught.value.response["Error"]["Code"]
    return code


def test_an_account_has_the_size_that_was_given() -> None:
    account = generate_fleet_account("123456789012", "us-west-2", SIZE, newest=1_772_323_200)
    assert len(account.policies) == 3
    arns = [policy["arn"] for policy in account.policies]
    assert len(set(arns)) == 3
    for arn in arns:
        executions = [e for e in account.executions if e.lifecycle_policy_arn == arn]
        assert len(executions) == 4
        assert all(len(execution.resources) == 26 for execution in executions)
        starts = [execution.start_time for execution in executions]
        assert starts == [1_772_323_200 - day * 86400 for day in range(4)]
    assert len({e.lifecycle_execution_id for e in account.executions}) == 12
    # The newest execution of the first policy is running.
    assert [e for e in account.executions if e.end_time is None] == [account.executions[0]]
    done = generate_fleet_account("1", "us-west-2", SIZE, newest=86400, is_running=False)
    assert all(e.end_time is not None for e in done.executions)


def test_accounts_and_regions_have_different_policies(fleet: LocalFleet) -> None:
    first, second = (fleet.account(account, "us-west-2") for account in fleet.account_ids)
    assert fleet.account(fleet.account_ids[0], "us-west-2") == first
    ids = {e.lifecycle_execution_id for e in first.executions + second.executions}
    assert len(ids) == 24


def test_a_role_sees_its_account_and_the_user_the_first_one(fleet: LocalFleet, url: str) -> None:
    keys = assume(url)
    identity = boto3_client(url, "sts", **keys).get_caller_identity()
    assert identity["Account"] == "111122223333"
    assert identity["Arn"] == "arn:aws:sts::111122223333:assumed-role/Reader/test"
    assert boto3_client(url, "sts").get_caller_identity()["Account"] == "123456789012"
    for given, account in ((keys, "111122223333"), ({}, "123456789012")):
        execution = fleet.account(account, "us-west-2").executions[0].lifecycle_execution_id
        client = boto3_client(url, "imagebuilder", **given)
        page = client.list_lifecycle_execution_resources(lifecycleExecutionId=execution)
        assert len(page["resources"]) == 25


def test_sts_denies_the_role_of_another_account_and_a_duration_that_no_role_has(url: str) -> None:
    role = "arn:aws:iam::999999999999:role/Reader"
    assert error_code(lambda: assume(url, role)) == "AccessDenied"
    assert error_code(lambda: assume(url, "no role at all, it says")) == "InvalidRequest"
    # boto3 itself refuses those below 900.
    assert assume(url, DurationSeconds=900)
    assert assume(url, DurationSeconds=43_200)
    assert error_code(lambda: assume(url, DurationSeconds=43_201)) == "InvalidRequest"
    assert error_code(lambda: assume(url, DurationSeconds=10**12)) == "InvalidRequest"


def test_credentials_of_a_role_expire() -> None:
    fleet = LocalFleet(SIZE, role_lifetime=dt.timedelta(minutes=1))
    with LocalServer(fleet) as server:
        keys = assume(server.url)
    now = dt.datetime.now(dt.UTC)

    def find(token: str, seconds: int = 0) -> str:
        headers = {"x-amz-security-token": token}
        request = httpx.Request("POST", "http://localhost/", headers=headers)
        later = now + dt.timedelta(seconds=seconds)
        return fleet.sts.find_account(request, keys["aws_access_key_id"], later)

    assert find(keys["aws_session_token"]) == "111122223333"
    with pytest.raises(ServiceError, match="is invalid"):
        find("another")
    with pytest.raises(ServiceError, match="is expired"):
        find(keys["aws_session_token"], seconds=60)


def test_a_region_that_is_not_served_is_not_enabled(url: str) -> None:
    client = boto3_client(url, "imagebuilder", "eu-west-1")
    assert error_code(client.list_lifecycle_policies) == "UnrecognizedClientException"


def test_a_wrong_secret_is_an_error(url: str) -> None:
    keys = {**assume(url), "aws_secret_access_key": "wrong"}
    client, sts = (boto3_client(url, name, **keys) for name in ("imagebuilder", "sts"))
    assert error_code(client.list_lifecycle_policies) == "InvalidSignatureException"
    assert error_code(sts.get_caller_identity) == "SignatureDoesNotMatch"


def test_the_rate_limit_is_that_of_one_account_in_one_region() -> None:
    now = [0.0]
    limits = RateLimits(2, lambda: now[0])
    limits.take(("a", "us-west-2"))
    limits.take(("a", "us-west-2"))
    with pytest.raises(ServiceError) as caught:
        limits.take(("a", "us-west-2"))
    assert caught.value.status == 429
    limits.take(("b", "us-west-2"))
    limits.take(("a", "eu-west-1"))
    now[0] = 0.5
    limits.take(("a", "us-west-2"))
    with pytest.raises(ServiceError):
        limits.take(("a", "us-west-2"))
    for rate in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="it has to be above 0"):
            RateLimits(rate)


def test_requests_beyond_the_limit_are_throttled() -> None:
    fleet = LocalFleet(SIZE, rate_limit=1)
    with LocalServer(fleet) as server:
        client = boto3_client(server.url, "imagebuilder")
        client.list_lifecycle_policies()
        code = error_code(lambda: [client.list_lifecycle_policies() for _ in range(50)])
        assert code == "CallRateLimitExceededException"
    assert fleet.throttled >= 1
