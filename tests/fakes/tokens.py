"""Tokens that a caller may pass, and a service that accepts any token."""

import base64
import copy
import json
from typing import Any

from tests.fakes.paginated_service import ENTRY, FakeService, Listing

NUMBERS = Listing(entry=ENTRY, items=list(range(10)), most=5)


def packed(value: Any) -> str:
    """Return JSON in base64, like every token of a paginator."""
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


class AnyTokenService(FakeService):
    """A service that accepts any parameter and any token, and has one page of ten items."""

    def __init__(self, listing: Listing = NUMBERS) -> None:
        super().__init__(listing)

    def __call__(self, **params: Any) -> dict[str, Any]:
        self.requests.append(copy.deepcopy(params))
        return {"Items": list(range(10))}
