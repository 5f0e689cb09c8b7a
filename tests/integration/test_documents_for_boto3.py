"""Every Python example of the README and the docs for a boto3 client, run against moto's S3."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.fakes.example_programs import (
    ALL_KEYS,
    PAGE,
    look_for_s3_at,
    needs_aiobotocore,
    programs_over_clients,
    run,
)
from tests.fakes.moto_server import moto_server
from tests.fakes.moto_services import SETTINGS, fill_s3

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """Run moto's S3 with ``my-bucket``, which has three folders of nine objects."""
    with moto_server() as url:
        client = boto3.session.Session(**SETTINGS).client("s3", endpoint_url=url)
        fill_s3(client)
        client.close()
        yield url


@pytest.fixture(autouse=True)
def _s3_everywhere(s3_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Set the environment so that a program finds moto's S3 in place of AWS."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    look_for_s3_at(s3_url, monkeypatch)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_each_example_prints_keys_or_folders(
    document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for source in programs_over_clients(document):
        if needs_aiobotocore(source):
            assert document == PAGE  # its example needs aiobotocore
            continue
        run(source)
        printed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
        assert printed == (["a/", "b/", "c/"] if "Delimiter" in source else ALL_KEYS), source


def test_the_page_has_its_examples() -> None:
    examples = programs_over_clients(PAGE)
    assert sorted(map(needs_aiobotocore, examples)) == [False, False, False, True]


def test_the_checkpoint_resumes_where_it_was_killed(capsys: pytest.CaptureFixture[str]) -> None:
    (source,) = [source for source in programs_over_clients(PAGE) if "checkpoint" in source]
    finished = 0
    for page_size, killed_after in ((4, 3), (7, 9), (2, 1), (5, None)):
        lines = source.replace(
            '{"StartingToken"', f'{{"PageSize": {page_size}, "StartingToken"'
        ).replace('or "finished")\n', 'or "finished")\n        stop()\n')
        assert lines.count("stop()") == lines.count("PageSize") == 1
        finished = 0

        def stop(killed_after: int | None = killed_after) -> None:
            nonlocal finished
            finished += 1
            if finished == killed_after:
                raise SystemExit

        try:
            run(lines, stop=stop)
        except SystemExit:
            assert killed_after is not None
    assert capsys.readouterr().out.splitlines() == ALL_KEYS
