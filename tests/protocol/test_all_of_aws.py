"""The paginators of AWS, in ``make fuzz`` all of them, beside botocore's with the same client."""

import copy
import datetime as dt
import itertools
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import botocore.session
import jmespath
import pytest

from imagebuilder_pager.pagination import Paginator, paginator_from_client
from tests.fakes import FUZZ_EXAMPLES, IS_FUZZ
from tests.fakes.paginated_service import CompletePageIterator, Entry, as_list, put

#: The random listings for each operation.
LISTINGS = max(1, FUZZ_EXAMPLES // 1000)
#: The lowest botocore that is tested, 1.41.4, has 2,918 (257 in the sample), 1.44.8 3,507 (309).
LEAST = 2_900 if IS_FUZZ else 250
EPOCH = dt.datetime(2016, 1, 1, tzinfo=dt.UTC)
MAX_DEPTH = 4


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


# Random pages, by the shape of an operation's output.


def shape_at(shape: Any, path: str) -> Any:
    """Return the shape of the member at a path, or None if it does not exist."""
    for name in path.split("."):
        if shape is None or shape.type_name != "structure":
            return None
        shape = shape.members.get(name)
    return shape


class RandomValues:
    """Random values for the shapes of a service model, as returned by its client."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self._numbers = itertools.count(1)

    def value(self, shape: Any, depth: int = 0) -> Any:
        """Return a value of the shape; each string or whole number is returned only once."""
        rng = self.rng
        count = rng.randrange(3) if depth < MAX_DEPTH else 0
        match shape.type_name:
            case "structure":
                members = shape.members if depth < MAX_DEPTH else {}
                return {
                    name: self.value(member, depth + 1)
                    for name, member in members.items()
                    if rng.random() < 0.5
                }
            case "list":
                return [self.value(shape.member, depth + 1) for _ in range(count)]
            case "map":
                return {
                    self.unique("key"): self.value(shape.value, depth + 1) for _ in range(count)
                }
        return self._scalar(shape.type_name)

    def _scalar(self, type_name: str) -> Any:
        rng = self.rng
        if type_name in ("string", "character"):
            return self.unique("text")
        if type_name in ("integer", "long"):
            return next(self._numbers)
        return {
            "float": rng.randrange(1000) / 8,
            "double": rng.randrange(1000) / 8,
            "boolean": rng.random() < 0.5,
            "timestamp": EPOCH + dt.timedelta(seconds=rng.randrange(10**8)),
            "blob": rng.randbytes(3),
        }[type_name]

    def token(self, shape: Any) -> Any:
        """Return a value that counts as a token: not an empty structure."""
        token = self.value(shape)
        while not token:
            token = self.value(shape)
        return token

    def unique(self, text: str) -> str:
        """Return a string that no other call returns."""
        return f"{text} {next(self._numbers)}"


@dataclass
class RandomService:
    """A service that has the pages of one operation, and records its requests.

    A token leads to its page for any page size, so that botocore's paginator, which is wrong for
    changing sizes, is right here.
    """

    entry: Entry
    pages: list[dict[str, Any]]
    requests: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = as_list(self.entry["input_token"])
        paths = as_list(self.entry["output_token"])
        starts = [dict.fromkeys(names)]
        for page in self.pages[:-1]:
            found = [jmespath.search(path, page) for path in paths]
            starts.append(dict(zip(names, found, strict=True)))
        self._page_by_tokens = dict(zip(map(canonical, starts), self.pages, strict=True))

    def __call__(self, **params: Any) -> dict[str, Any]:
        self.requests.append(copy.deepcopy(params))
        tokens = {name: params.get(name) for name in as_list(self.entry["input_token"])}
        return copy.deepcopy(self._page_by_tokens[canonical(tokens)])


def canonical(tokens: dict[str, Any]) -> str:
    """Return the same string for equal tokens."""
    return json.dumps(tokens, sort_keys=True, default=repr)


def random_pages(entry: Entry, output_shape: Any, rng: random.Random) -> list[dict[str, Any]]:
    """Return one to four pages with items, tokens and flags by the entry."""
    values = RandomValues(rng)
    count = rng.choice((1, 2, 3, 4))
    return [
        random_page(entry, output_shape, values, last=number == count)
        for number in range(1, count + 1)
    ]


def random_page(
    entry: Entry, output_shape: Any, values: RandomValues, *, last: bool
) -> dict[str, Any]:
    """Return a page with a token, unless it is the last page."""
    page: dict[str, Any] = values.value(output_shape)
    rng = values.rng
    primary, *others = as_list(entry["result_key"])
    tokens = as_list(entry["output_token"])
    # If the token is made of the last item, each page except the last has an item.
    least = 1 if not last and any("[-1]" in token for token in tokens) else 0
    for path in (primary, *others):
        shape = shape_at(output_shape, path)
        if shape.type_name == "list":
            count = rng.randint(least if path == primary else 0, 4)
            put(page, path, [values.value(shape.member, 1) for _ in range(count)])
        elif path == primary or rng.random() < 0.8:
            put(page, path, values.value(shape))
    for expression in tokens:
        paths = expression.split(" || ")
        for path in paths:
            if "[-1]" in path:
                put_keys(page, path, values)
            elif not last and (len(paths) == 1 or rng.random() < 0.5):
                put(page, path, values.token(shape_at(output_shape, path)))
            else:
                put(page, path, rng.choice((None, "")))
    if "more_results" in entry:
        put(page, entry["more_results"], not last)
    return page


def put_keys(page: dict[str, Any], expression: str, values: RandomValues) -> None:
    """Put a key into each item; the last item's key is the token."""
    items_path, key = expression.split("[-1].")
    items: Any = page
    for name in items_path.split("."):
        items = items[name]
    for item in items:
        item[key] = values.unique(key)


# The comparison.


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
