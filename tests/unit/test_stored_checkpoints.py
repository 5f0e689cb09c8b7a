"""The checkpoints and resume tokens that a released version has stored stay readable.

``fixtures/stored`` has a folder for each format, named after the first version that wrote it. Its
files are never written again.
"""

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from imagebuilder_pager import Checkpoint, ImageBuilder
from tests.fakes.image_builder import client_of
from tests.fakes.lifecycle_account import execution_id, make_account

STORED = Path(__file__).parents[2] / "fixtures" / "stored"
VERSIONS = sorted(
    (path.name for path in STORED.iterdir()), key=lambda name: [*map(int, name.split("."))]
)
LISTING: dict[str, Any] = {"lifecycleExecutionId": execution_id(0, 0)}


@pytest.fixture
def client() -> ImageBuilder:
    return client_of(make_account(policies=2, executions=2, images=6, most=2))


def resources_of(client: ImageBuilder, token: str | None) -> tuple[Any, Any]:
    """Return the pages of a listing of six resources, two on a page, and their items."""
    paginator = client.get_paginator("list_lifecycle_execution_resources")
    pages = paginator.paginate(**LISTING, PaginationConfig={"StartingToken": token})
    return pages, pages.items()


def walk_of(client: ImageBuilder, token: str | None) -> tuple[Any, Any]:
    """Return a walk, and its records."""
    walk = client.walk_lifecycle(StartingToken=token)
    return walk, iter(walk)


class Case(NamedTuple):
    """A listing of which a checkpoint is stored, after ``processed`` items."""

    name: str
    listing: dict[str, Any]
    begin: Callable[[ImageBuilder, str | None], tuple[Any, Any]]
    processed: int


CASES = [Case("resources", LISTING, resources_of, 3), Case("walk", {}, walk_of, 10)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_stored_checkpoint_resumes_its_listing(
    client: ImageBuilder, tmp_path: Path, version: str, case: Case
) -> None:
    path = Path(shutil.copy(STORED / version / f"{case.name}.checkpoint", tmp_path))
    expected = list(case.begin(client, None)[1])
    assert len(expected) > case.processed + 1
    with Checkpoint(path, case.listing) as checkpoint:
        assert checkpoint.data == {"processed": case.processed}
        pages, _ = case.begin(client, checkpoint.token)
        assert list(checkpoint.items(pages)) == expected[case.processed :]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_stored_checkpoint_of_a_finished_listing_has_nothing_left(
    client: ImageBuilder, tmp_path: Path, version: str
) -> None:
    path = Path(shutil.copy(STORED / version / "finished.checkpoint", tmp_path))
    with Checkpoint(path, LISTING) as checkpoint:
        assert checkpoint.finished
        pages, _ = resources_of(client, checkpoint.token)
        assert list(checkpoint.items(pages)) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_newest_stored_checkpoint_is_what_is_written_today(
    client: ImageBuilder, tmp_path: Path, case: Case
) -> None:
    """A new format needs a folder of its version beside the old one."""
    pages, items = case.begin(client, None)
    assert len(list(itertools.islice(items, case.processed))) == case.processed
    with Checkpoint(tmp_path / "new.checkpoint", case.listing) as checkpoint:
        checkpoint.save(pages.resume_token, data={"processed": case.processed})
    written = json.loads((tmp_path / "new.checkpoint").read_text())
    assert written == json.loads((STORED / VERSIONS[-1] / f"{case.name}.checkpoint").read_text())
