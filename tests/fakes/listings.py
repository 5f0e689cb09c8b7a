"""Hypothesis strategies: listings of fake services, and the options of a caller."""

from typing import Any

from hypothesis import strategies as st

from .paginated_service import Entry, Listing, as_list

PATHS = ["Names", "Result.Count", "A.B.C"]
PREFIXES = ["t", "opaque/+=", "ünï-☃ ", "None", '{"a": 1}', "__"]


@st.composite
def listings(draw: st.DrawFn, *, kinds: tuple[str, ...] | None = None) -> Listing:
    """Draw any listing of any service; ``kinds`` restricts the kinds of tokens."""
    kind = draw(st.sampled_from(kinds or ("text", "text", "number", "bytes", "object", "key")))
    primary = draw(st.sampled_from(["Items", "Result.Items", "A.B.Items"]))
    names = ["Token", "Second", "Third"][: 1 if kind == "key" else draw(st.integers(1, 3))]
    outputs = ["NextToken", "Result.Second", "Third || Old.Third"][: len(names)]
    if kind == "key":
        outputs = [f"NextToken || {primary}[-1].Key"]
    elif draw(st.booleans()):
        outputs[0] = "NextToken || Result.Marker || Marker"
    paths = draw(st.lists(st.sampled_from(PATHS), max_size=3, unique=True))
    single = len(names) == 1 and draw(st.booleans())
    as_a_list = bool(paths) or draw(st.booleans())
    entry: Entry = {
        "input_token": names[0] if single else names,
        "output_token": outputs[0] if single else outputs,
        "result_key": [primary, *paths] if as_a_list else primary,
    }
    if draw(st.integers(0, 4)):
        entry["limit_key"] = "Max"
        if draw(st.booleans()):
            entry["limit_as_string"] = True
    if draw(st.booleans()):
        entry["more_results"] = draw(st.sampled_from(["More", "Result.More"]))
    if draw(st.booleans()):
        entry["non_aggregate_keys"] = draw(
            st.lists(st.sampled_from(["Owner", "Result.Info", "Deep.Er.Info"]), unique=True)
        )
    count = draw(st.integers(0, 12))
    turns = st.lists(st.integers(0, 2), min_size=1, max_size=4).map(tuple)
    items: Any = [{"Key": f"k{number}", "n": number} for number in range(count)]
    prefix = draw(st.sampled_from(PREFIXES))
    if kind == "key":
        prefix = "k"
    elif draw(st.integers(0, 4)) == 0:
        items = "abcdefghijklmnop"[:count]
    return Listing(
        entry=entry,
        items=items,
        most=draw(st.integers(1, 5)),
        short=draw(turns),
        hops=draw(st.just((0,)) | turns),
        kind=kind,
        prefix=prefix,
        sparse=draw(st.booleans()),
        end=draw(st.sampled_from(["absent", "null", "empty"])),
        empty=draw(st.sampled_from(["list", "null", "absent"])),
        trailing=draw(st.booleans()),
        stale=draw(st.booleans()),
        secondary=tuple(
            draw(st.sampled_from(["list", "text", "number", "sometimes", "absent"])) for _ in paths
        ),
    )


def maybe_text(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[int | str]:
    return numbers | numbers.map(str)


@st.composite
def configs(draw: st.DrawFn, listing: Listing) -> dict[str, Any]:
    """Draw MaxItems and PageSize, each or none, as numbers or numeric strings."""
    config: dict[str, Any] = {}
    if draw(st.integers(0, 3)):
        config["MaxItems"] = draw(maybe_text(st.integers(0, len(listing.items) + 2)))
    if "limit_key" in listing.entry and draw(st.integers(0, 3)):
        config["PageSize"] = draw(maybe_text(st.integers(1, 6)))
    return config


def expressions(listing: Listing) -> st.SearchStrategy[str]:
    """Return JMESPath expressions that have a value on each page of the listing."""
    primary = as_list(listing.entry["result_key"])[0]
    return st.sampled_from(
        [
            primary,
            f"{primary}[].Key",
            f"{primary}[0]",
            f"{primary}[1::2]",
            f"[{primary}, `7`]",
            f"not_null(a, b, {primary})",
            f"{primary}[?n > `1` && !(n == `2`)] | [0]",
            "Owner",
            "*.a[].b",
            "length(@)",
            "merge({a: `1`}, {b: `2`}).a",
            'sort_by([`{"c": "x"}`], &length(c))',
            "join(', ', map(&to_string(@), [`1`]))",
        ]
    )
