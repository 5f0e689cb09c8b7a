"""All exceptions: copied, pickled, and named and related as in botocore."""

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import botocore.exceptions
import botocore.parsers
import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.models import exceptions as modelled_exceptions

PROBLEM = exceptions.Problem("n", "0 (int) given", "1 or more")
OF_THE_SERVICE: list[Any] = [exceptions.ClientError, *modelled_exceptions.MODELLED_ERRORS]


def service_error(
    code: str = "c",
    message: str = "m",
    request_id: str = "r",
    kind: Any = exceptions.ClientError,
    retries: int = 2,
) -> exceptions.ClientError:
    metadata = {"HTTPStatusCode": 400, "RequestId": request_id, "RetryAttempts": retries}
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}
    error: exceptions.ClientError = kind(response, "Op")
    return error


#: Errors whose arguments are not a text alone.
OTHERS: list[exceptions.PagerError] = [
    exceptions.ParamValidationError("Op", [exceptions.Problem("a", "missing"), PROBLEM]),
    exceptions.InvalidRegionError(PROBLEM),
    exceptions.NoCredentialsError("none", [exceptions.Problem("a file", "there is none")]),
    exceptions.ParentGoneError("policies", "arn:aws:imagebuilder:us-west-2:1:lifecycle-policy/a"),
    exceptions.ResponseParserError("half", incomplete=True),
    exceptions.ResponseValidationError("Op", "id", [("resources[0]", "wrong")]),
    *(service_error(kind=kind) for kind in OF_THE_SERVICE),
]
DEFINED: set[Any] = {
    value
    for module in (exceptions, modelled_exceptions)
    for value in vars(module).values()
    if inspect.isclass(value) and value.__module__ == module.__name__
    if not issubclass(value, Warning) and value is not exceptions.Problem
}
PLAIN = sorted(DEFINED - {type(error) for error in OTHERS}, key=lambda kind: kind.__name__)
EVERY_ERROR = [*OTHERS, *(kind("text") for kind in PLAIN)]


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, *(lambda e, p=p: pickle.loads(pickle.dumps(e, p)) for p in (2, 5))],
    ids=["copy", "deepcopy", "pickle 2", "pickle 5"],
)
def test_every_error_can_be_copied_and_pickled(
    error: exceptions.PagerError, again: Callable[[exceptions.PagerError], exceptions.PagerError]
) -> None:
    error = again(error)  # each case has its own
    error.resume_token = "token"
    other = again(error)
    assert other is not error
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert vars(other) == vars(error)
    assert other.problem == error.problem
    assert other.resume_token == "token"


class OwnError(exceptions.ClientError):
    """An error of a program, with other parameters."""

    def __init__(self, *, team: str) -> None:
        super().__init__({"Error": {"Code": "X", "Message": "m"}}, "Op")
        self.team = team


def test_a_subclass_with_other_parameters_can_be_pickled() -> None:
    error = OwnError(team="a")
    error.resume_token = "token"
    other = pickle.loads(pickle.dumps(error))
    assert type(other) is OwnError
    assert (other.team, other.resume_token, other.response) == ("a", "token", error.response)


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (PROBLEM, "n: 0 (int) given; allowed: 1 or more"),
        (exceptions.Problem("verify", "given beside it"), "verify: given beside it"),
        (
            exceptions.Problem("a\x1b", "unknown parameter", "b, c"),
            r"a\x1b: unknown parameter; allowed: b, c",
        ),
    ],
)
def test_a_problem_is_a_value_with_a_sentence(problem: exceptions.Problem, sentence: str) -> None:
    assert str(problem) == f"{problem}" == sentence
    for other in (copy.copy(problem), pickle.loads(pickle.dumps(problem))):
        assert type(other) is exceptions.Problem
        assert other == problem
    renamed = problem._replace(parameter="other")
    assert str(renamed) == f"other{sentence.removeprefix(str(sentence).partition(':')[0])}"


def test_an_error_about_one_problem_has_it_as_a_value() -> None:
    error = exceptions.InvalidRegionError(PROBLEM)
    assert error.problem == PROBLEM
    assert str(error) == str(PROBLEM)
    assert exceptions.InvalidRegionError("none").problem is None
    assert exceptions.PagerError().problem is None


