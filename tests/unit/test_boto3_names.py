"""The names and arguments of boto3's client that the clients here do not have."""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder

PAGE = "docs/moving-from-boto3.md"
BOTO3 = boto3.session.Session().client("imagebuilder", region_name="us-west-2")
MISSING = {name for name in dir(BOTO3) if not name.startswith("_")} - set(dir(ImageBuilder))
#: The arguments of boto3's clients and sessions that the clients here do not take.
ARGUMENTS = {
    name
    for function in (boto3.session.Session.client, boto3.session.Session.__init__)
    for name in inspect.signature(function).parameters
} - {"self", *inspect.signature(ImageBuilder).parameters}

clients = pytest.mark.parametrize("client_class", [ImageBuilder, AsyncImageBuilder])


@cache
def make(client_class: Any = ImageBuilder) -> Any:
    """Return a client of any type: type checkers do not know the names below."""
    return client_class("us-west-2")


@clients
@pytest.mark.parametrize("arguments", [{}, {"region_name": "us-west-2"}])
def test_the_service_in_place_of_the_region_is_an_error(
    client_class: Any, arguments: dict[str, str]
) -> None:
    with pytest.raises(TypeError, match="takes the region, not the service") as caught:
        client_class("imagebuilder", **arguments)
    assert PAGE in str(caught.value)


def test_the_page_is_there() -> None:
    assert (Path(__file__).parents[2] / PAGE).exists()
    assert {"meta", "get_waiter", "waiter_names", "get_image", "tag_resource"} <= MISSING
    assert {"config", "service_name", "api_version", "use_ssl", "botocore_session"} <= ARGUMENTS


@clients
@pytest.mark.parametrize("name", sorted(MISSING - {"close"}))
def test_an_attribute_of_boto3s_client_names_the_page(client_class: Any, name: str) -> None:
    client = make(client_class)
    assert not hasattr(client, name)
    with pytest.raises(AttributeError) as caught:
        getattr(client, name)
    said = str(caught.value)
    assert re.match(rf"'{client_class.__name__}' object has no attribute '{name}'[:;] ", said)
    assert PAGE in said
    assert caught.value.name == name


@clients
@pytest.mark.parametrize("name", sorted(ARGUMENTS | {"aws_session", "session"}))
def test_an_argument_of_boto3_names_the_page(client_class: Any, name: str) -> None:
    with pytest.raises(TypeError) as caught:
        client_class("us-west-2", **{name: None})
    assert str(caught.value).startswith(f"{client_class.__name__}() takes no argument {name!r}: ")
    assert PAGE in str(caught.value)


def test_any_other_argument_is_pythons_own_error() -> None:
    anything: Any = ImageBuilder
    with pytest.raises(TypeError, match="unexpected keyword argument 'regio_name'"):
        anything(regio_name="us-west-2")


def test_a_subclass_may_take_an_argument_of_that_name() -> None:
    class Configured(ImageBuilder):
        def __init__(self, config: dict[str, Any]) -> None:
            super().__init__(**config)

    assert Configured({"region_name": "eu-west-1"}).region_name == "eu-west-1"


WAITERS = ": there are no waiters; call the listing again until it has the state that you wait for"
OTHERS = ": the operations here are those that list, and a few that get; use boto3 for others"
SEE = f". {PAGE} has the counterparts of boto3's names"


@clients
@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("list_imagse", "; did you mean list_images?"),
        ("listImages", "; did you mean list_images?"),
        ("walk_lifecycles", "; did you mean walk_lifecycle?"),
        ("endpoint", "; did you mean endpoint_url?"),
        ("get_paginater", f"; did you mean get_paginator? Otherwise{OTHERS}{SEE}"),
        ("get_image_recipe", f"; did you mean list_image_recipes? Otherwise{OTHERS}{SEE}"),
        ("tag_resource", f"{OTHERS}{SEE}"),
        ("get_waiter", f"{WAITERS}{SEE}"),
        ("waiter_names", f"{WAITERS}{SEE}"),
        (
            "meta",
            ": use client.region_name, client.endpoint_url, and event_hooks of an httpx.Client "
            f"that is given as http_client{SEE}",
        ),
        ("colour", ""),
    ],
)
def test_an_unknown_name_suggests_the_near_one_and_the_counterpart(
    client_class: Any, name: str, rest: str
) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(make(client_class), name)
    assert str(caught.value) == f"{client_class.__name__!r} object has no attribute {name!r}{rest}"


def test_the_error_of_a_property_is_not_hidden() -> None:
    class WithProperty(ImageBuilder):
        @property
        def first(self) -> object:
            nothing: Any = None
            return nothing.images

    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'images'"):
        WithProperty("us-west-2").first  # noqa: B018  # reading it is the test


@clients
@pytest.mark.parametrize("name", ["_repr_html_", "__wrapped__", "__deepcopy__", "__setstate__"])
def test_names_that_other_packages_and_copying_look_for_are_absent(
    client_class: Any, name: str
) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(make(client_class), name)
    assert str(caught.value) == f"{client_class.__name__!r} object has no attribute {name!r}"


@clients
def test_an_object_without_its_attributes_does_not_recurse(client_class: Any) -> None:
    empty = client_class.__new__(client_class)
    with pytest.raises(AttributeError, match="region_name"):
        empty.region_name  # noqa: B018  # reading it is the test


@clients
def test_dir_and_signature_are_those_of_the_class(client_class: Any) -> None:
    assert not MISSING & (set(dir(make(client_class))) - {"close"})
    signature = inspect.signature(client_class)
    assert {"region_name", "endpoint_url", "clock"} <= set(signature.parameters)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
    assert "resolve_region" in inspect.getsource(client_class.__init__)
