"""Command lines made at random from the rows: every option, with values that are good and bad."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any, NamedTuple

from imagebuilder_pager._operations import OPERATIONS
from imagebuilder_pager._params import Param
from imagebuilder_pager._rows import Operation
from imagebuilder_pager.cli.options import COMMANDS, option_name

from .operation_services import REQUIRED


class CommandLine(NamedTuple):
    """The arguments of a command, and the options before it."""

    before: list[str]
    command: str
    after: list[str]

    @property
    def arguments(self) -> list[str]:
        """All of them."""
        return [*self.before, self.command, *self.after]


def resume_token(next_token: str | None, skip: int) -> str:
    """Return the ``StartingToken`` that botocore makes."""
    text = json.dumps({"nextToken": next_token, "boto_truncate_amount": skip})
    return base64.b64encode(text.encode()).decode()


def _flat(groups: list[list[str]]) -> list[str]:
    return [argument for group in groups for argument in group]


#: The files that values name, by their names.
FILES = {
    "TEXT": b"text",
    "NUMBER": b"2\n",
    "TOKEN": b"1",
    "FILTERS": b'[{"name": "a", "values": ["b"]}]',
    "SHORTHAND": b"name=a,values=b",
    "INPUT": b'{"maxResults": 1}',
    "BINARY": b"\xff\xfe",
    "EMPTY": b"",
}
_TEXTS = (
    *("", " ", "é", "a b", "a\n", "-x", "--x", "=a", "a,b", "{}", "[1]", "null", "%s", "$HOME"),
    *("~", "file://TEXT", "file://EMPTY", "file://BINARY", "file://MISSING", "file://"),
    *("FILE://TEXT", "fileb://TEXT", "fileb://BINARY", "fileb://MISSING", "file:/TEXT", "help"),
    *("😀", "http://127.0.0.1:9/"),
)
_GOOD_NUMBERS = ("1", "2", "5")
_NUMBERS = (
    *("0", "-1", "100", "101", "99999999999999999999", "", "x", "1.5", " 2 ", "+2", "0_2", "02"),
    *("٣", "1e3", "0x2", "None", "[2]", "file://NUMBER", "fileb://NUMBER", "file://TEXT"),
    *("file://MISSING",),
)
_TOKENS = (
    *(resume_token(None, 1), resume_token("1", 0), resume_token("1", 1), "None___1", "1___1", "1"),
    *("file://TOKEN", resume_token(None, -1), resume_token(None, 2000), resume_token(None, 0)),
    *("e30=", "", "x", "{}", "-x", "None"),
)
_GOOD_FILTERS = (
    *("name=platform,values=Linux", "name=platform,values=Linux,Windows", "values=a,name=b"),
    *("name=a,values=[b,c]", "name=a,values='b, c'", '{"name": "a", "values": ["b"]}'),
)
_FILTERS = (
    *("", " ", "x", "name", "name=", "=a", "name=a", "values=a", "name=a,b", "name=a,name=b"),
    *("nam=a", "Name=a", "é=a", "name=é", "name=a,", ",name=a", "name=a,,values=b", "name = a"),
    *("values=a,,name=b", "name=a,,values=[b]", "values@=a", "name@=a,values=b", "name=a;values=b"),
    *("name=a, values=b,c", "name=a\\,b", "name=a\\", "name='a", 'name="b\\"c"', "values="),
    *("values=[]", "values=[b", "values=b]", "values=[b,]", "values=[,b]", "values=[[b]]"),
    *("values=[ b , c ]", "values='b','c'", "values=b c", "values={b=c}", "name={", "{name=a}"),
    *("{", "name@=file://TEXT", "name=a,values@=file://TEXT", "name=file://TEXT"),
    *("name=a:b/c.d#e-f", "[", "[]", "{}", "[{}]", "[[]]", "[1]", '["a"]', "1", "null", '"a"'),
    *('{"name": 1}', "name=a\n", '{"name": null}', '{"name": NaN}', '{"nam": "a"}'),
    *('{"name": "a", "name": "b"}', "-x", "--x", '[{"name": "a"}, {"name": "b"}]'),
    *(' [{"name": "a"}]', ' {"name": "a"}', "[{'name': 'a'}]", '[{"name": "a", "values": []}]'),
    *('[{"name": "a", "values": "b"}]', "file://FILTERS", "http://127.0.0.1:9/", "fileb://FILTERS"),
    *("file://SHORTHAND", "file://SHORTHAND", "file://SHORTHAND", "file://MISSING"),
    *("file://BINARY", "file://EMPTY"),
)
_INPUTS: tuple[dict[str, Any], ...] = (
    *({}, {"maxResults": 1}, {"maxResults": "1"}, {"maxResults": 1.0}, {"maxResults": True}),
    *({"maxResults": 0}, {"max_results": 1}, {"nextToken": "1"}, {"nextToken": None}, {"": 1}),
    *({"owner": "Self"}, {"owner": 1}, {"owner": "é"}, {"byName": True}, {"byName": "true"}),
    *({"by_name": True}, {"unknown": 1}, {"maxItems": 1}, {"StartingToken": "1"}, {"Filters": []}),
    *({"filters": []}, {"filters": {}}, {"filters": [{"name": "a", "values": ["b"]}]}),
    *({"PaginationConfig": config} for config in (None, None, {}, 1, {"MaxItems": 1})),
    *({"PaginationConfig": config} for config in ({"x": 1}, {"x": 2, "MaxItems": 1})),
    *({"PaginationConfig": config} for config in ({"MaxItems": "1"}, {"MaxItems": -1})),
    *({"PaginationConfig": config} for config in ({"PageSize": 1}, {"StartingToken": "None___1"})),
)
_INPUT_TEXTS = (
    *("", "x", "{", "[]", "[1]", "null", "1", '"a"', " {} ", "{'a': 1}", '{"maxResults": NaN}'),
    *('{"owner": "a", "owner": "b"}', "\ufeff{}", "file://INPUT", "fileb://INPUT"),
    *("http://127.0.0.1:9/", "file://BINARY", "fileb://BINARY", "file://EMPTY", "file://MISSING"),
    *("file://FILTERS",),
)
#: Queries without names of the response; in the others, ITEMS is its member with the items.
_QUERIES = (
    *("@", "*", "nothing", "NextToken", "nextToken", "keys(@)", "length(nothing)", "type(@)", "!a"),
    *("`{}`", "`[]`", "`null`", "`1`", "`1.0`", "`true`", '`"a"`', "'a'", '`"\\t"`', '"é"', "é"),
    *("", " ", "[", "a.", "a..b", "{a:", "foo(@)", "-x", "--x", "a && b", "to_string(@)", "[a, b]"),
    *("`[[1, 2], [3]]`", "`[1, [2]]`", '`[{"a": [1, {"b": null}]}]`', '`[null, {"a": 1}]`'),
    *("{a: nothing}", "not_null(nothing, `[]`)", "file://TEXT", '`{"a": {"b": []}}`'),
)
_ITEM_QUERIES = (
    *("ITEMS", "ITEMS[]", "ITEMS[0]", "ITEMS[-1:]", "ITEMS[::-1]", "length(ITEMS)", "ITEMS | [0]"),
    *("ITEMS[].NAME", "ITEMS[*].NAME", "ITEMS[0].NAME", "ITEMS[].[NAME, OTHER]", "ITEMS[0].*"),
    *("ITEMS[].{a: NAME, b: OTHER}", "ITEMS[?NAME == 'a']", "ITEMS[?NAME].OTHER", "ITEMS[].NAME[]"),
    *("sort_by(ITEMS, &NAME)[].OTHER", "max_by(ITEMS, &NAME).OTHER", "join(',', ITEMS[].NAME)"),
    *("map(&NAME, ITEMS)", "ITEMS[?contains(NAME, 'a')]", "sum(ITEMS[].NAME)", "values(ITEMS[0])"),
)
_GLOBAL = {
    "--region": ("us-west-2", "eu-west-1", "", "x y", "é", "us_west_2"),
    "--profile": ("nobody", "", "default"),
    "--endpoint-url": ("URL", "URL/", "", "x", "http://", "ftp://127.0.0.1", "127.0.0.1"),
    "--output": ("x", "", "JSON", "yaml", "off"),
    "--color": ("on", "off", "auto", "x", ""),
    "--cli-connect-timeout": ("5", "0", "x", "", "-1", "1.5"),
    "--cli-read-timeout": ("5", "0", "x", "", "-1", "1.5"),
    "--cli-binary-format": ("raw-in-base64-out",),
    "--ca-bundle": ("/missing", ""),
}
_FLAGS = (
    *("--no-verify-ssl", "--no-paginate", "--no-paginate", "--v2-debug", "--no-sign-request"),
    *("--no-cli-pager", "--version", "--help"),
)
_STRAY = (
    *(["--unknown"], ["--unknown", "x"], ["x"], [""], ["-"], *[["--"]] * 4, ["-x"], ["help"]),
    *(["-h"], ["--max-results"], ["--query"], ["--no-no-by-name"]),
    *[["--generate-cli-skeleton"]] * 3,
)
#: Every option of a command and of all commands.
OPTIONS = {
    *(option_name(name) for operation in OPERATIONS.values() for name in operation.params),
    *("--query", "--cli-input-json", "--page-size", "--max-items", "--starting-token"),
    *_GLOBAL,
    *_FLAGS,
}


class CommandLines:
    """A source of command lines; ``directory`` gets the files, ``members`` those of an item."""

    def __init__(self, seed: int, url: str, directory: Path, members: dict[str, list[str]]) -> None:
        self._rng = random.Random(seed)
        self._url = url
        self._directory = directory
        self._members = members
        for name, content in FILES.items():
            (directory / name).write_bytes(content)

    def draw(self) -> CommandLine:
        """Return the next one; about half of them are good."""
        rng = self._rng
        command = rng.choice(list(COMMANDS))
        operation = COMMANDS[command]
        groups = [
            self._param(operation, name)
            for name in operation.params
            if self._wants(operation, name)
        ]
        if rng.random() < 0.1:
            groups.append(self._param(operation, rng.choice(list(operation.params))))
        groups += self._pagination(operation)
        if rng.random() < 0.12:
            groups.append(self._option("--cli-input-json", self._input(operation)))
        if rng.random() < 0.04:
            groups.append(rng.choice(_STRAY))
        anywhere = self._global_options(operation)
        before = [group for group in anywhere if rng.random() < 0.2]
        groups += [group for group in anywhere if group not in before]
        rng.shuffle(groups)
        after = _flat(groups)
        if after and rng.random() < 0.015:
            position = rng.randrange(len(after))
            if after[position].startswith("--"):
                after[position] = after[position][:-1]
        if rng.random() < 0.01:
            after.append(rng.choice(("--", "help")))
        if rng.random() < 0.01:
            command = rng.choice(("", command[:-1], "help"))
        return CommandLine(
            [self._local(argument) for argument in _flat(before)],
            command,
            [self._local(argument) for argument in after],
        )

    def _wants(self, operation: Operation, name: str) -> bool:
        if operation.params[name].required:
            return self._rng.random() < 0.95
        return self._rng.random() < (0.3 if name in operation.listing_params else 0.12)

    def _option(self, option: str, value: str) -> list[str]:
        return [f"{option}={value}"] if self._rng.random() < 0.15 else [option, value]

    def _pick(self, good: tuple[str, ...], others: tuple[str, ...]) -> str:
        return self._rng.choice(good if self._rng.random() < 0.7 else others)

    def _param(self, operation: Operation, name: str) -> list[str]:
        rng = self._rng
        param: Param = operation.params[name]
        option = option_name(name)
        if param.type == "boolean":
            either = rng.choice((option, option.replace("--", "--no-", 1)))
            return [either] if rng.random() < 0.9 else self._option(either, "true")
        if param.type == "integer":
            return self._option(option, self._pick(_GOOD_NUMBERS, _NUMBERS))
        if param.type == "list" and rng.random() < 0.85:
            count = rng.choice((0, 1, 1, 1, 1, 2, 3))
            return [option, *(self._pick(_GOOD_FILTERS, _FILTERS) for _ in range(count))]
        if param.type in ("list", "structure"):
            return self._option(option, self._pick(_GOOD_FILTERS, _FILTERS))
        if name == "nextToken":
            return self._option(option, self._pick(("1",), _TOKENS + _TEXTS))
        good = param.enum or (REQUIRED.get(name, "x"),)
        return self._option(option, rng.choice(good if rng.random() < 0.85 else _TEXTS))

    def _pagination(self, operation: Operation) -> list[list[str]]:
        rng = self._rng
        if not operation.is_paginated and rng.random() < 0.95:
            return []
        options = [option for option in ("--max-items", "--page-size") if rng.random() < 0.2]
        groups = [self._option(option, self._pick(_GOOD_NUMBERS, _NUMBERS)) for option in options]
        if rng.random() < 0.1:
            groups.append(self._option("--starting-token", rng.choice(_TOKENS)))
        return groups

    def _input(self, operation: Operation) -> str:
        if self._rng.random() < 0.3:
            return self._rng.choice(_INPUT_TEXTS)
        given = dict(self._rng.choice(_INPUTS))
        if self._rng.random() < 0.5:
            given |= {name: REQUIRED[name] for name in operation.params if name in REQUIRED}
        return json.dumps(given)

    def _global_options(self, operation: Operation) -> list[list[str]]:
        rng = self._rng
        groups = []
        if rng.random() < 0.5:
            groups.append(self._option("--query", self._query(operation)))
        if rng.random() < 0.5:
            groups.append(["--output", rng.choice(("text", "text", "json"))])
        groups += [
            self._option(option, rng.choice(values).replace("URL", self._url))
            for option, values in _GLOBAL.items()
            if rng.random() < 0.012
        ]
        return groups + [[flag] for flag in _FLAGS if rng.random() < 0.006]

    def _query(self, operation: Operation) -> str:
        if operation.result_key is None or self._rng.random() < 0.4:
            return self._rng.choice(_QUERIES)
        name, other = self._rng.choices(self._members[operation.name], k=2)
        query = self._rng.choice(_ITEM_QUERIES).replace("ITEMS", operation.result_key)
        return query.replace("NAME", name).replace("OTHER", other)

    def _local(self, argument: str) -> str:
        """Return the argument with the paths of the files, and the URL of the service."""
        head, scheme, name = argument.rpartition("://")
        if head.endswith(("file", "fileb")) and name in {*FILES, "MISSING"}:
            return f"{head}{scheme}{self._directory / name}"
        return argument
