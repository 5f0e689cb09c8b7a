"""The pytest plugin, as a user's tests have it: each run is another process."""

from __future__ import annotations

import os
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.example_programs import ROOT, blocks_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

PLUGIN = "imagebuilder_pager.pytest_plugin"
DOCUMENT = ROOT / "docs" / "testing.md"
STRICT = ("-p", PLUGIN, "--strict-markers", "-W", "error", "-p", "no:cacheprovider")
FIXTURES = {
    *("image_builder", "image_builder_account", "image_builder_client"),
    *("image_builder_async_client", "image_builder_url", "image_builder_environment"),
}

Run = Any  # pytest.RunResult


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Run pytest on files of a user's, with no plugin but ours and those that are named."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)

    def run(*options: str, **files: str) -> Run:
        pytester.makepyfile(**files)
        return pytester.runpytest_subprocess(*options)

    return run


def test_the_document_and_the_reference_have_each_fixture(run: Callable[..., Run]) -> None:
    shown = run(*STRICT, "--fixtures", "-v", test_none="").stdout.str()
    found = set(re.findall(rf"^(\w+).* -- \S*{PLUGIN.rpartition('.')[2]}\.py", shown, re.MULTILINE))
    assert found == FIXTURES
    for document in (DOCUMENT, ROOT / "docs" / "api.md"):
        text = document.read_text()
        assert not {name for name in FIXTURES if f"`{name}`" not in text}


SETTINGS = """
import os

import pytest
from imagebuilder_pager import ImageBuilder

pytestmark = pytest.mark.usefixtures("settings")

@pytest.fixture
def settings(monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[profile other]\\nuse_fips_endpoint = true\\n")
    for name, value in {
        "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "missing",
        "AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_RETRY_MODE": "none",
        "HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)

def test_the_clients(image_builder_client, image_builder_async_client):
    assert image_builder_client.list_lifecycle_policies().lifecycle_policy_summary_list
    assert os.environ["AWS_PROFILE"] == "missing", "the machine's own settings are back"

def test_the_environment(settings, image_builder_environment):
    with ImageBuilder() as client:
        assert client.list_lifecycle_policies().lifecycle_policy_summary_list
"""


LIGHT = """
import sys

def test_nothing_is_imported_before_a_fixture_is_used():
    loaded = {name for name in sys.modules if name.startswith("imagebuilder_pager")}
    files = ["_lazy", "_version", "pytest_plugin"]
    assert loaded == {"imagebuilder_pager", *(f"imagebuilder_pager.{name}" for name in files)}
    assert not {"httpx", "httpcore", "botocore", "pydantic", "pydantic_core"} & sys.modules.keys()

def test_it_is_then(image_builder):
    assert {"httpx", "imagebuilder_pager.local"} <= sys.modules.keys()
"""


def test_the_plugin_imports_nothing_before_a_fixture_is_used(run: Callable[..., Run]) -> None:
    run(*STRICT, test_light=LIGHT).assert_outcomes(passed=2)


SERVICE = """
import httpx
import pytest
from imagebuilder_pager import ImageBuilder
from imagebuilder_pager.exceptions import HTTPClientError, ReadTimeoutError
from imagebuilder_pager.local import (
    ACCESS_KEY_ID, EXAMPLE_EXECUTION_ID, SECRET_ACCESS_KEY, Account, Fault, FaultPlan
)

ID = {"lifecycleExecutionId": EXAMPLE_EXECUTION_ID}
clients = []

def test_the_client_and_the_url_are_of_one_service(
    image_builder, image_builder_client, image_builder_url
):
    clients.append((image_builder_client, image_builder_url))
    keys = dict(aws_access_key_id=ACCESS_KEY_ID, aws_secret_access_key=SECRET_ACCESS_KEY)
    url = image_builder_url
    with ImageBuilder("us-west-2", endpoint_url=url, retry_mode="standard", **keys) as other:
        found = other.list_lifecycle_execution_resources(**ID)
    page = image_builder_client.list_lifecycle_execution_resources(**ID)
    assert found.resources == page.resources
    assert image_builder.requests == 2

def test_client_and_server_are_closed_after_a_test_and_the_next_one_begins_anew(image_builder):
    assert image_builder.requests == 0
    client, url = clients.pop()
    with pytest.raises(HTTPClientError, match="closed"):
        client.list_lifecycle_execution_resources(**ID)
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)

@pytest.mark.image_builder_faults("throttle,retry_after=20@1x2")
def test_a_retry_waits_for_no_time(image_builder_client, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"slept {seconds} s"))
    page = image_builder_client.list_lifecycle_execution_resources(**ID)
    assert page["ResponseMetadata"]["RetryAttempts"] == 2

@pytest.mark.image_builder_faults("throttle,retry_after=20@1x2")
def test_an_async_retry_waits_for_no_time(image_builder_async_client):
    import asyncio
    async def call():
        return await image_builder_async_client.list_lifecycle_execution_resources(**ID)
    page = asyncio.run(asyncio.wait_for(call(), 10))
    assert page["ResponseMetadata"]["RetryAttempts"] == 2

PLAN = FaultPlan({1: Fault("throttle")})

@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.image_builder_faults(PLAN)
def test_a_shared_plan_counts_anew_in_each_test(image_builder_client, number):
    page = image_builder_client.list_lifecycle_execution_resources(**ID)
    assert page["ResponseMetadata"]["RetryAttempts"] == 1
    assert PLAN.requests == 0

@pytest.mark.image_builder_faults("stall@1+", "throttle@2")
class TestOfAClass:
    @pytest.mark.image_builder_faults("server-error@1")
    def test_the_nearest_marker_comes_first(self, image_builder_client):
        with pytest.raises(ReadTimeoutError) as caught:
            image_builder_client.list_lifecycle_execution_resources(**ID)
        assert caught.value.__cause__

    def test_a_marker_of_the_class_counts(self, image_builder, image_builder_client):
        with pytest.raises(ReadTimeoutError):
            image_builder_client.list_lifecycle_execution_resources(**ID)
        assert image_builder.requests == 3

class TestOfAnAccount:
    @pytest.fixture
    def image_builder_account(self):
        return Account()

    def test_a_class_has_an_account_of_its_own(self, image_builder_client):
        assert not image_builder_client.list_lifecycle_policies().lifecycle_policy_summary_list
"""


