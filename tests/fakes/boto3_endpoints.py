"""The endpoints of boto3's clients, found without sending a request."""

from __future__ import annotations

import re
from typing import Any

import botocore.awsrequest
import botocore.config
import botocore.endpoint_provider
import botocore.exceptions
import botocore.loaders
import botocore.session
import botocore.utils

LOADER = botocore.loaders.Loader()  # one for all sessions, since it caches files


def make_session(profile: str | None = None) -> botocore.session.Session:
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", LOADER)
    session.set_credentials("AKID", "secret")
    return session


def endpoint_rules() -> botocore.endpoint_provider.EndpointProvider:
    description: Any = LOADER.load_service_model("imagebuilder", "endpoint-rule-set-1")
    partitions: Any = LOADER.load_data("partitions")
    return botocore.endpoint_provider.EndpointProvider(description, partitions)


class RequestCaught(Exception):
    """A request that is not to be sent."""


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
    except botocore.exceptions.EndpointVariantError:
        return None
    sent: list[botocore.awsrequest.AWSPreparedRequest] = []

    def catch(request: Any, **_: Any) -> None:
        sent.append(request)
        raise RequestCaught

    client.meta.events.register(f"before-send.{service}.*", catch)
    try:
        if service == "sts":
            client.get_caller_identity()
        else:
            client.list_image_pipelines()
    except RequestCaught:
        pass
    except botocore.exceptions.BotoCoreError:
        return None
    (request,) = sent
    authorization: Any = request.headers["Authorization"]
    scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/", authorization.decode())
    assert scope is not None
    return "/".join(request.url.split("/")[:3]), scope[1]


def boto3_endpoint(profile: str | None = None) -> str:
    client = make_session(profile).create_client("imagebuilder", verify=False)
    url: str = client.meta.endpoint_url
    return url
