"""``lifecycle-report --output html``: the page by itself, and in Chromium, if it is installed."""

import base64
import contextlib
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from imagebuilder_pager.cli.lifecycle_report.report import failed_executions, summarize
from imagebuilder_pager.cli.lifecycle_report.selection import Selection
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.cli.rich_formats.describe import short_reason
from imagebuilder_pager.fleet import FleetDatabase
from tests.fakes.fleets import PAST, make_fleet, query, run, serve_fleet, targets_of
from tests.fakes.proxies import RunningProxy

#: A text of a service, which no page may obey; and the same in SQL.
ATTACK = "\"'><img src=http://attack.example/x onerror=alert(1)><script>alert(2)</script>&amp;"
QUOTED = ATTACK.replace("'", "''")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


class Page(HTMLParser):
    """The elements of a page, the texts of its cells by the id of their table, and all its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.tables: dict[str, list[list[str]]] = {}
        self.text = ""
        self._is_in_cell = False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag == "table":
            self._rows = self.tables.setdefault(dict(attrs)["id"] or "", [])
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"td", "th"}:
            self._rows[-1].append("")
            self._is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._is_in_cell = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._is_in_cell:
            self._rows[-1][-1] += data


def make_page(path: Path, *choice: str) -> str:
    """Return the page that the command writes."""
    command = ["lifecycle-report", "--offline", "--database", str(path), "--output", "html"]
    page = path.with_suffix(".html")
    with page.open("w") as file, contextlib.redirect_stdout(file):
        main([*command, *choice])
    return page.read_text(encoding="utf-8")


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


def test_the_values_of_the_service_are_text(database: Path) -> None:
    page = Page(make_page(database))
    assert page.tags.count("script") == page.tags.count("style") == 1
    assert not {"img", "link", "iframe", "a"} & set(page.tags)
    assert not {name for name in page.attributes if name in {"src", "href", "style"}}
    assert not {name for name in page.attributes if name.startswith("on")}
    assert page.text.count(ATTACK) > 20
    assert "\u202e" not in page.text


def test_the_page_allows_itself_nothing_but_its_style_and_its_script(database: Path) -> None:
    source = make_page(database)
    assert source.startswith("<!doctype html>")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', source)
    assert policy is not None
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for tag in ("style", "script")
        for text in re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
    ]
    assert policy[1] == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"
    )
    assert source.index("Content-Security-Policy") < source.index("<style>")


def test_weeks_accounts_and_policies_count_the_same(database: Path) -> None:
    page = Page(make_page(database))
    week, account = page.tables["week"][1:], page.tables["account"][1:]
    policy = page.tables["policy"][1:]
    assert [row[0] for row in week] == ["2026-02-23", "2026-02-16", "2026-02-09", "2026-02-02"]
    assert [row[2] for row in week][1:3] == ["0", "0"]
    for column in range(-6, 0):
        totals = [
            sum(int(row[column].replace(",", "")) for row in rows)
            for rows in (week, account, policy)
        ]
        assert totals[0] == totals[1] == totals[2] > 0


def test_each_reason_has_its_executions_and_says_how_many_more(database: Path) -> None:
    with FleetDatabase(database, read_only=True) as listed:
        summary = summarize(listed, Selection())
        every = failed_executions(listed, Selection(), summary)
        some = failed_executions(listed, Selection(), summary, limit=1)
    failures = summary["failures"]
    assert {failure["reason"] for failure in failures} == every.keys() == some.keys()
    for failure in failures:
        executions, hidden = every[failure["reason"]]
        times = [one["time"] for one in executions]
        assert (hidden, times) == (0, sorted(times, reverse=True))
        assert some[failure["reason"]] == (executions[:1], len(executions) - 1)
        resources = sum(one["resources"] for one in executions)
        assert resources == failure["images"] + failure["children"] + failure["snapshots"]
        own = sum(not one["resources"] for one in executions)
        assert own == failure["executions"]
    page = Page(make_page(database))
    for number, failure in enumerate(failures):
        executions, _ = every[failure["reason"]]
        rows = page.tables[f"reason{number}"][1:]
        assert [row[4] for row in rows] == [one["execution_id"] for one in executions]


def test_the_newest_of_a_reason_goes_by_its_executions_times(database: Path, path: Path) -> None:
    shutil.copy(database, path)
    query(path, "UPDATE resources SET end_time = '2030-01-01T00:00:00.000Z'")
    query(path, "UPDATE executions SET end_time = NULL WHERE status = 'FAILED'")
    page = Page(make_page(path))
    assert "2030" not in page.text
    reasons = [rows for name, rows in page.tables.items() if name.startswith("reason")]
    assert any(row[0] == "not yet" for rows in reasons for row in rows[1:])


def test_a_page_has_no_more_than_a_hundred_reasons(database: Path, path: Path) -> None:
    shutil.copy(database, path)
    query(path, "UPDATE resources SET status = 'FAILED', reason = 'why x' || hex(randomblob(8))")
    source = make_page(path)
    assert sum(name.startswith("reason") for name in Page(source).tables) == 100
    (more,) = re.findall(r"and ([\d,]+) more reasons", source)
    ((changed,),) = query(path, "SELECT count(*) FROM resources")
    failed = "SELECT reason FROM {} WHERE status = 'FAILED' AND reason <> ''"
    own = [
        row for table in ("executions", "snapshots") for row in query(path, failed.format(table))
    ]
    distinct = {short_reason(reason) for (reason,) in own}
    assert int(more.replace(",", "")) == changed + len(distinct) - 100


def test_a_selection_is_named_and_leaves_out_the_rest(database: Path) -> None:
    page = Page(make_page(database, "--account", "123456789012", "--since", "9000d"))
    assert [row[0] for row in page.tables["account"][1:]] == ["123456789012"]
    assert "Only accounts: 123456789012" in page.text


def test_a_page_without_a_run_or_without_executions_says_so(database: Path, path: Path) -> None:
    FleetDatabase(path).close()
    assert "Nothing has been listed yet." in Page(make_page(path)).text
    page = Page(make_page(database, "--until", "2000-01-01"))
    assert "No lifecycle execution is chosen." in page.text


REFUSAL = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def browse(folder: Path, source: str, fragment: str = "") -> tuple[str, list[str], list[str]]:
    """Return the document of Chromium, the lines of its console, and the requested URLs."""
    file = folder / "page.html"
    file.write_text(source, encoding="utf-8")
    assert CHROMIUM is not None
    with RunningProxy(REFUSAL) as proxy:
        ran = subprocess.run(
            [
                *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
                *("--disable-background-networking", "--disable-component-update"),
                *("--no-first-run", "--enable-logging=stderr", "--disable-dev-shm-usage"),
                *(f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=2000"),
                *(f"--proxy-server=http://{proxy.address}", file.as_uri() + fragment),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    console = [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
    requested = [head.decode().split()[1] for head in proxy.requests if b"attack.example" in head]
    return ran.stdout, console, requested


@needs_chromium
def test_chromium_shows_the_page_without_errors_and_asks_nobody(
    database: Path, tmp_path: Path
) -> None:
    source = make_page(database)
    document, console, requested = browse(tmp_path, source)
    assert (console, requested) == ([], [])
    page = Page(document)
    assert page.tables == Page(source).tables
    assert "button" in page.tags  # of the script, which has run to its end


@needs_chromium
def test_chromium_refuses_foreign_scripts_and_images(database: Path, tmp_path: Path) -> None:
    foreign = '<script>document.title = "x"</script><img src="http://attack.example/x">'
    source = make_page(database).replace("<h1>", f"{foreign}<h1>")
    document, console, requested = browse(tmp_path, source)
    assert "<title>Lifecycle report</title>" in document
    assert (len(console), requested) == (2, [])
    without = re.sub(r"<meta http-equiv[^>]*>", "", source)
    document, _, requested = browse(tmp_path, without)
    assert "<title>x</title>" in document
    assert requested == ["http://attack.example/x"]


@needs_chromium
@pytest.mark.parametrize(
    ("table", "column", "is_number"),
    [("reason0", 0, False), ("reason0", 5, True), ("account", 4, True)],
)
def test_chromium_sorts_a_table(
    database: Path, tmp_path: Path, table: str, column: int, is_number: bool
) -> None:
    source = make_page(database)
    document, _, _ = browse(tmp_path, source, f"#{table}:{column}")
    head, *rows = Page(document).tables[table]
    assert sorted(rows) == sorted(Page(source).tables[table][1:])
    cells = [row[column] for row in rows]
    assert cells == (sorted(cells, key=int, reverse=True) if is_number else sorted(cells))
    direction = "descending" if is_number else "ascending"
    assert re.findall(r'aria-sort="(\w+)"><button>([^<]+)', document) == [(direction, head[column])]
