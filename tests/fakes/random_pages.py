"""Random pages of any operation of AWS, by the shape of its output."""

import copy
import datetime as dt
import itertools
import json
import random
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.paginated_service import Entry, as_list, put

EPOCH = dt.datetime(2016, 1, 1, tzinfo=dt.UTC)
MAX_DEPTH = 4


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
        import jmespath

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
