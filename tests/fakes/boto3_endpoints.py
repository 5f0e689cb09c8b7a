"""The endpoints of boto3's clients, found without sending a request."""

from __future__ import annotations

import re
from typing import Any

import botocore.config
import botocore.endpoint_provider
import botocore.exceptions
import botocore.loaders
import botocore.session
import pytest

LOADER = botocore.loaders.Loader()  # one for all sessions, since it caches files


def make_session(profile: str | None = None) -> botocore.session.Session:
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", LOADER)
    session.set_credentials("AKID", "secret")
    return session


def endpoint_rules(service: str) -> botocore.endpoint_provider.EndpointProvider:
    description: Any = LOADER.load_service_model(service, "endpoint-rule-set-1")
    partitions: Any = LOADER.load_data("partitions")
    return botocore.endpoint_provider.EndpointProvider(description, partitions)


class _CaughtRequest(Exception):
    """A request that must not be sent."""

    def __init__(self, request: Any) -> None:
        super().__init__()
        self.request = request


def caught_request(client: Any, method_name: str, **params: Any) -> Any:
    """Return the request that a client of boto3 would send."""

    def catch(request: Any, **_: Any) -> None:
        raise _CaughtRequest(request)

    client.meta.events.register("before-send.*.*", catch)
    with pytest.raises(_CaughtRequest) as caught:
        getattr(client, method_name)(**params)
    return caught.value.request


def boto3_url(
    session: botocore.session.Session, service: str, region: str, **config: Any
) -> tuple[str, str] | None:
    """Return the URL that boto3's client requests, and its signing region; None for an error."""
    try:
        client: Any = session.create_client(
            service,
            region_name=region,
            verify=False,  # nothing is sent, and certificates are slow to load
            config=botocore.config.Config(retries={"total_max_attempts": 1}, **config),
        )
        method_name = "get_caller_identity" if service == "sts" else "list_image_pipelines"
        request = caught_request(client, method_name)
    except botocore.exceptions.BotoCoreError:
        return None
    scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/", request.headers["Authorization"].decode())
    assert scope is not None
    return "/".join(request.url.split("/")[:3]), scope[1]


def boto3_endpoint(profile: str | None = None) -> str:
    client = make_session(profile).create_client("imagebuilder", verify=False)
    url: str = client.meta.endpoint_url
    return url
