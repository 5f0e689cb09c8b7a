"""No test of the protocol leaves a thread of prefetching behind."""

from collections.abc import Iterator

import pytest

from tests.fakes.prefetching import join_prefetch_threads


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    join_prefetch_threads()
