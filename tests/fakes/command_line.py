"""The command line and the AWS CLI, run against a local service."""

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import httpx
import pytest

from imagebuilder_pager.cli.main import main
from imagebuilder_pager.cli.options import COMMANDS, option_name
from imagebuilder_pager.local import (
    ACCESS_KEY_ID,
    EXAMPLE_EXECUTION_ID,
    SECRET_ACCESS_KEY,
    LocalServer,
)
from tests.fakes.operation_services import params_of, required_params

LIST = "list-lifecycle-execution-resources"
#: The option that names the execution which every local account has.
EXAMPLE_ID = ("--lifecycle-execution-id", EXAMPLE_EXECUTION_ID)


class CommandResult(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


def local_environment(url: str) -> dict[str, str]:
    """Return the variables under which both command lines use the local service at ``url``."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "TZ": "UTC",
        "LANGUAGE": "C",  # argparse searches no translations
    }


def required_options(command: str) -> list[str]:
    """Return the options that a command requires, with valid values."""
    params = required_params(COMMANDS[command])
    return [argument for name in params for argument in (option_name(name), params[name])]


def run_command(
    url: str,
    capfd: pytest.CaptureFixture[str],
    *arguments: str,
    command: str = LIST,
    environment: Mapping[str, str] | None = None,
) -> CommandResult:
    """Run a command in this process; ``environment`` is added to the local one."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**local_environment(url), **(environment or {})}.items():
            patch.setenv(name, value)
        time.tzset()
        code = main([command, *arguments])
    time.tzset()
    return CommandResult(code, *capfd.readouterr())


class OperationServer(LocalServer):
    """A server whose service the test sets."""

    service: Callable[[httpx.Request], httpx.Response]

    def __init__(self) -> None:
        super().__init__(self._respond)

    def _respond(self, request: httpx.Request) -> httpx.Response:
        return self.service(request)


_RUN_AFRESH = """
import os, sys
before = set(sys.modules)
{preload}
results = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
for arguments in {commands!r}:
    if os.fork():
        os.wait()
        continue
    os.environ |= {environment!r}
    from imagebuilder_pager.cli.main import main
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    os.write(results, repr((code or 0, set(sys.modules) - before)).encode() + b"\\n")
    os._exit(0)
"""


def run_afresh(
    *commands: Sequence[str], url: str = "http://127.0.0.1:9", preload: str = ""
) -> list[tuple[int, set[str]]]:
    """Run commands, each forked from a process that has executed nothing but ``preload``.

    Returns the exit code of each, and the modules that it loaded.
    """
    code = _RUN_AFRESH.format(
        preload=preload,
        commands=[list(command) for command in commands],
        environment=local_environment(url),
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    results = [ast.literal_eval(line) for line in ran.stdout.decode().splitlines()]
    assert len(results) == len(commands)
    return results


def page_server(respond: Callable[[dict[str, Any]], Any]) -> LocalServer:
    """Start a server with a function from the parameters of a request to the page, as JSON.

    The parameters are those of the query and of the body. A page that is bytes is sent as it is.
    """

    def handle(request: httpx.Request) -> httpx.Response:
        page = respond(params_of(request.method, str(request.url), request.content))
        return httpx.Response(
            200, content=page if isinstance(page, bytes) else json.dumps(page).encode()
        )

    return LocalServer(handle)


_AWS_CLI_LOOP = """
import argparse, contextlib, functools, gc, io, json, os, sys, time
import awscli.clidriver, awscli.help

# The real one starts a pager.
awscli.help.HelpCommand.__call__ = lambda self, arguments, options: print("help") or 0
# What a driver keeps of one run for the next, but for the options that it requires.
kept = ("--cli-c", "--cli-r", "--de", "--gen", "--no-s", "--pr", "--reg", "--v2")
create_client = awscli.clidriver.create_nested_client
awscli.clidriver.create_nested_client = functools.cache(create_client)
os.environ.update(json.loads(sys.argv[1]))
time.tzset()
driver = awscli.clidriver.create_clidriver()
table = driver._get_command_table()
service = table["imagebuilder"]
commands = service._get_command_table()
arguments = [one for command in commands.values() for one in command.arg_table.values()]
required = [(argument, argument.required) for argument in arguments]
parser, service_parser = driver._create_parser(table), service._create_parser()
driver._create_parser, service._create_parser = lambda table: parser, lambda: service_parser
# At each run it would add handlers, all of which are called from then on.
driver._emit_session_event(argparse.Namespace(command="imagebuilder"))
driver._emit_session_event = lambda options: None
gc.collect()
gc.freeze()

for line in sys.stdin:
    arguments, environment = json.loads(line)
    for argument, is_required in required:
        argument.required = is_required
    changes = environment or any(one.startswith(kept) for one in arguments)
    if changes and os.fork():
        os.wait()
        continue
    if changes:
        awscli.clidriver.create_nested_client = create_client
    if environment:
        os.environ.update(environment)
        time.tzset()
        driver = awscli.clidriver.create_clidriver()
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = driver.main(arguments)
        except SystemExit as end:
            code = end.code
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    print(json.dumps([code, *texts]), flush=True)
    if changes:
        os._exit(0)
"""


class AwsCli:
    """The AWS CLI, in one process for all runs: starting it takes half a second.

    Its own botocore must not get into the process of the tests. Its driver is reused, which makes a
    run ten times as fast. A run with options or an environment of which a driver keeps something
    has a fork of the process.
    """

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _AWS_CLI_LOOP, json.dumps(local_environment(url))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.communicate()  # closes its input, at which it ends

    def __call__(
        self, *arguments: str, command: str = LIST, environment: Mapping[str, str] | None = None
    ) -> CommandResult:
        """Run a command with the arguments; ``environment`` is added to the local one."""
        return self.run(["imagebuilder", command, *arguments], environment or {})

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str] = MappingProxyType({})
    ) -> CommandResult:
        """Run with all arguments; ``environment`` is added to the local one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([arguments, dict(environment)]) + "\n")
        self._process.stdin.flush()
        return CommandResult(*json.loads(self._process.stdout.readline()))
