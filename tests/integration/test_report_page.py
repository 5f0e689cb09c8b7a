"""``lifecycle-report --output html``: the summary as one page."""

import contextlib
import html
import re
from pathlib import Path

import pytest

from imagebuilder_pager.cli.main import main
from imagebuilder_pager.fleet import FleetDatabase
from tests.fakes.fleets import PAST, make_fleet, query, run, serve_fleet, targets_of

#: A text of a service, which no page may obey; and the same in SQL.
ATTACK = "\"'><img src=http://attack.example/x onerror=alert(1)><script>alert(2)</script>&amp;"
QUOTED = ATTACK.replace("'", "''")


def make_page(path: Path, *choice: str, output: str = "html") -> str:
    """Return the page that the command writes."""
    command = ["lifecycle-report", "--offline", "--database", str(path), "--output", output]
    page = path.with_suffix(".html")
    with page.open("w") as file, contextlib.redirect_stdout(file):
        main([*command, *choice])
    return page.read_text(encoding="utf-8")


def text_of(page: str) -> str:
    """Return the text of the page's body."""
    return html.unescape(re.sub(r"<[^>]*>", "", page[page.index("<body>") :]))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fleet over three weeks, of which one is without executions; names and reasons attack."""
    path = tmp_path_factory.mktemp("page") / "fleet.sqlite"
    fleet = make_fleet(("us-west-2", "eu-west-1"), executions=7, resources=4, newest=PAST)
    with serve_fleet(fleet):
        assert not run(path, targets_of(fleet)).failures
    reason, name = f"'{QUOTED}'", f"name || '{QUOTED}'"
    for change in (
        f"policies SET name = {name}",
        f"resources SET reason = {reason} WHERE status = 'FAILED'",
        f"executions SET reason = {reason} || account || char(8238) WHERE status = 'FAILED'",
        "executions SET end_time = replace(end_time, '2026-02-2', '2026-02-0')",
        f"targets SET state = 'failed', error = {reason} LIMIT 1",
    ):
        query(path, f"UPDATE {change}")
    return path


def test_the_values_of_the_service_are_text_and_nothing_is_loaded(database: Path) -> None:
    page = make_page(database)
    assert page.startswith("<!doctype html>")
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'\"" in page
    tags = set(re.findall(r"<(\w+)", page))
    assert tags <= {"html", "head", "meta", "title", "style", "body", "pre", "code", "span"}
    assert "".join(text_of(page).split()).count("".join(ATTACK.split())) > 5
    assert "\u202e" not in page


def test_the_page_is_the_summary(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    page = make_page(database, "--account", "123456789012")
    summary = make_page(database, "--account", "123456789012", output="summary")
    assert text_of(page).split() == summary.split()
    assert "Only accounts 123456789012" in summary


def test_a_page_without_a_run_says_so(path: Path) -> None:
    FleetDatabase(path).close()
    assert "Nothing has been listed yet." in make_page(path)
