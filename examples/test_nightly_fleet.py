"""The tests of nightly_fleet.py, over a local fleet of two accounts in a process."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nightly_fleet import main

from imagebuilder_pager.fleet import FleetDatabase

FLEET = "--accounts=2 --policies=2 --executions=4 --resources=8 --regions=us-west-2"
#: The file of targets in the README, for the accounts web and build.
README = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
TARGETS = README.partition("```toml\n")[2].partition("```")[0]
FAILED = "SELECT count(*) FROM resources WHERE status = 'FAILED'"


@pytest.fixture(scope="module")
def fleet_url() -> Iterator[str]:
    """Start the fleet of ``python -m imagebuilder_pager.local``, which prints its URL."""
    command = [sys.executable, "-u", "-m", "imagebuilder_pager.local", *FLEET.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture
def folder(fleet_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for the program's files, in an environment that leads to the fleet."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", fleet_url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    return tmp_path


def run(
    folder: Path,
    *options: str,
    web: str = "123456789012",
    build: str = "111122223333",
    plot: str = "failed.svg",
) -> int:
    targets = folder / "targets.toml"
    # An account's name may begin with an underscore, which matplotlib takes for "no label".
    text = TARGETS.replace('"web"', '"_web"')
    targets.write_text(text.replace("123456789012", web).replace("111122223333", build))
    return main([str(targets), f"{folder}/fleet.sqlite", f"{folder}/{plot}", *options])


def test_the_plot_has_the_failed_resources_of_both_accounts(folder: Path) -> None:
    assert run(folder) == 0
    with FleetDatabase(folder / "fleet.sqlite", read_only=True) as database:
        ((failed,),) = database.query(FAILED)
    assert failed > 0
    # In an SVG, each text has a comment with its characters.
    texts = re.findall("<!-- (.*) -->", (folder / "failed.svg").read_text())
    assert {"_web", "build", "account"} <= set(texts)


def test_an_account_without_its_role_is_not_complete(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, build="999999999999") == 1
    assert capsys.readouterr().err.startswith("build/us-west-2 is not complete: ")
    texts = re.findall("<!-- (.*) -->", (folder / "failed.svg").read_text())
    assert "_web" in texts
    assert "build" not in texts
    # The next night, after the account has been corrected.
    assert run(folder, plot="failed.png") == 0
    assert (folder / "failed.png").read_bytes().startswith(b"\x89PNG")


def test_all_accounts_without_their_roles_are_another_exit_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, web="999999999999", build="888888888888") == 2
    assert capsys.readouterr().err.count(" is not complete: ") == 2


def test_a_plot_that_cannot_be_written_hides_no_failure(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "failed.svg").mkdir()
    assert run(folder, build="999999999999") == 2
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("build/us-west-2 is not complete: ")
    assert last.startswith("error: ")


@pytest.mark.parametrize(
    ("plot", "days"), [("failed.txt", 30), ("missing/failed.png", 30), ("failed.png", 999_999_999)]
)
def test_an_invalid_argument_is_an_error_before_the_run(
    folder: Path, capsys: pytest.CaptureFixture[str], plot: str, days: int
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(folder, f"--days={days}", plot=plot)
    assert ended.value.code == 2
    assert " given; allowed: " in capsys.readouterr().err
    assert not (folder / "fleet.sqlite").exists()


def test_an_invalid_file_of_targets_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, build="of-nobody") == 2
    assert "targets.toml" in capsys.readouterr().err
    assert not (folder / "failed.svg").exists()
