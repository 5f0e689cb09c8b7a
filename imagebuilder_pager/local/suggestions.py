"""What was probably meant by an unknown name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def suggest(given: object, names: Iterable[str]) -> str:
    """Return the question for a similar name, or the list of all: the end of an error's sentence.

    Case, dashes and underscores make no difference.
    """
    import difflib  # for an error alone

    by_key = {name.lower(): name for name in names}
    key = str(given).replace("_", "").replace("-", "").lower()
    similar = difflib.get_close_matches(key, by_key, n=1, cutoff=0.75)
    return f"did you mean {by_key[similar[0]]}?" if similar else f"there are {', '.join(names)}"
