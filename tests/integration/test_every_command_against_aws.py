"""Every command and the AWS CLI: the same options, and over random responses the same output."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.model
import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from imagebuilder_pager.cli.commands import COMMANDS
from imagebuilder_pager.cli.options import option_name
from imagebuilder_pager.local import LocalServer
from imagebuilder_pager.operations import OPERATIONS, Operation
from tests.fakes.command_line import AwsCli, run_command
from tests.fakes.operation_services import OperationService, required_params
from tests.fakes.shapes import values_of

PROFILE = settings(
    deadline=None,
    derandomize=True,
    max_examples=10,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
        HealthCheck.function_scoped_fixture,
    ],
)


class Server(LocalServer):
    """A server whose service, that of one operation, the test changes."""

    service: OperationService

    def __init__(self) -> None:
        super().__init__(self._respond)

    def _respond(self, request: httpx.Request) -> httpx.Response:
        return self.service(request)


@pytest.fixture(scope="module")
def aws_cli_model() -> botocore.model.ServiceModel:
    """The service model that the AWS CLI brings along, which may be older than botocore's."""
    package = importlib.util.find_spec("awscli")
    assert package is not None
    assert package.submodule_search_locations is not None
    data = Path(package.submodule_search_locations[0]) / "botocore" / "data"
    loader = botocore.loaders.Loader([str(data)], include_default_search_paths=False)
    return botocore.model.ServiceModel(loader.load_service_model("imagebuilder", "service-2"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def aws(server: Server) -> Iterator[AwsCli]:
    with AwsCli(server.url, reuse_driver=True) as aws:
        yield aws


def draw_service(
    data: st.DataObject, operation: Operation[Any], model: botocore.model.ServiceModel
) -> OperationService:
    """Draw a listing of up to 7 items, in pages of up to 4."""
    shape: Any = model.operation_model(operation.name).output_shape
    template = without_nulls_in_lists(data.draw(values_of(shape)))
    if operation.result_key is None:
        # Without a single member, it would be an error here.
        assume(any(value is not None for value in template.values()))
        return OperationService(operation, template, [], 1)
    item = values_of(shape.members[operation.result_key].member)
    items = without_nulls_in_lists(data.draw(st.lists(item, max_size=7)))
    return OperationService(operation, template, items, data.draw(st.integers(1, 4)))


def without_nulls_in_lists(value: Any) -> Any:
    """Return a value without what the AWS CLI's text fails on: a null among structures."""
    if isinstance(value, dict):
        return {name: without_nulls_in_lists(member) for name, member in value.items()}
    if isinstance(value, list):
        return [without_nulls_in_lists(item) for item in value if item is not None]
    return value


def draw_options(data: st.DataObject, operation: Operation[Any]) -> list[str]:
    if operation.result_key is None:
        return []
    if data.draw(st.integers(0, 4)) == 0:
        return ["--no-paginate"]
    options = []
    if data.draw(st.booleans()):
        options += ["--max-items", str(data.draw(st.integers(1, 8)))]
    if operation.limit_key and data.draw(st.booleans()):
        options += ["--page-size", str(data.draw(st.integers(1, 5)))]
    return options


@pytest.mark.parametrize("command", COMMANDS)
def test_json_and_text_are_those_of_the_aws_cli_to_the_byte(
    command: str,
    server: Server,
    aws: AwsCli,
    capfd: pytest.CaptureFixture[str],
    aws_cli_model: botocore.model.ServiceModel,
) -> None:
    operation = OPERATIONS[COMMANDS[command].method_name]
    required = [
        argument
        for name, value in required_params(operation).items()
        for argument in (option_name(name), value)
    ]

    @PROFILE
    @given(st.data())
    def check(data: st.DataObject) -> None:
        server.service = draw_service(data, operation, aws_cli_model)
        options = [*required, *draw_options(data, operation)]
        for output in ("json", "text"):
            arguments = [*options, "--output", output]
            expected = aws(*arguments, command=command)
            assert expected.code == 0, expected.err
            assert run_command(server.url, capfd, *arguments, command=command) == expected

    check()
