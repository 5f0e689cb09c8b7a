"""An account of lifecycle policies, executions and resources, as an Image Builder in process.

A page token is for one listing; expired tokens are refused as by AWS.
"""

import json
import zlib
from dataclasses import dataclass, field
from typing import Any

import httpx

REGION = "us-west-2"
ACCOUNT = "123456789012"
POLICY_ARN = f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}:lifecycle-policy/"
IMAGE_ARN = f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}:image/"
DAY = 86400.0
#: 2026-10-01 in epoch seconds, when the first execution of a policy starts.
START = 1790812800.0

Wire = dict[str, Any]


def policy_arn(number: int) -> str:
    return f"{POLICY_ARN}policy-{number}"


def execution_id(policy: int, number: int) -> str:
    return f"lce-{policy:08x}-0000-0000-0000-{number:012x}"


@dataclass
class LifecycleAccount:
    """The listings of the account, by operation and parameters; tests may change them.

    ``most`` is the page size. ``expired`` counts how often all tokens have expired: older tokens
    are refused.
    """

    policies: list[Wire] = field(default_factory=list)
    executions: dict[str, list[Wire]] = field(default_factory=dict)
    resources: dict[tuple[str, str | None], list[Wire]] = field(default_factory=dict)
    most: int = 25
    expired: int = 0
    requests: list[tuple[str, Wire]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        operation = request.url.path.removeprefix("/")
        params = json.loads(request.content)
        self.requests.append((operation, params))
        below = params.get("lifecycleExecutionId"), params.get("parentResourceId")
        executions = self.executions.get(params.get("resourceArn"), [])
        member, items = {
            "ListLifecyclePolicies": ("lifecyclePolicySummaryList", self.policies),
            "ListLifecycleExecutions": ("lifecycleExecutions", executions),
            "ListLifecycleExecutionResources": ("resources", self.resources.get(below, [])),
        }[operation]
        listing = {k: v for k, v in sorted(params.items()) if k not in {"nextToken", "maxResults"}}
        begin = 0
        if "nextToken" in params:
            given, _, position = params["nextToken"].rpartition("@")
            if given != self._token(operation, listing):
                return httpx.Response(
                    400,
                    headers={"x-amzn-ErrorType": "InvalidPaginationTokenException"},
                    json={"message": "The token has expired."},
                )
            begin = int(position)
        end = begin + min(params.get("maxResults", self.most), self.most)
        body: Wire = {member: items[begin:end]}
        if operation == "ListLifecycleExecutionResources":
            body["lifecycleExecutionId"] = params["lifecycleExecutionId"]
        if end < len(items):
            body["nextToken"] = f"{self._token(operation, listing)}@{end}"
        return httpx.Response(200, json=body)

    def _token(self, operation: str, listing: Wire) -> str:
        return f"{self.expired}:{operation}:{json.dumps(listing)}"

    def keys(self, *, children: bool = True) -> list[tuple[Any, ...]]:
        """Return the keys of all records, by a plain nested loop."""
        keys: list[tuple[Any, ...]] = []
        for policy in self.policies:
            for execution in self.executions.get(policy["arn"], []):
                run = execution["lifecycleExecutionId"]
                keys.append((ACCOUNT, REGION, run, None, None))
                for resource in self.resources.get((run, None), []):
                    image = resource["resourceId"]
                    keys.append(key_of(run, None, resource))
                    if children:
                        below = self.resources.get((run, image), [])
                        keys.extend(key_of(run, image, child) for child in below)
        return keys


def key_of(run: str, parent: str | None, resource: Wire) -> tuple[Any, ...]:
    return (resource["accountId"], resource["region"], run, parent, resource["resourceId"])


def make_account(
    policies: int = 2, executions: int = 3, images: int = 4, amis: int = 2, *, most: int = 25
) -> LifecycleAccount:
    """Return an account: each policy has an execution a day, each AMI is in two regions."""
    account = LifecycleAccount(most=most)
    for policy in range(policies):
        arn = policy_arn(policy)
        account.policies.append({"arn": arn, "name": f"policy-{policy}", "status": "ENABLED"})
        account.executions[arn] = [make_execution(policy, number) for number in range(executions)]
        for number in range(executions):
            run = execution_id(policy, number)
            account.resources[run, None] = [make_image(run, image) for image in range(images)]
            for image in account.resources[run, None]:
                account.resources[run, image["resourceId"]] = [
                    make_ami(image["resourceId"], ami) for ami in range(amis)
                ]
    return account


def make_execution(policy: int, number: int, status: str = "SUCCESS") -> Wire:
    start = START + number * DAY
    end = {"endTime": start + 600} if status in {"SUCCESS", "FAILED", "CANCELLED"} else {}
    return {
        "lifecycleExecutionId": execution_id(policy, number),
        "lifecyclePolicyArn": policy_arn(policy),
        "state": {"status": status},
        "startTime": start,
        **end,
    }


def make_image(run: str, number: int) -> Wire:
    return {
        "accountId": ACCOUNT,
        "region": REGION,
        "resourceId": f"{IMAGE_ARN}{run[-12:].lstrip('0') or '0'}/1.0.{number}/1",
        "state": {"status": "SUCCESS"},
        "action": {"name": "DELETE"},
    }


def make_ami(image: str, number: int) -> Wire:
    return {
        "accountId": ACCOUNT,
        "region": (REGION, "eu-west-1")[number % 2],
        "resourceId": f"ami-{zlib.crc32(image.encode()):08x}{number // 2}",
        "state": {"status": "SUCCESS"},
        "snapshots": [{"snapshotId": f"snap-{number}", "state": {"status": "SUCCESS"}}],
    }
