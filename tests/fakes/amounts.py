"""How much is tried: a sample in ``make test``, many times more in ``make fuzz``."""

import os

_FUZZ_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))


def fuzz_examples(sample: int, cost: int) -> int:
    """Return how many random examples a test tries.

    sample: in ``make test``, and the least.
    cost: of one example, in inputs of a parser; ``FUZZ_EXAMPLES`` is a number of these.
    """
    return max(sample, _FUZZ_EXAMPLES // cost)
