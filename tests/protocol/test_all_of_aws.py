"""The paginators of AWS, in ``make fuzz`` all of them, beside botocore's with the same client."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
import pytest

from imagebuilder_pager.pagination import Paginator, paginator_from_client
from tests.fakes import FUZZ_EXAMPLES, IS_FUZZ
from tests.fakes.paginated_service import CompletePageIterator, as_list
from tests.fakes.random_pages import RandomService, random_pages, shape_at

#: The random listings for each operation.
LISTINGS = max(1, FUZZ_EXAMPLES // 1000)
#: The lowest botocore that is tested, 1.41.4, has 2,918 (257 in the sample), 1.44.8 3,507 (309).
LEAST = 2_900 if IS_FUZZ else 250


@dataclass
class Operation:
    """An operation that can be paginated, of a client of botocore's."""

    client: Any
    method_name: str

    def __post_init__(self) -> None:
        name = self.client.meta.method_to_api_mapping[self.method_name]
        self.model = self.client.meta.service_model.operation_model(name)
        self.name = f"{self.client.meta.service_model.service_name} {name}"
        self.entry: dict[str, Any] = self.client.get_paginator(self.method_name)._pagination_cfg
        primary = shape_at(self.model.output_shape, as_list(self.entry["result_key"])[0])
        self.has_map = primary.type_name in ("map", "structure")

    def ours(self) -> Any:
        paginator = paginator_from_client(self.client, self.method_name)
        assert isinstance(paginator, Paginator)
        return paginator

    def botocores(self, *, complete: bool = False) -> Any:
        paginator = self.client.get_paginator(self.method_name)
        if complete:
            paginator.PAGE_ITERATOR_CLS = CompletePageIterator
        return paginator


def services(session: botocore.session.Session) -> Iterator[str]:
    """Yield all services with paginators; in a sample, those with an entry of a new form."""
    loader = session.get_component("data_loader")
    known: set[object] = set()
    for service in loader.list_available_services("paginators-1"):
        entries = loader.load_service_model(service, "paginators-1")["pagination"].values()
        forms = {
            tuple((key, re.sub(r"\w+", "x", str(value))) for key, value in sorted(entry.items()))
            for entry in entries
        }
        if IS_FUZZ or forms - known:
            known |= forms
            yield service


def operations() -> Iterator[Operation]:
    """Yield all that botocore can paginate, of the services."""
    session = botocore.session.Session()
    session.set_credentials("key", "secret")
    for service in services(session):
        client = session.create_client(service, region_name="us-east-1")
        for method_name in client.meta.method_to_api_mapping:
            if client.can_paginate(method_name):
                yield Operation(client, method_name)


@dataclass
class Seen:
    """All that a caller, and the service, see of a listing."""

    pages: list[Any]
    resume_token: str | None
    non_aggregate_part: dict[str, Any]
    full: dict[str, Any]
    requests: list[dict[str, Any]]


def seen_by(paginator: Any, service: RandomService, config: dict[str, Any], *, full: bool) -> Seen:
    service.requests.clear()
    pages = paginator.paginate(Owner="me", PaginationConfig=config)
    yielded = list(pages)
    result = {}
    if full:
        again = paginator.paginate(Owner="me", PaginationConfig=config)
        result = again.build_full_result()
        assert again.resume_token == pages.resume_token
    return Seen(
        yielded, pages.resume_token, pages.non_aggregate_part, result, list(service.requests)
    )


def check(operation: Operation, rng: random.Random) -> None:
    """Page through a made-up listing from its start and from tokens, in both ways."""
    pages = random_pages(operation.entry, operation.model.output_shape, rng)
    service = RandomService(operation.entry, pages)
    setattr(operation.client, operation.method_name, service)
    paginator = operation.ours()
    size = {"PageSize": rng.randint(1, 50)} if "limit_key" in operation.entry else {}
    # botocore can neither cut a map nor join two.
    is_list = not operation.has_map
    everything = seen_by(paginator, service, size, full=is_list)
    assert everything == seen_by(operation.botocores(), service, size, full=is_list)
    assert everything.pages == pages
    if is_list:
        item_count = sum(1 for _ in paginator.paginate().items())
        config = {**size, "MaxItems": rng.randint(0, item_count + 1)}
        seen = seen_by(paginator, service, config, full=True)
        assert seen == seen_by(operation.botocores(), service, config, full=True)
        if seen.resume_token is not None:
            resumed = {**size, "StartingToken": seen.resume_token}
            check_resuming(operation, service, resumed)
            if rng.random() < 0.5:
                check_resuming(operation, service, {**resumed, "MaxItems": rng.randint(0, 5)})

    iterator = paginator.paginate()
    tokens = [iterator.resume_token for _ in iterator]
    for number, token in enumerate(tokens[:-1], start=1):
        seen = check_resuming(operation, service, {**size, "StartingToken": token})
        assert seen.pages == pages[number:]
    assert tokens[-1] is None


def check_resuming(operation: Operation, service: RandomService, config: dict[str, Any]) -> Seen:
    seen = seen_by(operation.ours(), service, config, full=not operation.has_map)
    reference = operation.botocores(complete=True)
    assert seen == seen_by(reference, service, config, full=not operation.has_map)
    return seen


def test_each_has_the_results_of_botocores(capsys: pytest.CaptureFixture[str]) -> None:
    failed: dict[str, str] = {}
    compared = 0
    for operation in operations():
        for listing in range(LISTINGS):
            try:
                check(operation, random.Random(f"{operation.name} {listing}"))
            except Exception as error:  # noqa: BLE001  # all failures are shown at once
                failed.setdefault(operation.name, f"listing {listing}: {error!r}"[:2000])
        compared += 1
    with capsys.disabled():
        print(f"\n{compared} paginators of AWS compared with botocore's, {LISTINGS} listings each")
    assert failed == {}
    assert compared >= LEAST
