"""Every Python example of the README and the docs, run against the local service.

Examples for fleets, metrics and traces are in ``test_documents_for_operators.py``, for pytest in
``test_pytest_plugin.py``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fnmatch
import inspect
import json
import os
import re
import time
import urllib.parse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from imagebuilder_pager import ImageBuilder
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    SECRET_ACCESS_KEY,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    load_account,
)
from tests.fakes.example_programs import (
    ALL_KEYS,
    DOCUMENTS,
    PAGE,
    ROOT,
    blocks_of,
    look_for_s3_at,
    needs_aiobotocore,
    programs_over_clients,
    run,
)
from tests.fakes.moto_server import moto_server
from tests.fakes.moto_services import SETTINGS, fill_s3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import botocore.model
    from _pytest.mark.structures import ParameterSet

ACCOUNT = ROOT / "fixtures" / "account.json"
PATH = re.compile(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|toml|txt))`")
#: Pages with programs that need other packages or settings: see above.
ELSEWHERE = {"observability.md", "testing.md"}


def examples() -> Iterator[ParameterSet]:
    for document in DOCUMENTS:
        if document.name in ELSEWHERE:
            continue
        for number, source in enumerate(blocks_of(document)):
            if "paginator_from_client" in source or "imagebuilder_pager.fleet" in source:
                continue  # needs S3, or accounts and roles
            yield pytest.param(source, id=f"{document.name}-{number}")


EXAMPLES = list(examples())
#: A function from faults to the service with them; the text may be left out.
Start = Callable[..., LocalImageBuilder]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a local service with faults, for programs that call AWS."""
    with contextlib.ExitStack() as stack:

        def start(faults: str = "") -> LocalImageBuilder:
            plan = FaultPlan.parse(faults) if faults else None
            service = LocalImageBuilder(load_account(ACCOUNT), faults=plan)
            server = stack.enter_context(LocalServer(service))
            monkeypatch.setenv("AWS_ENDPOINT_URL_IMAGEBUILDER", server.url)
            return service

        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        monkeypatch.setattr(os, "fsync", lambda _: None)  # a checkpoint calls it for each record
        monkeypatch.chdir(tmp_path)
        yield start


def test_the_examples_are_found() -> None:
    assert len(EXAMPLES) >= 30


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "SECURITY.md"])
def test_the_files_that_a_document_names_exist(document: str) -> None:
    named = set(PATH.findall((ROOT / document).read_text()))
    assert len(named) >= 8
    package = ROOT / "imagebuilder_pager"
    folders = [ROOT, package, *(path for path in package.rglob("*") if path.is_dir())]
    missing = {name for name in named if not any((folder / name).exists() for folder in folders)}
    assert not missing


