"""The form of the README and the docs: lengths, openings, links, and the map of all pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imagebuilder_pager import exceptions

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
REFERENCE = sorted((DOCS / "reference").glob("*.md"))
OTHERS = [
    *sorted(ROOT.glob("*.md")),
    *sorted(path for folder in ("benchmarks", "examples") for path in (ROOT / folder).glob("*.md")),
]
LINES_OF_README, LINES_OF_A_PAGE = 150, 200
#: A list of one line for each argument, where a search finds every public name.
LONGER = {"api.md"}
LINK = re.compile(r"\]\((?!https?://)([^)#]*)(#[^)]*)?\)")
MAP_ENTRY = re.compile(r"- \[[^\]]+\]\(([^)]+)\): [A-Za-z].*\.")
#: Words of sentences that had to be read twice.
HABITS = re.compile(
    r"\b(there is not|goes on|stands in|of its own|in silence|so many|is told|is met again"
    r"|that there is|takes its time|who comes)\b"
)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_readme_and_the_pages_are_short() -> None:
    lines = {page.name: len(page.read_text(encoding="utf-8").splitlines()) for page in PAGES}
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LINES_OF_README
    assert {name for name, count in lines.items() if count > LINES_OF_A_PAGE} <= LONGER


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_opens_with_a_sentence(page: Path) -> None:
    title, blank, first, *_ = page.read_text(encoding="utf-8").splitlines()
    assert title.startswith("# ")
    assert not blank
    assert re.match(r"(> )?[A-Za-z`]", first)


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=name_of)
def test_a_page_has_no_sentence_that_has_to_be_read_twice(page: Path) -> None:
    text = " ".join(page.read_text(encoding="utf-8").split())
    assert not [found[0] for found in HABITS.finditer(text)]


def test_the_map_has_each_page_once() -> None:
    linked = MAP_ENTRY.findall((DOCS / "README.md").read_text(encoding="utf-8"))
    assert len(linked) == len(set(linked))
    pages = {page.name for page in PAGES} - {"README.md"}
    assert {target for target in linked if "/" not in target} == pages
    assert {"../README.md", "../CONTRIBUTING.md", "../SECURITY.md", "reference/README.md"} <= set(
        linked
    )


def test_the_index_for_machines_is_the_map() -> None:
    """To update it: ``cp docs/README.md docs/llms.txt``."""
    text = (DOCS / "llms.txt").read_text(encoding="utf-8")
    assert text == (DOCS / "README.md").read_text(encoding="utf-8")
    title, _, quote, *rest = text.splitlines()
    assert title.startswith("# ")
    assert quote.startswith("> ")
    sections = "\n".join(rest).partition("\n## ")[2].splitlines()
    for line in filter(None, sections[1:]):
        assert line.startswith("## ") or MAP_ENTRY.fullmatch(line), line


@pytest.mark.parametrize("document", [*PAGES, *REFERENCE, *OTHERS], ids=name_of)
def test_every_link_leads_to_an_existing_file_and_heading(document: Path) -> None:
    for target, anchor in LINK.findall(document.read_text(encoding="utf-8")):
        file = (document.parent / target).resolve() if target else document
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {
                re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings
            }
            assert anchor[1:] in slugs, f"{target}{anchor}"


def test_the_page_of_errors_has_each_error() -> None:
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    assert {*exceptions.__all__} - {"PagerError", "Problem"} <= set(re.findall(r"\w+", str(cells)))


def test_each_subject_has_a_heading_that_a_search_finds() -> None:
    lines = {line for path in PAGES for line in path.read_text(encoding="utf-8").splitlines()}
    subjects = {"Installing", "Upgrading", "IAM policy", "Threads", "Processes", "Closing"}
    subjects |= {"Logging", "Timeouts", "Proxies", "Changes that raise no error"}
    subjects |= {"Checkpoints", "Expired tokens between runs", "Prefetching", "Permissions"}
    assert {f"## {subject}" for subject in subjects} <= lines
