"""A fleet of canned responses: roles, and in each account and region a policy with executions.

The path of the endpoint's URL has the numbers (:func:`.workers.common.fleet_url`): the delay in
milliseconds, the executions, the pages of each, and the pages of the largest one, which is in the
middle. The access key id has the account, from the role's ARN in AssumeRole; the signature has the
region.
"""

from __future__ import annotations

import json
import re
import zlib

__all__ = ["respond_for_fleet"]

_TARGET = re.compile(rb"POST /(\d+)-(\d+)-(\d+)-(\d+)/?(\w*) ")
_CREDENTIAL = re.compile(rb"Credential=(\w+)/\d+/([\w-]+)/")
_ROLE = re.compile(rb"RoleArn=arn%3Aaws%3Aiam%3A%3A(\d{12})%3A")
_SESSION = (
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{}</AccessKeyId><SecretAccessKey>bench</SecretAccessKey>"
    "<SessionToken>bench</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
    "<AssumedRoleUser><Arn>arn:aws:sts::{}:assumed-role/r/s</Arn></AssumedRoleUser>"
    "</AssumeRoleResult></AssumeRoleResponse>"
)


def respond_for_fleet(head: bytes, body: bytes) -> tuple[int, bytes] | None:
    """Return the delay and the body of a response, None for a request to no fleet."""
    target = _TARGET.match(head)
    if target is None:
        return None
    latency_ms, executions, pages, largest = (int(number) for number in target.groups()[:4])
    operation = target[5].decode()
    if not operation:
        role = _ROLE.search(body)
        account = role[1].decode() if role else ""
        return latency_ms, _SESSION.format(account, account).encode()
    credential = _CREDENTIAL.search(head)
    if credential is None:
        raise ValueError(f"no signature in {head!r}")
    account, region = credential[1].decode().removeprefix("ASIA"), credential[2].decode()
    arn = f"arn:aws:imagebuilder:{region}:{account}:lifecycle-policy/retire-old-amis"
    if operation == "ListLifecyclePolicies":
        response = {"lifecyclePolicySummaryList": [{"arn": arn, "name": "retire-old-amis"}]}
        return latency_ms, json.dumps(response).encode()
    if operation == "ListLifecycleExecutions":
        place = f"{zlib.crc32(arn.encode()) % 10**8:08d}"
        own_pages = [pages] * executions
        own_pages[executions // 2] = largest
        items = [
            {
                "lifecycleExecutionId": (
                    f"lce-{latency_ms:08d}-{place[:4]}-{place[4:]}-{number:04d}-{own:012d}"
                ),
                "lifecyclePolicyArn": arn,
                "state": {"status": "SUCCESS"},
                "startTime": 1740967200 + number,
                "endTime": 1740970800 + number,
            }
            for number, own in enumerate(own_pages)
        ]
        return latency_ms, json.dumps({"lifecycleExecutions": items}).encode()
    return None
