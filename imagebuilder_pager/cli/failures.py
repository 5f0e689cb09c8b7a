"""How a run ends that does not end well: its exit code, and its words on standard error.

The codes are those that the AWS CLI's user guide documents, the words those that its users know.
"""

from __future__ import annotations

from .. import errors

__all__ = [
    "BAD_SURROUNDINGS",
    "BAD_USAGE",
    "FAILED",
    "REFUSED",
    "CommandError",
    "SurroundingsError",
    "UsageError",
    "explain",
]

BAD_USAGE = 252  # the command line cannot be carried out as it is
BAD_SURROUNDINGS = 253  # no region, no credentials, a setting that cannot be used
REFUSED = 254  # the service answered with an error
FAILED = 255  # anything else

_OPTIONS = {
    "PaginationConfig.MaxItems": "--max-items",
    "PaginationConfig.PageSize": "--page-size",
    "PaginationConfig.StartingToken": "--starting-token",
    "StartingToken": "--starting-token",
    "lifecycleExecutionId": "--lifecycle-execution-id",
    "maxResults": "--max-results",
    "nextToken": "--next-token",
    "parentResourceId": "--parent-resource-id",
    "connect_timeout": "--cli-connect-timeout",
    "endpoint_url": "--endpoint-url",
    "read_timeout": "--cli-read-timeout",
    "region_name": "--region",
    "verify": "--ca-bundle",
}
# botocore's first words; what is known beyond them follows.
_NO_ANSWER: tuple[tuple[type[errors.HTTPClientError], str], ...] = (
    (errors.ConnectTimeoutError, 'Connect timeout on endpoint URL: "{}"'),
    (errors.SSLError, "SSL validation failed for {}"),
    (errors.ProxyConnectionError, 'Failed to connect to proxy for endpoint URL: "{}"'),
    (errors.EndpointConnectionError, 'Could not connect to the endpoint URL: "{}"'),
    (errors.ReadTimeoutError, 'Read timeout on endpoint URL: "{}"'),
    (
        errors.ConnectionClosedError,
        'Connection was closed before we received a valid response from endpoint URL: "{}".',
    ),
    (errors.HTTPClientError, 'The request failed to endpoint URL: "{}"'),
)
_SURROUNDINGS: tuple[tuple[type[errors.PagerError], str], ...] = (
    (errors.NoRegionError, "You must specify a region, with --region or in the settings: "),
    (errors.PartialCredentialsError, "Partial credentials found: "),
    (errors.CredentialRetrievalError, "Error when retrieving credentials: "),
    (errors.NoCredentialsError, "Unable to locate credentials:"),
    (errors.ProfileNotFound, "The config profile ({}) could not be found: "),
    (errors.InvalidConfigError, ""),
)


class CommandError(Exception):
    """An error of the command line itself, with its exit code."""

    code = FAILED


class UsageError(CommandError):
    """The arguments cannot be carried out."""

    code = BAD_USAGE


class SurroundingsError(CommandError):
    """What the command finds around it does not let it work."""

    code = BAD_SURROUNDINGS


def explain(error: Exception, *, url: str = "", profile: str = "") -> tuple[int, str]:
    """The exit code and the words for an error.

    ``url`` is the one that was called, ``profile`` the name of the one whose settings were used.
    """
    if isinstance(error, CommandError):
        return error.code, str(error)
    if isinstance(error, errors.ClientError):
        return REFUSED, _refusal(error)
    if isinstance(error, errors.HTTPClientError):
        words = next(words for kind, words in _NO_ANSWER if isinstance(error, kind))
        return FAILED, f"{words.format(url)}\n{error}"
    return (
        _of_the_usage(error)
        or _of_the_surroundings(error, profile)
        or (FAILED, str(error) or type(error).__name__)
    )


def _of_the_usage(error: Exception) -> tuple[int, str] | None:
    if isinstance(error, errors.ParamValidationError):
        return BAD_USAGE, "\n".join(["Parameter validation failed:", *map(_named, error.problems)])
    text = _named(str(error))
    if isinstance(error, errors.StartingTokenError):
        return BAD_USAGE, f"Bad starting token: {text}"
    if isinstance(error, (errors.InvalidRegionError, errors.InvalidEndpointError)):
        return (BAD_USAGE if text.startswith("--") else BAD_SURROUNDINGS), text
    return None


def _of_the_surroundings(error: Exception, profile: str) -> tuple[int, str] | None:
    words = next((words for kind, words in _SURROUNDINGS if isinstance(error, kind)), None)
    if words is None:
        return None
    text = _named(str(error))
    if type(error) is errors.NoCredentialsError:
        # Its first lines are for those who call the library.
        text = "".join(
            f"\n{line}" for line in text.splitlines()[1:] if "the arguments:" not in line
        )
    code = BAD_USAGE if text.startswith("--") else BAD_SURROUNDINGS
    return code, words.format(profile) + text


def _refusal(error: errors.ClientError) -> str:
    details = error.response.get("Error", {})
    retries = error.response.get("ResponseMetadata", {}).get("RetryAttempts")
    retried = f" (reached max retries: {retries})" if retries else ""
    return (
        f"An error occurred ({details.get('Code', 'Unknown')}) when calling the "
        f"{error.operation_name} operation{retried}: {details.get('Message', 'Unknown')}"
    )


def _named(problem: str) -> str:
    """A problem by the name of the option that it is about."""
    name, colon, text = problem.partition(": ")
    return f"{_OPTIONS.get(name, name)}{colon}{text}"
