"""The local Image Builder from the command line: it prints its URL and serves until stopped."""

from __future__ import annotations

import argparse
import contextlib
import functools
import math
import operator
import re
import signal
import socket
import sys
from typing import TYPE_CHECKING, NoReturn

from ..exceptions import CONTROLS
from .account import load_account
from .account_generator import FleetSize, generate_account
from .faults import FAULTS, Fault, FaultPlan
from .server import LocalServer
from .service import ACCESS_KEY_ID, SECRET_ACCESS_KEY, LocalImageBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import httpx

_MAX_PORT = 65535
_MAX_LATENCY_MS = 3_600_000


class _Parser(argparse.ArgumentParser):
    """A parser that escapes the control characters of arguments in its errors."""

    def error(self, message: str) -> NoReturn:
        super().error(re.sub(CONTROLS, lambda match: f"\\u{ord(match[0]):04x}", message))


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT and return 0.

    Wrong arguments exit with status 2.
    """
    # A signal may interrupt any thread, so a lock or a queue could miss it. The byte that Python
    # writes to the wakeup socket for each signal is never lost.
    stop, sender = socket.socketpair()
    with stop, sender, contextlib.ExitStack() as restored:
        sender.setblocking(False)
        restored.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(sender.fileno()))
        for number in (signal.SIGTERM, signal.SIGINT):
            previous = signal.signal(number, lambda _number, _frame: None)
            restored.callback(signal.signal, number, previous)

        parser = _parser()
        options = parser.parse_args(argv)
        latency = options.latency / 1000
        try:
            service = _make_service(options)
            server = LocalServer(service, host=options.host, port=options.port, latency=latency)
        except (OSError, ValueError) as error:
            parser.error(str(error))
        with server:
            print(server.url, flush=True)
            stop.recv(1)
    return 0


def _make_service(options: argparse.Namespace) -> Callable[[httpx.Request], httpx.Response]:
    """Return the service of the options. Raises ``ValueError`` for conflicting options."""
    faults = _fault_plan(options)
    if options.accounts is None:
        for name in ("policies", "executions", "regions", "rate_limit"):
            if getattr(options, name) is not None:
                raise ValueError(f"--{name.replace('_', '-')} needs --accounts")
        if options.data is not None:
            return LocalImageBuilder(load_account(options.data), faults=faults)
        resources = 120 if options.resources is None else options.resources
        account = generate_account(resources=resources, history=True)
        return LocalImageBuilder(account, faults=faults)
    if faults is not None or options.data is not None:
        raise ValueError("--accounts allows neither --data nor --fault")
    from .fleet_service import DEFAULT_REGIONS, LocalFleet

    given = {
        name: value
        for name in ("accounts", "policies", "executions", "resources")
        if (value := getattr(options, name)) is not None
    }
    return LocalFleet(
        FleetSize(**given),
        regions=options.regions or DEFAULT_REGIONS,
        rate_limit=options.rate_limit,
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m imagebuilder_pager.local",
        description="EC2 Image Builder on this machine. Prints its URL when it is ready and stops "
        f"on\nSIGTERM or Ctrl-C. Its access key id is {ACCESS_KEY_ID!r}, its secret access key "
        f"{SECRET_ACCESS_KEY!r}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Faults:\n"
        + "".join(f"  {name:<22}{summary}\n" for name, summary in FAULTS.items())
        + "\ndocs/faults.md has their options.",
    )
    count = _number(int, math.inf, "below 0")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (%(default)s)")
    port = _number(int, _MAX_PORT, f"not a port, from 0 to {_MAX_PORT}")
    parser.add_argument("--port", type=port, default=0, help="0, the default, takes a free one")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--data", metavar="FILE", help="serve the account in this JSON file")
    source.add_argument(
        "--resources",
        type=count,
        metavar="N",
        help="serve a generated account with two years of data; its main execution lists N images "
        "(120); with --accounts, each execution lists N (30)",
    )
    parser.add_argument(
        "--latency",
        type=_number(float, _MAX_LATENCY_MS, f"not from 0 to {_MAX_LATENCY_MS} milliseconds"),
        default=0.0,
        metavar="MS",
        help="delay every response by this many milliseconds (0)",
    )
    fleet = parser.add_argument_group(
        "a fleet of accounts, and STS, where any role in them can be assumed"
    )
    for name, help_ in (
        ("accounts", "serve N accounts"),
        ("policies", "policies in each account and region (2)"),
        ("executions", "executions of each policy (3)"),
    ):
        fleet.add_argument(f"--{name}", type=count, metavar="N", help=help_)
    fleet.add_argument(
        "--regions",
        type=lambda text: tuple(text.split(",")),
        metavar="REGION[,...]",
        help="the regions of the accounts (us-west-2,eu-west-1,ap-northeast-1)",
    )
    fleet.add_argument(
        "--rate-limit",
        type=float,
        metavar="N",
        help="requests a second of each account in each region; any more get a response with "
        "status 429 (no limit)",
    )
    faults = parser.add_argument_group("faults, to test a client with")
    faults.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="NAME[,OPTION=VALUE...][@TARGET]",
        help="inject this fault at TARGET: N (request N), page-N, page-last (each also with "
        "xTIMES or +, for always), every-N, OPERATION (as ListImages), or OPERATION:TARGET; "
        "without a target, --fault-rate chooses from such "
        "faults at random; can be repeated",
    )
    faults.add_argument(
        "--fault-rate",
        type=_number(float, 1, "not from 0 to 1"),
        default=0.0,
        metavar="RATE",
        help="the probability, from 0 to 1, that a request meets a random fault (0)",
    )
    faults.add_argument(
        "--fault-seed",
        type=int,
        default=0,
        metavar="N",
        help="the same seed gives the same faults (%(default)s)",
    )
    return parser


def _fault_plan(options: argparse.Namespace) -> FaultPlan | None:
    """Build the plan of the options, or return None if there is none.

    Raises ``ValueError`` for a fault that would never happen, and for a rate without faults.
    """
    plans = [value for value in options.fault if isinstance(value, FaultPlan)]
    random_faults = [value for value in options.fault if isinstance(value, Fault)]
    if random_faults and not options.fault_rate:
        raise ValueError(
            f"--fault {random_faults[0]} needs a target, as in {random_faults[0]}@3, "
            "or a --fault-rate"
        )
    if options.fault_rate:
        if not random_faults:
            raise ValueError("--fault-rate needs a --fault NAME without a target to choose from")
        plans.append(
            FaultPlan.random(
                seed=options.fault_seed, probability=options.fault_rate, faults=random_faults
            )
        )
    return functools.reduce(operator.or_, plans) if plans else None


def _fault(text: str) -> Fault | FaultPlan:
    try:
        return FaultPlan.parse(text) if "@" in text else Fault.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _number(kind: type[float], maximum: float, problem: str) -> Callable[[str], float]:
    """Return a function that reads a number from 0 to ``maximum``."""

    def number(text: str) -> float:
        value = kind(text)
        if not 0 <= value <= maximum:
            raise argparse.ArgumentTypeError(f"{text} is {problem}")
        return value

    return number


if __name__ == "__main__":
    sys.exit(main())
