"""The exit code and the message of each kind of error."""

from typing import Any

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.cli.exit_codes import CommandError, UsageError, describe_error
from imagebuilder_pager.exceptions import Problem

SLOW: Any = {
    "Error": {"Code": "Slow", "Message": "down"},
    "ResponseMetadata": {"RetryAttempts": 2},
}
PROBLEMS = [
    Problem("maxResults", "0 given"),
    Problem("read_timeout", "-1 given"),
    Problem("filters[0].values[3]", "5 given", "a string"),
    Problem("somewhere", "maxResults: 0 given"),
]
NAMED = (
    "Parameter validation failed:\n--max-results: 0 given\n--cli-read-timeout: -1 given\n"
    "--filters[0].values[3]: 5 given; allowed: a string\nsomewhere: maxResults: 0 given"
)
NO_CREDENTIALS = exceptions.NoCredentialsError("no\n  - the arguments: a", [Problem("b", "c")])
ENDPOINT = exceptions.InvalidEndpointError
TOKEN = exceptions.StartingTokenError(Problem("StartingToken", "x"))
RETRIED = "An error occurred (Slow) when calling the Op operation (reached max retries: 2): down"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError("a"), 252, "a"),
        (CommandError("a"), 255, "a"),
        (TOKEN, 252, "Bad starting token: --starting-token: x"),
        (exceptions.InvalidRegionError(Problem("region_name", "'x'")), 252, "--region: 'x'"),
        (exceptions.InvalidRegionError(Problem("AWS_REGION", "'x'")), 253, "AWS_REGION: 'x'"),
        (ENDPOINT(Problem("endpoint_url", "'x'")), 252, "--endpoint-url: 'x'"),
        (ENDPOINT(Problem("AWS_ENDPOINT_URL", "'x'")), 253, "AWS_ENDPOINT_URL: 'x'"),
        (exceptions.InvalidConfigError(Problem("verify", "no")), 252, "--ca-bundle: no"),
        (exceptions.InvalidConfigError(Problem("AWS_CA_BUNDLE", "no")), 253, "AWS_CA_BUNDLE: no"),
        (exceptions.InvalidConfigError("verify: no"), 253, "verify: no"),
        (exceptions.NoRegionError("none"), 253, "You must specify a region"),
        (NO_CREDENTIALS, 253, "Unable to locate credentials:\n  - b: c"),
        (exceptions.PartialCredentialsError("a"), 253, "Partial credentials found: a"),
        (exceptions.CredentialRetrievalError("a"), 253, "Error when retrieving credentials: a"),
        (exceptions.ProfileNotFound("a"), 253, "The config profile (mine) could not be found: a"),
        (exceptions.PaginationError("a circle"), 255, "a circle"),
        (exceptions.ResponseParserError("HTML"), 255, "HTML"),
        (exceptions.ReadTimeoutError("a"), 255, 'Read timeout on endpoint URL: "http://x/"\na'),
        (
            exceptions.ConnectTimeoutError("a"),
            255,
            'Connect timeout on endpoint URL: "http://x/"\na',
        ),
        (exceptions.SSLError("bad"), 255, "SSL validation failed for http://x/\nbad"),
        (
            exceptions.HTTPClientError("a"),
            255,
            'The request failed to endpoint URL: "http://x/"\na',
        ),
        (OSError(28, "No space"), 255, "[Errno 28] No space"),
        (KeyError(), 255, "KeyError"),
        (exceptions.ParamValidationError("f", PROBLEMS), 252, NAMED),
        (exceptions.ClientError(SLOW, "Op"), 254, RETRIED),
    ],
)
def test_each_error_has_its_exit_code_and_message(
    error: Exception, code: int, message: str
) -> None:
    found_code, found_message = describe_error(error, url="http://x/", profile="mine")
    assert found_code == code
    assert message in found_message