def test_the_fixtures_and_the_marker(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document's examples too; settings of the machine make no difference to the clients."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_RETRY_MODE", "none")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:9")
    blocks = blocks_of(DOCUMENT)
    files = {f"test_{number}": block for number, block in enumerate(blocks)}
    examples = sum(block.count("def test_") for block in blocks)
    assert examples >= len(blocks) >= 5
    ran = run(*STRICT, **files, test_settings=SETTINGS, test_service=SERVICE)
    ran.assert_outcomes(passed=examples + 11)


WRONG = """
import pytest
from imagebuilder_pager.local import Fault

@pytest.mark.image_builder_faults({argument})
def test_it(image_builder): ...
"""
WRONG_MARKERS = [
    ("'throttle'", "ValueError: 'throttle' is not FAULT@TARGET*"),
    ("'throtle@1'", "ValueError: *throtle*"),
    ("Fault('throttle')", "TypeError: image_builder_faults has Fault*, which is neither a*"),
    ("fault='throttle@1'", "TypeError: image_builder_faults takes no keywords, and has fault"),
]


def test_a_wrong_marker_is_an_error_that_says_what_it_takes(run: Callable[..., Run]) -> None:
    files = {
        f"test_{number}": WRONG.format(argument=argument)
        for number, (argument, _) in enumerate(WRONG_MARKERS)
    }
    ran = run(*STRICT, **files)
    ran.assert_outcomes(errors=len(WRONG_MARKERS))
    ran.stdout.fnmatch_lines([f"E *{said}" for _, said in WRONG_MARKERS])


@pytest.fixture
def run_installed(
    run: Callable[..., Run], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Run]:
    """Run pytest where the package is installed, with the entry point of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ((name, value),) = project["entry-points"]["pytest11"].items()
    installed = pytester.mkdir("installed") / "installed-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Name: installed\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(f"[pytest11]\n{name} = {value}\n")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{installed.parent}")
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    # Others that are installed here take seconds to load.
    others = ("pytest-mypy-plugins", "hypothesispytest", "respx", "anyio")
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(f"-p no:{name}" for name in others))
    return run


@pytest.mark.parametrize("named", [(), ("-p", PLUGIN)], ids=["by itself", "and by name"])
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["", "in workers"])
def test_the_entry_point_loads_the_plugin_once(
    run_installed: Callable[..., Run], named: tuple[str, ...], workers: tuple[str, ...]
) -> None:
    conftest = f"pytest_plugins = [{PLUGIN!r}]" if named else ""
    files = {"conftest": conftest, "test_workers": WORKERS}
    ran = run_installed(*workers, *named, "--strict-markers", **files)
    ran.assert_outcomes(passed=4)


WORKERS = """
import pytest

@pytest.mark.image_builder_faults("throttle@1")
@pytest.mark.parametrize("number", range(4))
def test_it(image_builder, image_builder_client, number):
    image_builder_client.list_lifecycle_policies()
    assert image_builder.requests == 2
"""


def test_it_can_be_turned_off(run_installed: Callable[..., Run]) -> None:
    ran = run_installed("-p", f"no:{PLUGIN}", test_it="def test_it(image_builder): ...")
    ran.assert_outcomes(errors=1)
    ran.stdout.fnmatch_lines(["*fixture 'image_builder' not found*"])
