"""Code that the tests share: clocks, servers, accounts."""

import os

#: The examples of each fuzzed test; ``make fuzz`` sets more.
FUZZ_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
