"""The example policies of generated accounts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from .image_generator import to_arn

END = 1740967200  # 2025-03-03 02:00 UTC
_POLICY: Mapping[str, Any] = {
    "status": "ENABLED",
    "executionRole": "arn:aws:iam::123456789012:role/image-lifecycle",
    "resourceSelection": {"tagMap": {"team": "platform"}},
    "dateUpdated": 1735732800.25,
    "dateLastRun": END,
    "tags": {"team": "platform"},
}
_AMI_EXCLUSIONS = {
    "isPublic": True,
    "sharedAccounts": ["444455556666", "777788889999"],
    "lastLaunched": {"value": 60, "unit": "DAYS"},
}
#: The example of a policy for each type of resource.
_POLICIES: Mapping[str, Mapping[str, Any]] = {
    "AMI_IMAGE": {
        "name": "retire-old-amis",
        "description": "Retire AMIs by age",
        "policyDetails": [
            {
                "action": {"type": "DELETE", "includeResources": {"amis": True, "snapshots": True}},
                "filter": {"type": "COUNT", "value": 20},
                "exclusionRules": {"tagMap": {"lifecycle": "keep"}, "amis": _AMI_EXCLUSIONS},
            },
            *(
                {
                    "action": {"type": action, "includeResources": {"amis": True}},
                    "filter": {"type": "AGE", "value": days, "unit": "DAYS", "retainAtLeast": 3},
                }
                for action, days in (("DEPRECATE", 90), ("DISABLE", 180))
            ),
        ],
        "dateCreated": 1684720800,  # May 2023
    },
    "CONTAINER_IMAGE": {
        "name": "trim-container-images",
        "description": "Keep the newest container images",
        "policyDetails": [
            {
                "action": {"type": "DELETE", "includeResources": {"containers": True}},
                "filter": {"type": "COUNT", "value": 10},
                "exclusionRules": {"tagMap": {"release": "production"}},
            }
        ],
        "dateCreated": 1699236000,  # November 2023
    },
}


def example_policy(resource_type: str, **members: Any) -> dict[str, Any]:
    """Return an example of the API's ``LifecyclePolicy``, for AMIs or for container images.

    ``members`` replace those of the example; what is None is left out.
    """
    policy = {**_POLICY, "resourceType": resource_type, **_POLICIES[resource_type], **members}
    policy = {"arn": to_arn(f"lifecycle-policy/{policy['name']}"), **policy}
    return copy.deepcopy({name: value for name, value in policy.items() if value is not None})
