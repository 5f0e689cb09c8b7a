"""All exceptions: copied, pickled, and named and related as in botocore."""

import copy
import inspect
import pickle
from collections.abc import Callable

import botocore.exceptions
import botocore.parsers
import pytest

from imagebuilder_pager import exceptions
from imagebuilder_pager.models import exceptions as modelled_exceptions
from tests.fakes.error_responses import (
    MODELLED,
)

EVERY_ERROR: list[exceptions.PagerError] = [
    exceptions.ParamValidationError("Op", ["a: wrong", "b: wrong"]),
    exceptions.UnknownOperationError("no operation 'x'; there are: y"),
    exceptions.OperationNotPageableError("no pages"),
    exceptions.NoRegionError("no region"),
    exceptions.InvalidRegionError("region_name: ''"),
    exceptions.InvalidEndpointError("endpoint_url: ''"),
    exceptions.InvalidConfigError("a bad file"),
    exceptions.ProfileNotFound("no profile"),
    exceptions.NoCredentialsError("no credentials"),
    exceptions.CredentialRetrievalError("no role"),
    exceptions.PartialCredentialsError("half"),
    exceptions.PaginationError("round in a circle"),
    exceptions.StartingTokenError("made up"),
    exceptions.ResponseParserError("HTML"),
    exceptions.ResponseParserError("half", cut_off=True),
    exceptions.ResponseValidationError("Op", "id", [("resources[0]", "wrong")]),
    exceptions.ResponseValidationError("Op", None, []),
    exceptions.HTTPClientError("no"),
    exceptions.EndpointConnectionError("no"),
    exceptions.SSLError("no"),
    exceptions.ProxyConnectionError("no"),
    exceptions.ConnectTimeoutError("no"),
    exceptions.ReadTimeoutError("no"),
    exceptions.ConnectionClosedError("no"),
    *(
        kind(
            {
                "Error": {"Code": kind.__name__, "Message": "m"},
                "ResponseMetadata": {"HTTPStatusCode": 400, "RetryAttempts": 1},
            },
            "Op",
        )
        for kind in [
            exceptions.ClientError,
            *(getattr(modelled_exceptions, name) for name in MODELLED),
        ]
    ),
]


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, *(lambda e, p=p: pickle.loads(pickle.dumps(e, p)) for p in (2, 5))],
    ids=["copy", "deepcopy", "pickle 2", "pickle 5"],
)
def test_every_error_can_be_copied_and_pickled(
    error: exceptions.PagerError, again: Callable[[exceptions.PagerError], exceptions.PagerError]
) -> None:
    other = again(error)
    assert other is not error
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert vars(other) == vars(error)


def test_every_error_is_tested_above_and_under_one_base_class() -> None:
    public = {
        *(getattr(exceptions, name) for name in exceptions.__all__),
        *modelled_exceptions.MODELLED_ERRORS,
    }
    assert {type(error) for error in EVERY_ERROR} == public - {exceptions.PagerError}
    assert all(issubclass(error, exceptions.PagerError) for error in public)
    defined = {
        value
        for module in (exceptions, modelled_exceptions)
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__
    }
    assert public == defined


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (exceptions.ParamValidationError, ValueError),
        (exceptions.UnknownOperationError, KeyError),
        (exceptions.OperationNotPageableError, ValueError),
        (exceptions.InvalidRegionError, ValueError),
        (exceptions.InvalidEndpointError, ValueError),
        (exceptions.InvalidConfigError, ValueError),
        (exceptions.ProfileNotFound, exceptions.InvalidConfigError),
        (exceptions.CredentialRetrievalError, exceptions.NoCredentialsError),
        (exceptions.StartingTokenError, ValueError),
        (exceptions.StartingTokenError, exceptions.PaginationError),
        (exceptions.PartialCredentialsError, exceptions.NoCredentialsError),
        (exceptions.ConnectTimeoutError, exceptions.EndpointConnectionError),
        (exceptions.SSLError, exceptions.EndpointConnectionError),
        (exceptions.ProxyConnectionError, exceptions.EndpointConnectionError),
        (exceptions.EndpointConnectionError, exceptions.HTTPClientError),
        (exceptions.ReadTimeoutError, exceptions.HTTPClientError),
        (exceptions.ConnectionClosedError, exceptions.HTTPClientError),
    ],
)
def test_exceptions_have_the_documented_base_classes(
    error: type[Exception], base: type[Exception]
) -> None:
    assert issubclass(error, base)


def test_exceptions_have_botocores_names() -> None:
    """Where botocore has an error for it, ours has its name."""
    own = {
        "PagerError",
        "InvalidEndpointError",
        "ResponseValidationError",
        "StartingTokenError",
        "UnknownOperationError",
    }
    for name in set(exceptions.__all__) - own:
        module = botocore.parsers if name == "ResponseParserError" else botocore.exceptions
        assert hasattr(module, name), name