@pytest.mark.parametrize("source", EXAMPLES)
def test_example_runs(source: str, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        pytest.fail(f"the example slept {seconds} s")

    if "import pandas" in source:
        pytest.importorskip("pandas", reason="pandas, of the extra dev, is not installed")
    monkeypatch.setattr(time, "sleep", sleep)
    start()
    run(source)


def test_the_first_example_prints_the_output_in_the_readme(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    service = start()
    readme = ROOT / "README.md"
    run(blocks_of(readme)[0])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 101
    assert lines[0] == re.findall("^    (arn:.*)$", readme.read_text(), re.MULTILINE)[0]
    assert service.requests == 4


def test_the_readme_has_the_number_of_operations(
    service_model: botocore.model.ServiceModel,
) -> None:
    every = len(service_model.operation_names)
    readme = (ROOT / "README.md").read_text()
    assert f"{len(OPERATIONS)} of the service's {every} operations" in readme


def example_with(document: str, text: str) -> str:
    return next(block for block in blocks_of(ROOT / document) if text in block)


def test_the_clock_of_the_faults_does_not_wait_in_async_either(start: Start) -> None:
    start()
    clock = run(example_with("docs/testing-faults.md", "class NoWaiting"))["NoWaiting"]()
    asyncio.run(asyncio.wait_for(clock.sleep_async(3600), 5))


@contextlib.contextmanager
def web_endpoint() -> Iterator[Callable[..., tuple[int, dict[str, str], Any]]]:
    """Start the WSGI application of the recipe.

    Yields the function that calls it, which returns status, headers and body.
    """
    names = run(example_with("docs/recipes.md", "def application"))

    def call(**query: str) -> tuple[int, dict[str, str], Any]:
        started: list[Any] = []
        environ = {"QUERY_STRING": urllib.parse.urlencode(query)}
        body = b"".join(names["application"](environ, lambda *given: started.append(given)))
        ((status, headers),) = started
        return int(status.split()[0]), dict(headers), json.loads(body)

    with names["client"]:
        yield call


def test_the_web_endpoint_hands_out_cursors_that_lead_to_the_end(start: Start) -> None:
    start()
    found: list[str] = []
    query = {"execution": EXAMPLE_EXECUTION_ID}
    with web_endpoint() as call:
        while query.get("cursor", "") is not None:
            status, _, body = call(**query)
            assert status == 200
            found += body["resources"]
            query["cursor"] = body["cursor"]
    assert len(found) == len(set(found)) == 180


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "made up"},
        {"cursor": base64.b64encode(b'{"nextToken": "made up"}').decode()},
        {"cursor": base64.b64encode(b'{"nextToken": null, "other": 1}').decode()},
        {"cursor": base64.b64encode(b'{"nextToken": {"a": 1}}').decode()},
        {"cursor": base64.b64encode(b'{"boto_truncate_amount": -1}').decode()},
        {"execution": "../../etc"},
        {"execution": ""},
    ],
)
def test_the_web_endpoint_refuses_a_bad_cursor_or_execution(
    start: Start, query: dict[str, str]
) -> None:
    start()
    with web_endpoint() as call:
        status, _, body = call(**{"execution": EXAMPLE_EXECUTION_ID, **query})
    assert status == 400
    assert "not valid" in body["error"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("throttle", 503),
        ("error,code=RequestLimitExceeded,status=400", 503),
        ("server-error", 502),
        ("reset-before", 502),
        ("html", 502),
        ("half-body", 502),
    ],
)
def test_the_web_endpoint_has_another_status_for_errors_of_aws(
    start: Start, monkeypatch: pytest.MonkeyPatch, fault: str, status: int
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    start(f"{fault}@1")
    with web_endpoint() as call:
        found, headers, _ = call(execution=EXAMPLE_EXECUTION_ID)
    assert found == status
    assert ("Retry-After" in headers) == (status == 503)


def test_the_recipe_for_expired_tokens_starts_again(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The third page's token has expired, but the listing is processed to its end."""
    service = start("expired-token@3")
    run(example_with("docs/checkpoints.md", "checkpoint.restart()"))
    assert capsys.readouterr().out == "180\n"
    assert service.requests == 3 + 8
    assert json.loads((tmp_path / "resources.checkpoint").read_text())["finished"] is True


def test_no_document_leaves_a_proxys_client_at_httpx_five_seconds() -> None:
    for path in DOCUMENTS:
        for call in re.findall(r"httpx\.Client\(proxy=[^)]*\)", path.read_text()):
            plain_name = "httpx.Client(proxy=...)` in place" in path.read_text()
            assert "timeout=60" in call or plain_name, f"{path}: {call}"


def test_the_iam_policy_allows_all_operations_and_reads_only() -> None:
    (block,) = blocks_of(ROOT / "docs" / "operating.md", "json")
    policy = json.loads(block)
    (statement,) = policy["Statement"]
    allowed = [pattern.removeprefix("imagebuilder:") for pattern in statement["Action"]]
    assert all(pattern.startswith(("Get", "List")) for pattern in allowed)
    for operation in OPERATIONS.values():
        assert any(fnmatch.fnmatchcase(operation.name, pattern) for pattern in allowed)


SILENT = [
    'retries={"max_attempts": 5}',
    "`BotoCoreError`",
    "`isinstance(page, dict)`",
    "`json.dumps(page, default=str)`",
    "`pandas.DataFrame(list(pages.items()))`",
    "`httpx.Client(proxy=...)`",
    "`AWS_RETRY_MODE=legacy`",
    "`AWS_DEFAULTS_MODE`",
    "`paginate(...)` raises nothing",
]


@pytest.mark.parametrize("text", [*SILENT, "client.meta.", "boto3.Session(profile_name=p"])
def test_the_table_for_moving_has_each_difference_and_the_silent_ones_first(text: str) -> None:
    page = (ROOT / "docs" / "moving-from-boto3.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("|") and text in line]
    assert rows
    first_section = page.partition("## Clients")[0]
    assert (rows[0] in first_section) == (text in SILENT)


def test_the_guide_for_moving_names_arguments_of_the_client() -> None:
    page = (ROOT / "docs" / "moving-from-boto3.md").read_text()
    calls = re.findall(r"ImageBuilder\(([^`()]*)", page)
    names = {name for call in calls for name in re.findall(r"(?:^|, )(\w+)=", call)}
    assert {"max_pool_connections", "max_attempts", "http_client"} <= names
    assert names <= inspect.signature(ImageBuilder).parameters.keys()
    assert "limits=" not in page


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """Run moto's S3 with ``my-bucket``, which has three folders of nine objects."""
    with moto_server() as url:
        client = boto3.session.Session(**SETTINGS).client("s3", endpoint_url=url)
        fill_s3(client)
        client.close()
        yield url


@pytest.fixture
def s3_everywhere(s3_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Set the environment so that a program finds moto's S3 in place of AWS."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    look_for_s3_at(s3_url, monkeypatch)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("s3_everywhere")
def test_each_example_over_a_client_prints_keys_or_folders(
    capsys: pytest.CaptureFixture[str],
) -> None:
    documents = [*DOCUMENTS, *(ROOT / "docs" / "reference").glob("*.md")]
    for source in [one for document in documents for one in programs_over_clients(document)]:
        if needs_aiobotocore(source):
            assert source in programs_over_clients(PAGE)  # it is run beside aiobotocore's tests
            continue
        run(source)
        printed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
        assert printed == (["a/", "b/", "c/"] if "Delimiter" in source else ALL_KEYS), source


def test_the_page_for_clients_of_boto3_has_its_examples() -> None:
    examples = programs_over_clients(PAGE)
    assert sorted(map(needs_aiobotocore, examples)) == [False, False, False, True]


@pytest.mark.usefixtures("s3_everywhere")
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
