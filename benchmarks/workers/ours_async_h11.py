"""The worker for imagebuilder_pager's async client with ``AsyncH11Client``."""

from __future__ import annotations

from functools import partial

from imagebuilder_pager import AsyncH11Client

from . import ours_async

stream = partial(ours_async.stream, make_http_client=AsyncH11Client)
