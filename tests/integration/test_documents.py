"""Every Python example of the README and the docs, run against the local service.

Examples for boto3's clients are in ``test_documents_for_boto3.py``, for fleets in
``test_documents_for_fleets.py``, for pytest in ``test_pytest_plugin.py``, for metrics and traces in
``test_documents_for_observability.py``.
"""

from __future__ import annotations

import ast
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
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from imagebuilder_pager import ImageBuilder
from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    FaultPlan,
    LocalImageBuilder,
    LocalServer,
    load_account,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import botocore.model
    from _pytest.mark.structures import ParameterSet

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ACCOUNT = ROOT / "fixtures" / "account.json"
PATH = re.compile(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|toml|txt))`")


def examples() -> list[ParameterSet]:
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        for match in BLOCK.finditer(text):
            if "paginator_from_client" in match[1]:
                continue  # needs a botocore with its data: test_documents_for_boto3.py
            if "imagebuilder_pager.fleet" in match[1]:
                continue  # needs accounts and roles: test_documents_for_fleets.py
            if document.name == "observability.md":
                continue  # other packages, and settings of logging: see above
            if document.name == "testing.md":
                continue  # tests for pytest to run: test_pytest_plugin.py
            line = text[: match.start()].count("\n") + 2
            found.append(pytest.param(match[1], id=f"{document.relative_to(ROOT)}:{line}"))
    return found


EXAMPLES = examples()


@pytest.fixture
def start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[str], LocalImageBuilder]]:
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


def run(source: str) -> dict[str, Any]:
    """Run an example, and return its names."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, "<example>", "exec"), names)
    return names


@pytest.mark.parametrize("source", EXAMPLES)
def test_example_runs(
    source: str, start: Callable[[], LocalImageBuilder], monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(seconds: float) -> None:
        pytest.fail(f"the example slept {seconds} s")

    if "import pandas" in source:
        pytest.importorskip("pandas", reason="pandas, of the extra dev, is not installed")
    monkeypatch.setattr(time, "sleep", sleep)
    start()
    run(source)


def test_the_first_example_prints_the_output_in_the_readme(
    start: Callable[[], LocalImageBuilder], capsys: pytest.CaptureFixture[str]
) -> None:
    service = start()
    readme = (ROOT / "README.md").read_text()
    first = BLOCK.search(readme)
    assert first is not None
    run(first[1])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 101
    shown = [line.strip() for line in readme.splitlines() if line.startswith("    arn:")]
    assert lines[0] == shown[0]
    assert service.requests == 4


def test_the_readme_has_the_number_of_operations(
    service_model: botocore.model.ServiceModel,
) -> None:
    every = len(service_model.operation_names)
    readme = (ROOT / "README.md").read_text()
    assert f"{len(OPERATIONS)} of the service's {every} operations" in readme


def test_the_clock_of_the_faults_waits_neither_in_sync_nor_in_async() -> None:
    text = (ROOT / "docs" / "testing-faults.md").read_text()
    source = next(match[1] for match in BLOCK.finditer(text) if "class NoWaiting" in match[1])
    tree = ast.parse(source)
    kept: list[ast.stmt] = [
        node for node in tree.body if isinstance(node, (ast.ClassDef, ast.ImportFrom))
    ]
    clock = run(ast.unparse(ast.Module(kept, [])))["NoWaiting"]()
    started = time.monotonic()
    clock.sleep(3600)
    asyncio.run(asyncio.wait_for(clock.sleep_async(3600), 5))
    assert time.monotonic() - started < 5


def example_with(document: str, text: str) -> str:
    source = (ROOT / document).read_text()
    return next(match[1] for match in BLOCK.finditer(source) if text in match[1])


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


def call_endpoint(names: dict[str, Any], **query: str) -> Response:
    """Call the WSGI application of the recipe."""
    started: list[Any] = []
    environ = {"QUERY_STRING": urllib.parse.urlencode(query)}
    body = b"".join(names["application"](environ, lambda *arguments: started.append(arguments)))
    ((status, headers),) = started
    return Response(int(status.split()[0]), dict(headers), json.loads(body))


EXECUTION_ID = "lce-12345678-1234-1234-1234-123456789012"


@pytest.fixture
def endpoint(
    start: Callable[[str], LocalImageBuilder], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Return a function that starts the recipe's web endpoint with a faulty local service."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with contextlib.ExitStack() as stack:

        def start_endpoint(faults: str) -> dict[str, Any]:
            start(faults)
            names = run(example_with("docs/recipes.md", "def application"))
            stack.callback(names["client"].close)
            return names

        yield start_endpoint


def test_the_web_endpoint_hands_out_cursors_that_lead_to_the_end(
    endpoint: Callable[[str], dict[str, Any]],
) -> None:
    names = endpoint("")
    found: list[str] = []
    query = {"execution": EXECUTION_ID}
    while True:
        response = call_endpoint(names, **query)
        assert response.status == 200
        found += response.body["resources"]
        if response.body["cursor"] is None:
            break
        query["cursor"] = response.body["cursor"]
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
    endpoint: Callable[[str], dict[str, Any]], query: dict[str, str]
) -> None:
    response = call_endpoint(endpoint(""), **{"execution": EXECUTION_ID, **query})
    assert response.status == 400
    assert "not valid" in response.body["error"]


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
    endpoint: Callable[[str], dict[str, Any]], fault: str, status: int
) -> None:
    response = call_endpoint(endpoint(f"{fault}@1"), execution=EXECUTION_ID)
    assert response.status == status
    assert ("Retry-After" in response.headers) == (status == 503)


def test_the_recipe_for_expired_tokens_starts_again(
    start: Callable[[str], LocalImageBuilder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
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
    text = (ROOT / "docs" / "operating.md").read_text()
    (block,) = re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
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
