"""Command lines made from the rows, thousands in ``make fuzz``: each does what the AWS CLI does.

The differences are of the kinds that ``docs/command-line.md`` lists, and each kind is there.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager.cli.main import main
from imagebuilder_pager.local import LocalServer
from tests.fakes import IS_FUZZ
from tests.fakes.command_line import AwsCli, local_environment
from tests.fakes.command_lines import OPTIONS, CommandLine, CommandLines
from tests.fakes.operation_services import OperationService, params_of
from tests.fakes.shapes import aws_cli_model, sample_of

# With other rows the lines are others: then another seed may have all kinds.
SEED, LINES = 22, 2500
DOCUMENT = Path(__file__).parents[2] / "docs" / "command-line.md"
TOOK_IT = None


class Outcome(NamedTuple):
    """The result of a command line; ``err`` may differ from that of the other command line."""

    succeeded: bool
    out: str
    requests: list[Any]
    err: str

    def says(self, expected: str | None) -> bool:
        """Return whether it is as a kind says."""
        if expected is TOOK_IT:
            return self.succeeded or bool(self.requests)
        printed = self.out if self.succeeded else self.err
        return re.search(expected, printed, re.MULTILINE) is not None


class Kind(NamedTuple):
    """A kind of difference between the command lines, as the document lists it.

    ``argument`` is a regular expression for one of the arguments. ``theirs`` and ``ours`` are for
    the outputs; :data:`TOOK_IT` is a line that succeeded, or of which a request was sent.
    """

    listed: str
    argument: str
    theirs: str | None
    ours: str | None

    def concerns(self, line: CommandLine) -> bool:
        """Return whether the line may differ in this way."""
        return any(re.search(self.argument, argument) for argument in line.arguments)


_ABBREVIATED = "|".join(sorted({option[:-1] for option in OPTIONS}))
_UNKNOWN = "Unknown options: "
_SHORTHAND = "Expected .* at the mark"
_HELP, _VERSION = "^usage: imagebuilder-pager ", "^imagebuilder-pager/"
KINDS = (
    Kind("Options cannot be abbreviated", f"^({_ABBREVIATED})(=|$)", TOOK_IT, _UNKNOWN),
    Kind("may not follow a `--`", "^--$", TOOK_IT, f"{_UNKNOWN}|are required"),
    Kind("The shorthand has neither `@=`", "@=", TOOK_IT, _SHORTHAND),
    Kind("nothing between two commas is an error", ",,", TOOK_IT, _SHORTHAND),
    Kind("A negative `--max-items` is an error", "-1", TOOK_IT, r"^--max-items: -1 \(int\) given"),
    Kind("that skips more than 1,000 items", "=$", TOOK_IT, "^Bad starting token: .* (-1|2000) "),
    Kind(
        "an empty object (`e30=`) is sent to the service", "e30=$", TOOK_IT, "InvalidPaginationTok"
    ),
    Kind("a value that begins with `http://`", "^(--.*=)?http://", "Unable to retrieve", TOOK_IT),
    Kind("`fileb://` is read as `file://`", "^(--.*=)?fileb://", "bytes|operand, not int", TOOK_IT),
    Kind("JSON and shorthand may be mixed", "^ *[{[]", "Invalid JSON|received: '[{[]'", TOOK_IT),
    Kind("a file may have either", "file://.*SHORTHAND$", "Invalid type for .* filters", TOOK_IT),
    Kind("An empty `AWS_DEFAULT_OUTPUT` or `--ca-bundle`", "^(--c.*=)?$", "Invalid CA ", TOOK_IT),
    Kind("a `PaginationConfig` of null", "PaginationConfig", "'NoneType' .* 'get'", TOOK_IT),
    Kind("an unknown key in it is an error", "PaginationConfig", TOOK_IT, ": unknown key 'x'"),
    Kind("`text` is an error in the AWS CLI", "^text$", "has no attribute 'items'", TOOK_IT),
    Kind("`--help` is the same as `help`", "^(-h|--help|help)$", "", _HELP),
    Kind("`--version` shows the version", "^--version$", "^aws-cli/", f"{_VERSION}|error: argum"),
    Kind("`--no-cli-pager`", "^--no-cli-pager$", f"{_UNKNOWN}.*pager", TOOK_IT),
    Kind("`--cli-binary-format`", "^--cli-bi", f"{_UNKNOWN}.*binary|Invalid choice", TOOK_IT),
    Kind(
        "`--no-sign-request`, `--generate-cli-skeleton`",
        "^--no-sign-request$",
        TOOK_IT,
        f"{_UNKNOWN}.*sign",
    ),
    Kind(
        "`--generate-cli-skeleton`, aliases", "^--generate-cli-sk", TOOK_IT, f"{_UNKNOWN}.*skeleton"
    ),
)


class Service:
    """A service of all operations; ``requests`` are those that came."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        #: The members of an item, by the operation's name.
        self.members: dict[str, list[str]] = {}
        self._services = {}
        model = aws_cli_model()
        for operation in OPERATIONS.values():
            shape: Any = model.operation_model(operation.name).output_shape
            template, items = sample_of(shape, 1), []
            template.pop("nextToken", None)
            if operation.result_key is not None:
                item = shape.members[operation.result_key].member
                self.members[operation.name] = list(item.members)
                items = [sample_of(item, number) for number in (1, 2, 4)]
            self._services[operation.name] = OperationService(operation, template, items, 3)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Respond to a request."""
        name = request.url.path[1:]
        params = params_of(request.method, str(request.url), request.content)
        self.requests.append((name, params))
        is_known = params.get("nextToken", "0") in {"0", "1", "2", "3"}
        if not is_known or not 1 <= params.get("maxResults", 1) <= 100:
            headers = {"x-amzn-ErrorType": "InvalidPaginationTokenException"}
            return httpx.Response(400, headers=headers, json={"message": "no"})
        return httpx.Response(200, content=self._services[name].respond(params))


class Runs(NamedTuple):
    """Both command lines, each as a function from a command line to its outcome."""

    service: Service
    url: str
    aws: AwsCli
    capfd: pytest.CaptureFixture[str]

    def theirs(self, line: CommandLine) -> Outcome:
        """Run the AWS CLI."""
        return self._outcome(
            *self.aws.run([*line.before, "imagebuilder", line.command, *line.after])
        )

    def ours(self, line: CommandLine) -> Outcome:
        """Run our command line, in this process."""
        try:
            code: Any = main(line.arguments)
        except SystemExit as end:
            code = end.code
        return self._outcome(code or 0, *self.capfd.readouterr())

    def _outcome(self, code: int, out: str, err: str) -> Outcome:
        requests = list(self.service.requests)
        self.service.requests.clear()
        return Outcome(code == 0, out, requests, err)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Runs]:
    service = Service()
    with LocalServer(service) as server, AwsCli(server.url) as aws:
        for name, value in local_environment(server.url).items():
            monkeypatch.setenv(name, value)
        yield Runs(service, server.url, aws, capfd)


def test_a_line_does_what_the_aws_cli_does_or_differs_as_listed(runs: Runs, tmp_path: Path) -> None:
    """In a sample: each fifth line, and those that may have a kind not found before."""
    lines = CommandLines(SEED, runs.url, tmp_path, runs.service.members)
    found: Counter[str] = Counter()
    unlisted = []
    for number in range(LINES):
        line = lines.draw()
        is_in_sample = number % 5 == 0 or any(
            kind.concerns(line) for kind in KINDS if not found[kind.listed]
        )
        if not (IS_FUZZ or is_in_sample):
            continue
        found["run"] += 1
        theirs, ours = runs.theirs(line), runs.ours(line)
        found["taken by both"] += theirs.succeeded and ours.succeeded
        if theirs[:3] == ours[:3]:
            continue
        for kind in KINDS:
            if kind.concerns(line) and theirs.says(kind.theirs) and ours.says(kind.ours):
                found[kind.listed] += 1
                break
        else:
            unlisted.append(f"{line.arguments}\n  {theirs}\n  {ours}")
    assert not unlisted, "\n".join(unlisted[:10])
    assert found["run"] >= (LINES if IS_FUZZ else LINES / 5)
    assert found["taken by both"] > found["run"] / 3
    # A kind that no longer differs is no kind.
    assert [kind for kind in KINDS if not found[kind.listed]] == []


def test_the_document_lists_each_kind() -> None:
    text = " ".join(DOCUMENT.read_text().split())
    assert [kind.listed for kind in KINDS if kind.listed not in text] == []


def test_an_empty_default_output_is_as_none(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    line = CommandLine([], "list-images", ["--max-items", "1"])
    theirs = runs.aws.run(["imagebuilder", *line.arguments], {"AWS_DEFAULT_OUTPUT": ""})
    assert "Unknown output type: " in theirs.err
    expected = runs.ours(line)
    monkeypatch.setenv("AWS_DEFAULT_OUTPUT", "")
    assert runs.ours(line).out == expected.out != ""
