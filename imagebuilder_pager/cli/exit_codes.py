"""How a run ends that does not end well: its exit code, and its words on standard error.

The codes are those that the AWS CLI's user guide documents, the words those that its users know.
"""

from __future__ import annotations

from .. import exceptions

__all__ = [
    "CLIENT_ERROR_RC",
    "CONFIGURATION_ERROR_RC",
    "GENERAL_ERROR_RC",
    "PARAM_VALIDATION_ERROR_RC",
    "CommandError",
    "ConfigurationError",
    "UsageError",
    "describe_error",
]


PARAM_VALIDATION_ERROR_RC = 252  # the command line cannot be carried out as it is
CONFIGURATION_ERROR_RC = 253  # no region, no credentials, a setting that cannot be used
CLIENT_ERROR_RC = 254  # the service answered with an error
GENERAL_ERROR_RC = 255  # anything else

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
_NO_ANSWER: tuple[tuple[type[exceptions.HTTPClientError], str], ...] = (
    (exceptions.ConnectTimeoutError, 'Connect timeout on endpoint URL: "{}"'),
    (exceptions.SSLError, "SSL validation failed for {}"),
    (exceptions.ProxyConnectionError, 'Failed to connect to proxy for endpoint URL: "{}"'),
    (exceptions.EndpointConnectionError, 'Could not connect to the endpoint URL: "{}"'),
    (exceptions.ReadTimeoutError, 'Read timeout on endpoint URL: "{}"'),
    (
        exceptions.ConnectionClosedError,
        'Connection was closed before we received a valid response from endpoint URL: "{}".',
    ),
    (exceptions.HTTPClientError, 'The request failed to endpoint URL: "{}"'),
)
_SURROUNDINGS: tuple[tuple[type[exceptions.PagerError], str], ...] = (
    (exceptions.NoRegionError, "You must specify a region, with --region or in the settings: "),
    (exceptions.PartialCredentialsError, "Partial credentials found: "),
    (exceptions.CredentialRetrievalError, "Error when retrieving credentials: "),
    (exceptions.NoCredentialsError, "Unable to locate credentials:"),
    (exceptions.ProfileNotFound, "The config profile ({}) could not be found: "),
    (exceptions.InvalidConfigError, ""),
)


class CommandError(Exception):
    """An error of the command line itself, with its exit code."""

    code = GENERAL_ERROR_RC


class UsageError(CommandError):
    """The arguments cannot be carried out."""

    code = PARAM_VALIDATION_ERROR_RC


class ConfigurationError(CommandError):
    """What the command finds around it does not let it work."""

    code = CONFIGURATION_ERROR_RC


def describe_error(error: Exception, *, url: str = "", profile: str = "") -> tuple[int, str]:
    """The exit code and the words for an error.

    ``url`` is the one that was called, ``profile`` the name of the one whose settings were used.
    """
    if isinstance(error, CommandError):
        return error.code, str(error)
    if isinstance(error, exceptions.ClientError):
        return CLIENT_ERROR_RC, _client_error(error)
    if isinstance(error, exceptions.HTTPClientError):
        words = next(words for kind, words in _NO_ANSWER if isinstance(error, kind))
        return GENERAL_ERROR_RC, f"{words.format(url)}\n{error}"
    return (
        _of_the_usage(error)
        or _of_the_surroundings(error, profile)
        or (GENERAL_ERROR_RC, str(error) or type(error).__name__)
    )


def _of_the_usage(error: Exception) -> tuple[int, str] | None:
    if isinstance(error, exceptions.ParamValidationError):
        return PARAM_VALIDATION_ERROR_RC, "\n".join(
            ["Parameter validation failed:", *map(_named, error.problems)]
        )
    text = _named(str(error))
    if isinstance(error, exceptions.StartingTokenError):
        return PARAM_VALIDATION_ERROR_RC, f"Bad starting token: {text}"
    if isinstance(error, (exceptions.InvalidRegionError, exceptions.InvalidEndpointError)):
        return (
            PARAM_VALIDATION_ERROR_RC if text.startswith("--") else CONFIGURATION_ERROR_RC
        ), text
    return None


def _of_the_surroundings(error: Exception, profile: str) -> tuple[int, str] | None:
    words = next((words for kind, words in _SURROUNDINGS if isinstance(error, kind)), None)
    if words is None:
        return None
    text = _named(str(error))
    if type(error) is exceptions.NoCredentialsError:
        # Its first lines are for those who call the library.
        text = "".join(
            f"\n{line}" for line in text.splitlines()[1:] if "the arguments:" not in line
        )
    code = PARAM_VALIDATION_ERROR_RC if text.startswith("--") else CONFIGURATION_ERROR_RC
    return code, words.format(profile) + text


def _client_error(error: exceptions.ClientError) -> str:
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
