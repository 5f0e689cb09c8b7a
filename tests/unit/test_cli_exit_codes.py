"""The exit code and the message of each kind of error."""

import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.cli.exit_codes import CommandError, UsageError, describe_error
from imagebuilder_pager.exceptions import Problem


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError("a"), 252, "a"),
        (CommandError("a"), 255, "a"),
        (
            exceptions.StartingTokenError(Problem("StartingToken", "x")),
            252,
            "Bad starting token: --starting-token: x",
        ),
        (exceptions.InvalidRegionError(Problem("region_name", "'x'")), 252, "--region: 'x'"),
        (exceptions.InvalidRegionError(Problem("AWS_REGION", "'x'")), 253, "AWS_REGION: 'x'"),
        (
            exceptions.InvalidEndpointError(Problem("endpoint_url", "'x'")),
            252,
            "--endpoint-url: 'x'",
        ),
        (
            exceptions.InvalidEndpointError(Problem("AWS_ENDPOINT_URL", "'x'")),
            253,
            "AWS_ENDPOINT_URL: 'x'",
        ),
        (exceptions.InvalidConfigError(Problem("verify", "no")), 252, "--ca-bundle: no"),
        (exceptions.InvalidConfigError(Problem("AWS_CA_BUNDLE", "no")), 253, "AWS_CA_BUNDLE: no"),
        (exceptions.InvalidConfigError("verify: no"), 253, "verify: no"),
        (exceptions.NoRegionError("none"), 253, "You must specify a region"),
        (
            exceptions.NoCredentialsError("no\n  - the arguments: a", [Problem("b", "c")]),
            253,
            "credentials:\n  - b: c",
        ),
        (exceptions.CredentialRetrievalError("a"), 253, "Error when retrieving credentials: a"),
        (exceptions.ProfileNotFound("a"), 253, "The config profile (mine) could not be found: a"),
        (exceptions.PaginationError("a circle"), 255, "a circle"),
        (exceptions.ResponseParserError("HTML"), 255, "HTML"),
        (
            exceptions.ReadTimeoutError("late"),
            255,
            'Read timeout on endpoint URL: "http://x/"\nlate',
        ),
        (exceptions.SSLError("bad"), 255, "SSL validation failed for http://x/\nbad"),
        (exceptions.HTTPClientError("a"), 255, "a"),
        (OSError(28, "No space"), 255, "[Errno 28] No space"),
        (KeyError(), 255, "KeyError"),
        (
            exceptions.ParamValidationError(
                "f",
                [
                    Problem("maxResults", "0 given"),
                    Problem("read_timeout", "-1 given"),
                    Problem("filters[0].values[3]", "5 given", "a string"),
                    Problem("somewhere", "maxResults: 0 given"),
                ],
            ),
            252,
            "Parameter validation failed:\n--max-results: 0 given\n--cli-read-timeout: -1 given\n"
            "--filters[0].values[3]: 5 given; allowed: a string\nsomewhere: maxResults: 0 given",
        ),
        (
            exceptions.ClientError(
                {
                    "Error": {"Code": "Slow", "Message": "down"},
                    "ResponseMetadata": {"RetryAttempts": 2},
                },
                "Op",
            ),
            254,
            "An error occurred (Slow) when calling the Op operation (reached max retries: 2): down",
        ),
    ],
)
def test_each_error_has_its_exit_code_and_message(
    error: Exception, code: int, message: str
) -> None:
    found_code, found_message = describe_error(error, url="http://x/", profile="mine")
    assert found_code == code
    assert message in found_message