def test_an_error_about_many_problems_has_a_line_for_each() -> None:
    error = exceptions.ParamValidationError("Op", iter([PROBLEM, PROBLEM]))
    assert error.problems == (PROBLEM, PROBLEM)
    assert str(error) == f"Op: invalid parameters; nothing was sent\n  - {PROBLEM}\n  - {PROBLEM}"
    invalid = exceptions.ResponseValidationError("Op", None, [("nextToken", "wrong")])
    text = "Op: the response is not valid (request id unknown)\n  - nextToken: wrong"
    assert str(invalid) == text
    missing = exceptions.NoCredentialsError(sources=[PROBLEM])
    assert missing.sources == (PROBLEM,)
    assert str(missing) == f"no credentials\n  - {PROBLEM}"


CONTROLS = "\x1b[2J\x07\x7f\x9b\r\u202e\u2028\ud800"
ESCAPED = r"\x1b[2J\x07\x7f\x9b\r\u202e\u2028\ud800"


@pytest.mark.parametrize(
    "error",
    [
        service_error(code=CONTROLS),
        service_error(message=CONTROLS),
        service_error(request_id=CONTROLS),
        exceptions.ResponseParserError(CONTROLS),
        exceptions.ResponseValidationError("Op", CONTROLS, []),
        exceptions.ResponseValidationError("Op", None, [(CONTROLS, "wrong")]),
        exceptions.ReadTimeoutError(CONTROLS),
        exceptions.UnknownOperationError(CONTROLS),
    ],
    ids=lambda error: type(error).__name__,
)
def test_control_characters_of_the_service_are_escaped_in_the_text(
    error: exceptions.PagerError,
) -> None:
    assert ESCAPED in str(error)
    for text in (str(error), repr(error)):
        assert not any(character in text for character in "\x1b\x07\x7f\x9b\r\u202e\u2028\ud800")


def test_a_text_of_the_service_is_one_line_in_any_script_and_unchanged_in_the_response() -> None:
    assert str(service_error("a\nb", "first\nsecond\tthird", "c\nd")) == (
        r"Op was refused: a\nb: first\nsecond\tthird (HTTP status 400, request id c\nd, after 2 "
        "retries)"
    )
    assert service_error(message=CONTROLS).response["Error"]["Message"] == CONTROLS
    text = "naïve 日本語\u3000\xa0👩\u200d💻"
    assert text in str(service_error(message=text))


def test_every_error_is_public_and_under_one_base_class() -> None:
    public = {
        *(
            getattr(exceptions, name)
            for name in exceptions.__all__
            if not name.endswith("Warning") and name != "Problem"
        ),
        *modelled_exceptions.MODELLED_ERRORS,
    }
    assert public == DEFINED
    assert all(issubclass(error, exceptions.PagerError) for error in public)


def test_the_text_of_an_error_of_the_service() -> None:
    text = "Op was refused: c: m (HTTP status 400, request id r, after 2 retries)"
    assert str(service_error()) == text
    assert str(service_error(retries=1)) == text.replace("2 retries", "1 retry")
    assert str(service_error(retries=0)) == text.replace(", after 2 retries", "")
    # As boto3's own, it can be made in a program's tests with only the code.
    error = exceptions.ClientError({"Error": {"Code": "X"}}, "Op")
    assert str(error) == "Op was refused: X: (no message) (HTTP status unknown)"
    assert exceptions.ClientError({}, "Op").response == {}


def test_exceptions_have_botocores_names() -> None:
    """Where botocore has an error for it, ours has its name."""
    others = {
        *("CheckpointError", "CheckpointLockedError", "ExecutorLostError", "PagerError"),
        *("InvalidEndpointError", "ParentGoneError", "Problem", "ResponseValidationError"),
        *("StartingTokenError", "UnknownOperationError"),
        "InsecureRequestWarning",  # urllib3's
    }
    for name in set(exceptions.__all__) - others:
        module = botocore.parsers if name == "ResponseParserError" else botocore.exceptions
        assert hasattr(module, name), name
