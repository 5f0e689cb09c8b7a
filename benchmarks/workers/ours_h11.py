"""The worker for imagebuilder_pager's sync client with ``H11Client``, which connects ahead."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from . import ours
from .common import CREDENTIALS, REGION

if TYPE_CHECKING:
    from imagebuilder_pager import ImageBuilder


def make_client(url: str) -> ImageBuilder:
    """Return a client with ``H11Client``; its process ends with it."""
    from imagebuilder_pager import H11Client, ImageBuilder

    http_client = H11Client(preconnect=True)
    return ImageBuilder(REGION, endpoint_url=url, http_client=http_client, **CREDENTIALS)


first_page = partial(ours.first_page, make_client=make_client)
stream = partial(ours.stream, make_client=make_client)
walk = partial(ours.walk, make_client=make_client)
single_listings = partial(ours.single_listings, make_client=make_client)
