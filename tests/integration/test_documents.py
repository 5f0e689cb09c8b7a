"""Every Python example of the README and the docs, run against the local service.

Those for boto3's clients are in ``test_documents_for_boto3.py``.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    LocalImageBuilder,
    LocalServer,
    load_account,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.mark.structures import ParameterSet

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


PATH = re.compile(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|toml|txt))`")


def examples() -> list[ParameterSet]:
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        for match in BLOCK.finditer(text):
            if "paginator_from_client" in match[1]:
                continue  # needs a botocore with its data: test_documents_for_boto3.py
            line = text[: match.start()].count("\n") + 2
            found.append(pytest.param(match[1], id=f"{document.relative_to(ROOT)}:{line}"))
    return found


EXAMPLES = examples()


@pytest.fixture
def local_service_everywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[LocalImageBuilder]:
    """The environment of a program that finds the local service where it looks for AWS."""
    service = LocalImageBuilder(load_account(ROOT / "fixtures" / "account.json"))
    with LocalServer(service) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IMAGEBUILDER", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        monkeypatch.chdir(tmp_path)
        yield service


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "SECURITY.md"])
def test_the_files_that_a_document_names_exist(document: str) -> None:
    named = set(PATH.findall((ROOT / document).read_text()))
    assert len(named) >= 8
    folders = (ROOT, ROOT / "imagebuilder_pager", ROOT / "imagebuilder_pager/aws/credentials")
    missing = {name for name in named if not any((folder / name).exists() for folder in folders)}
    assert not missing


@pytest.mark.usefixtures("local_service_everywhere")
@pytest.mark.parametrize("source", EXAMPLES)
def test_example_runs(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        pytest.fail(f"the example slept {seconds} s")

    monkeypatch.setattr(time, "sleep", sleep)
    exec(compile(source, "<example>", "exec"), {"__name__": "__main__"})


def test_the_first_example_prints_what_the_readme_says(
    local_service_everywhere: LocalImageBuilder, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (ROOT / "README.md").read_text()
    first = BLOCK.search(readme)
    assert first is not None
    exec(compile(first[1], "<example>", "exec"), {"__name__": "__main__"})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 101
    shown = [line.strip() for line in readme.splitlines() if line.startswith("    arn:")]
    assert lines[0] == shown[0]
    assert local_service_everywhere.requests == 4


def test_the_checkpoint_example_goes_on_where_it_was_killed(
    local_service_everywhere: LocalImageBuilder, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (ROOT / "README.md").read_text()
    source = next(match[1] for match in BLOCK.finditer(readme) if "checkpoint" in match[1])
    lines: list[str] = []
    for killed_after in (7, 25, 60, None):
        broken = source
        if killed_after is not None:
            broken = source.replace("checkpoint.write_text(", "count(checkpoint.write_text(", 1)
            broken = broken.replace('"finished")\n', '"finished"))\n')
        seen = 0

        def count(_: object, killed_after: int | None = killed_after) -> None:
            nonlocal seen
            seen += 1
            if seen == killed_after:
                raise SystemExit

        try:
            exec(compile(broken, "<example>", "exec"), {"__name__": "__main__", "count": count})
        except SystemExit:
            assert killed_after is not None
        lines += capsys.readouterr().out.splitlines()
    account = load_account(ROOT / "fixtures" / "account.json")
    execution = next(e for e in account.executions if e.lifecycle_execution_id.endswith("9012"))
    assert lines == [resource["resourceId"] for resource in execution.resources]
