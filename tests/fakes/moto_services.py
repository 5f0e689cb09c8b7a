"""moto's services of AWS, each with something to list."""

import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

from imagebuilder_pager.pagination import paginator_from_client

from .paginated_service import Pages, settled

SETTINGS: dict[str, Any] = {
    "region_name": "us-east-1",
    "aws_access_key_id": "key",
    "aws_secret_access_key": "secret",
}


@dataclass(frozen=True)
class Case:
    """An operation to page through, and the page sizes that the service allows."""

    service: str
    method_name: str
    params: dict[str, Any] = field(default_factory=dict)
    sizes: tuple[int, ...] = (1, 2, 3, 5, 7)

    def __str__(self) -> str:
        return f"{self.service} {self.method_name} {self.params or ''}"


POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}],
    }
)
TABLE = {"TableName": "numbers"}
#: The kinds of tokens: markers, several keys, a mapping with bytes, a string. All of AWS's
#: paginators are in the tests of the protocol, with generated pages.
CASES = [
    Case("s3", "list_objects", {"Bucket": "my-bucket"}),
    Case("s3", "list_objects_v2", {"Bucket": "my-bucket", "Prefix": "a/"}),
    Case("s3", "list_object_versions", {"Bucket": "my-bucket"}),
    Case("dynamodb", "scan", TABLE),
    Case("ec2", "describe_instances", sizes=(5, 6, 7, 9)),
    Case("iam", "list_policies", {"Scope": "Local"}),
    Case("logs", "filter_log_events", {"logGroupName": "my-group"}),
]


def fill(client_of: Any) -> None:
    """Put the items that the cases list into each service.

    ``client_of`` returns a boto3 client by name.
    """
    fill_s3(client_of("s3"))
    _fill_dynamodb(client_of("dynamodb"))
    ec2 = client_of("ec2")
    for _ in range(17):
        ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
    iam = client_of("iam")
    for number in range(13):
        iam.create_policy(PolicyName=f"policy-{number:02}", PolicyDocument=POLICY)
    _fill_logs(client_of("logs"))


def fill_s3(s3: Any) -> None:
    """Put three folders of nine objects into ``my-bucket``."""
    s3.create_bucket(Bucket="my-bucket")
    for folder in ("a", "b", "c"):
        for number in range(9):
            s3.put_object(Bucket="my-bucket", Key=f"{folder}/{number}", Body=b"")


def _fill_dynamodb(dynamodb: Any) -> None:
    attributes = {"Half": "N", "Number": "B"}
    dynamodb.create_table(
        **TABLE,
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind} for name, kind in attributes.items()
        ],
        KeySchema=[
            {"AttributeName": "Half", "KeyType": "HASH"},
            {"AttributeName": "Number", "KeyType": "RANGE"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    for number in range(24):
        # Bytes that are not text, so that the token has to carry them.
        item = {"Half": {"N": str(number % 2)}, "Number": {"B": bytes([255, number])}}
        dynamodb.put_item(**TABLE, Item=item)


def _fill_logs(logs: Any) -> None:
    stream = {"logGroupName": "my-group", "logStreamName": "my-stream"}
    logs.create_log_group(logGroupName="my-group")
    logs.create_log_stream(**stream)
    now = int(time.time() * 1000)  # events must be at most some days old
    events = [{"timestamp": now + number, "message": f"{number}"} for number in range(15)]
    logs.put_log_events(**stream, logEvents=events)


async def check_resuming(client: Any, case: Case, *, seed: int, prefetch: int, by: str) -> None:
    """Check that a listing has each item once if it is stopped repeatedly.

    Each run stops after some ``items``, or after its first page, and has another page size.
    """
    rng = random.Random(seed)
    paginator: Any = paginator_from_client(client, case.method_name)
    primary = paginator.result_keys[0]
    reference = client.get_paginator(case.method_name).paginate(**case.params)
    expected = list(primary.search(await settled(reference.build_full_result())))
    assert len(expected) > 8
    items: list[Any] = []
    token: str | None = None
    runs = 0
    while token is not None or runs == 0:
        config = {"PageSize": rng.choice(case.sizes), "StartingToken": token, "Prefetch": prefetch}
        pages = Pages(paginator.paginate(**case.params, PaginationConfig=config))
        if by == "pages":
            items += primary.search(await anext(aiter(pages))) or ()
        else:
            iterator = pages.items()
            for _ in range(rng.randint(1, 6)):
                item = await anext(iterator, None)
                items += [] if item is None else [item]
            await iterator.aclose()
        token = pages.resume_token
        runs += 1
        assert len(items) <= len(expected)
    assert items == expected
    assert runs > 1
