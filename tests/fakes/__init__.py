"""Code that the tests share: clocks, servers, accounts."""

import os

#: Whether this is ``make fuzz``, with all cases of what ``make test`` takes a sample of.
IS_FUZZ = "FUZZ_EXAMPLES" in os.environ
#: The examples of each fuzzed test.
FUZZ_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
