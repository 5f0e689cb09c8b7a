"""The exit code and the message of each error that ends a run.

The codes are those that the AWS CLI's user guide documents. The messages begin with botocore's
words.
"""

from __future__ import annotations

import re

from .. import exceptions
from .._operations import OPERATIONS
from .options import option_name

PARAM_VALIDATION_ERROR_RC = 252  # an option or a value that is not valid
CONFIGURATION_ERROR_RC = 253  # no region, no credentials, a configuration that is not valid
CLIENT_ERROR_RC = 254  # the service responded with an error
GENERAL_ERROR_RC = 255  # anything else

_OPTION_BY_PARAMETER = {
    "PaginationConfig.MaxItems": "--max-items",
    "PaginationConfig.PageSize": "--page-size",
    "PaginationConfig.StartingToken": "--starting-token",
    "StartingToken": "--starting-token",
    "connect_timeout": "--cli-connect-timeout",
    "endpoint_url": "--endpoint-url",
    "on_invalid_response": "--on-invalid-response",
    "read_timeout": "--cli-read-timeout",
    "region_name": "--region",
    "verify": "--ca-bundle",
}
# Subclasses come first. The text of the error follows, for an HTTP error on the next line.
_HTTP_ERRORS: tuple[tuple[type[exceptions.HTTPClientError], str], ...] = (
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
# Without a code, it is that of an option or that of the configuration, by the invalid parameter.
_ERRORS: tuple[tuple[type[exceptions.PagerError], int | None, str], ...] = (
    (exceptions.CheckpointLockedError, GENERAL_ERROR_RC, "--checkpoint: "),
    (exceptions.CheckpointError, PARAM_VALIDATION_ERROR_RC, "--checkpoint: "),
    (exceptions.StartingTokenError, PARAM_VALIDATION_ERROR_RC, "Bad starting token: "),
    (exceptions.InvalidRegionError, None, ""),
    (exceptions.InvalidEndpointError, None, ""),
    (
        exceptions.NoRegionError,
        None,
        "You must specify a region, with --region or in configuration: ",
    ),
    (exceptions.PartialCredentialsError, None, "Partial credentials found: "),
    (exceptions.CredentialRetrievalError, None, "Error when retrieving credentials: "),
    (exceptions.NoCredentialsError, None, "Unable to locate credentials:"),
    (exceptions.ProfileNotFound, None, "The config profile ({}) could not be found: "),
    (exceptions.InvalidConfigError, None, ""),
    (exceptions.MissingDependencyException, CONFIGURATION_ERROR_RC, ""),
)


class CommandError(Exception):
    """An error of the command line itself, with its exit code."""

    code = GENERAL_ERROR_RC


class UsageError(CommandError):
    """An error in the arguments."""

    code = PARAM_VALIDATION_ERROR_RC


class ConfigurationError(CommandError):
    """An error in the configuration."""

    code = CONFIGURATION_ERROR_RC


def describe_error(error: Exception, *, url: str = "", profile: str = "") -> tuple[int, str]:
    """Return the exit code and the message for an error.

    ``url`` is the one that was called, ``profile`` the name of the profile that was used.
    """
    if isinstance(error, CommandError):
        return error.code, str(error)
    if isinstance(error, exceptions.ClientError):
        return CLIENT_ERROR_RC, _client_error_message(error)
    if isinstance(error, exceptions.ParamValidationError):
        problems = [str(_name_by_option(problem)) for problem in error.problems]
        return PARAM_VALIDATION_ERROR_RC, "\n".join(["Parameter validation failed:", *problems])
    if isinstance(error, exceptions.HTTPClientError):
        template = next(text for kind, text in _HTTP_ERRORS if isinstance(error, kind))
        return GENERAL_ERROR_RC, f"{template.format(url)}\n{error}"
    for kind, code, prefix in _ERRORS:
        if isinstance(error, kind):
            setting_code, text = _describe_setting(error)
            return code or setting_code, prefix.format(profile) + text
    text = str(error).replace('on_invalid_response="warn"', "--on-invalid-response warn")
    return GENERAL_ERROR_RC, text or type(error).__name__


def _describe_setting(error: exceptions.PagerError) -> tuple[int, str]:
    """Return the code and the text for a bad value, of an option or of the configuration."""
    if isinstance(error, exceptions.NoCredentialsError) and error.sources:
        # What comes before them is for users of the library.
        return CONFIGURATION_ERROR_RC, "".join(f"\n  - {source}" for source in error.sources)
    if error.problem is None:
        return CONFIGURATION_ERROR_RC, str(error)
    named = _name_by_option(error.problem)
    is_option = named.parameter != error.problem.parameter
    return PARAM_VALIDATION_ERROR_RC if is_option else CONFIGURATION_ERROR_RC, str(named)


def _client_error_message(error: exceptions.ClientError) -> str:
    details = error.response.get("Error", {})
    retries = error.response.get("ResponseMetadata", {}).get("RetryAttempts")
    retried = f" (reached max retries: {retries})" if retries else ""
    return (
        f"An error occurred ({details.get('Code', 'Unknown')}) when calling the "
        f"{error.operation_name} operation{retried}: {details.get('Message', 'Unknown')}"
    )


def _name_by_option(problem: exceptions.Problem) -> exceptions.Problem:
    """Return a problem with the option's name in place of the parameter's.

    What follows the name is the path inside of it: ``--filters[0].values[3]``.
    """
    name = problem.parameter
    member = re.split(r"[.\[]", name, maxsplit=1)[0]
    if option := _OPTION_BY_PARAMETER.get(name):
        name = option
    elif any(member in operation.params for operation in OPERATIONS.values()):
        name = option_name(member) + name.removeprefix(member)
    return problem._replace(parameter=name)
