"""The local Image Builder from the command line: prints its URL, serves until it is stopped."""

from __future__ import annotations

import argparse
import functools
import operator
import signal
import socket
import sys
from typing import TYPE_CHECKING

from .account import load_account
from .account_generator import generate_account
from .faults import FAULTS, Fault, FaultPlan
from .server import LocalServer
from .service import ACCESS_KEY_ID, SECRET_ACCESS_KEY, LocalImageBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_LAST_PORT = 65535
_LONGEST_LATENCY = 3_600_000  # milliseconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT, then return 0. Wrong arguments exit with status 2."""
    # Any thread may be the one that a signal interrupts, so a lock or a queue could miss it: the
    # byte that Python writes for each signal, from whichever thread, cannot be missed.
    stop, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)

    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.data is None:
            account = generate_account(resources=options.resources)
        else:
            account = load_account(options.data)
        server = LocalServer(
            LocalImageBuilder(account, faults=_fault_plan(options)),
            host=options.host,
            port=options.port,
            latency=options.latency / 1000,
        )
    except (OSError, ValueError) as error:
        parser.error(str(error))
    with server:
        print(server.url, flush=True)
        stop.recv(1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m imagebuilder_pager.local",
        description="EC2 Image Builder on this machine. Prints its URL when it is ready and stops "
        f"on\nSIGTERM or Ctrl-C. Its access key id is {ACCESS_KEY_ID!r}, its secret access key "
        f"{SECRET_ACCESS_KEY!r}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Faults:\n"
        + "".join(f"  {name:<16}{summary}\n" for name, summary in FAULTS.items())
        + "\ndocs/faults.md has their options.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (%(default)s)")
    parser.add_argument("--port", type=_port, default=0, help="0, the default, takes a free one")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--data", metavar="FILE", help="serve the account in this JSON file")
    source.add_argument(
        "--resources",
        type=_count,
        default=120,
        metavar="N",
        help="serve a made-up account whose main execution lists N images (%(default)s)",
    )
    parser.add_argument(
        "--latency",
        type=_milliseconds,
        default=0.0,
        metavar="MS",
        help="hold every answer back for so many milliseconds (0)",
    )
    faults = parser.add_argument_group("faults, to see what a client makes of them")
    faults.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="NAME[,OPTION=VALUE...][@PLACE]",
        help="let this fault happen at PLACE: N (request N), page-N, page-last (each also with "
        "xTIMES or +, for always), or every-N; without a place it is one of those that "
        "--fault-rate chooses from; can be given again",
    )
    faults.add_argument(
        "--fault-rate",
        type=_share,
        default=0.0,
        metavar="RATE",
        help="the share of the requests, from 0 to 1, that meet a fault by chance (0)",
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
    """Raises `ValueError` for faults that would never happen, and a rate without faults."""
    placed = [given for given in options.fault if isinstance(given, FaultPlan)]
    by_chance = [given for given in options.fault if isinstance(given, Fault)]
    if by_chance and not options.fault_rate:
        raise ValueError(
            f"--fault {by_chance[0]} needs a place, as in {by_chance[0]}@3, or a --fault-rate"
        )
    if options.fault_rate:
        if not by_chance:
            raise ValueError("--fault-rate needs a --fault NAME without a place to choose from")
        placed.append(
            FaultPlan.random(
                seed=options.fault_seed, probability=options.fault_rate, faults=by_chance
            )
        )
    return functools.reduce(operator.or_, placed) if placed else None


def _fault(text: str) -> Fault | FaultPlan:
    try:
        return FaultPlan.parse(text) if "@" in text else Fault.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not a port, from 0 to {_LAST_PORT}")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


def _milliseconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= _LONGEST_LATENCY:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {_LONGEST_LATENCY} milliseconds")
    return number


if __name__ == "__main__":
    sys.exit(main())
