"""Faults and their plans: names, options, text, and which request meets which fault."""

import json
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from imagebuilder_pager.local import (
    FAULTS,
    Account,
    Fault,
    FaultPlan,
    LocalImageBuilder,
    RequestInfo,
)
from tests.fakes.faults import EVERY_FAULT

THROTTLE = Fault("throttle")
STALL = Fault("stall")
HTML = Fault("html")


def request(token: str | None = None, size: int = 25, execution: str = "a") -> httpx.Request:
    members = {"lifecycleExecutionId": execution, "maxResults": size, "nextToken": token}
    return httpx.Request("POST", "http://x/List", content=json.dumps(members))


def faults(plan: FaultPlan, *tokens: str | None, last: str = "") -> list[str | None]:
    """Return the names of the faults that requests for these pages meet, in order."""
    met = (plan.fault_for(request(token), last=token == last) for token in tokens)
    return [None if fault is None else fault.name for fault in met]


def faults_of_requests(plan: FaultPlan, count: int) -> list[str | None]:
    return faults(plan, *(str(number) for number in range(count)))


def test_the_documentation_has_every_fault_and_option() -> None:
    text = (Path(__file__).parents[2] / "docs" / "faults.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z-]+)` \|(.*)$", text, re.MULTILINE))
    assert rows.keys() == FAULTS.keys()
    for name, row in rows.items():
        for option, _ in EVERY_FAULT[name].options:
            assert f"`{option}`" in row, (name, option)


def test_every_fault_is_the_same_after_writing_and_parsing() -> None:
    assert EVERY_FAULT.keys() == FAULTS.keys()
    for name, fault in EVERY_FAULT.items():
        if name != "error":
            assert (fault.name, str(fault), repr(fault)) == (name, name, f"Fault({name!r})")
        assert Fault.parse(str(fault)) == fault
        assert hash(Fault.parse(str(fault))) == hash(fault)
        assert FAULTS[name]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("throttle,retry-after=2", Fault("throttle", retry_after=2)),
        ("throttle,retry-after=soon", Fault("throttle", retry_after="soon")),
        ("throttle,code=ThrottlingException", Fault("throttle", code="ThrottlingException")),
        ("server-error,status=502,body=html", Fault("server-error", status=502, body="html")),
        ("expired-credentials,lasting=true", Fault("expired-credentials", lasting=True)),
        ("clock-skew,minutes=-20.5", Fault("clock-skew", minutes=-20.5)),
        ("slow,delay=0,pieces=3", Fault("slow", delay=0, pieces=3)),
        ("redirect,location=http://x/", Fault("redirect", location="http://x/")),
        ("wrong-type,member=nextToken", Fault("wrong-type", member="nextToken")),
        ("wrong-type,value=null", Fault("wrong-type", value=None)),
        ("wrong-type,value=true", Fault("wrong-type", value=True)),
        ('wrong-type,value="18"', Fault("wrong-type", value="18")),
        ("wrong-type,value=[]", Fault("wrong-type", value="[]")),
        ("error,code=SlowDown", Fault("error", code="SlowDown")),
        (
            "error,code=AccessDeniedException,status=401,message=Not you, a=b, @é!",
            Fault("error", code="AccessDeniedException", status=401, message="Not you, a=b, @é!"),
        ),
        ('error,code=A,message="17"', Fault("error", code="A", message="17")),
    ],
)
def test_options_are_parsed_from_text_and_written(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault
    assert str(fault) == text


def test_options_and_defaults() -> None:
    fault = Fault("server-error", status=503)
    assert fault.options == (("status", 503), ("body", "json"), ("retry_after", None))
    assert (fault["status"], fault["body"]) == (503, "json")
    assert repr(fault) == "Fault('server-error', status=503)"
    assert Fault("server-error", status=500) == Fault("server-error") != fault


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "there is no fault 'nothing'; there are throttle, server-error, expired-token"),
        ("html,x=1", "fault 'html' has no option 'x'; it has none"),
        ("slow,x=1", "fault 'slow' has no option 'x'; it has delay, pieces"),
        ("slow,x", "'x' in 'slow,x' is not OPTION=VALUE"),
        ("slow,delay=x", "option 'delay' of fault 'slow': 'x' given; allowed: a number"),
        ("slow,delay=-1", "'slow': -1 (int) given; allowed: a number from 0 to 3600"),
        ("slow,delay=NaN", "'slow': nan (float) given; allowed: a number from 0 to"),
        ("slow,pieces=0", "'slow': 0 (int) given; allowed: a whole number from 1"),
        ("slow,pieces=1.5", "'slow': 1.5 (float) given; allowed: a whole number"),
        ("server-error,status=200", "200 (int) given; allowed: one of 500, 502, 503, 504"),
        ("server-error,body=xml", '\'xml\' given; allowed: one of "json", "html", "empty"'),
        ("expired-credentials,lasting=1", "1 (int) given; allowed: one of false, true"),
        ("throttle,retry-after=true", "True (bool) given; allowed: a number from 0 to 86400, or"),
        ("throttle,retry-after=-5", "-5 (int) given; allowed: a number from 0 to 86400, or"),
        ("throttle,retry-after=NaN", "nan (float) given; allowed: a number from 0 to 86400, or"),
        ("throttle,retry-after=a\r\nb", "allowed: a number from 0 to 86400, or printable ASCII"),
        ("throttle,code=null", "option 'code' of fault 'throttle': None given; allowed: one of "),
        ("redirect,location=ü", "allowed: printable ASCII"),
        ("error", "fault 'error' needs the option 'code', as in error,code=AccessDeniedException"),
        ("error,code=", "option 'code' of fault 'error': '' given; allowed: printable ASCII"),
        ("error,code=A,status=200", "200 (int) given; allowed: a whole number from 400 to 599"),
        ("error,code=A,status=400.0", "400.0 (float) given; allowed: a whole number from 400 to"),
        ("error,code=A,message=a\nb", "allowed: printable text"),
        ("error,code=A,message=17", "17 (int) given; allowed: printable text"),
    ],
)
def test_an_invalid_fault_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"(?s).") as caught:
        Fault.parse(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [object(), {1}, [1]])
@pytest.mark.parametrize("option", ["throttle code", "broken-gzip how", "wrong-type value"])
def test_an_option_that_text_cannot_have_is_an_error(option: str, value: Any) -> None:
    name, option = option.split()
    with pytest.raises(ValueError, match=f"option '{option}' of fault '{name}': "):
        Fault(name, **{option: value})


@pytest.mark.parametrize(
    ("target", "plan", "met"),
    [
        ("2", FaultPlan({2: HTML}), "-x------"),
        ("2", FaultPlan.on_request(2, HTML), "-x------"),
        ("2x3", FaultPlan.on_request(2, HTML, times=3), "-xxx----"),
        ("2+", FaultPlan.on_request(2, HTML, times=None), "-xxxxxxx"),
        ("every-3", FaultPlan.every(3, HTML), "--x--x--"),
        ("page-2", FaultPlan.on_page(2, HTML), "-x------"),
        ("page-2x2", FaultPlan.on_page(2, HTML, times=2), "-xx-----"),
        ("page-2+", FaultPlan.on_page(2, HTML, times=None), "-xxx---x"),
        ("page-3", FaultPlan.on_page(3, HTML), "----x---"),
        ("page-last", FaultPlan.on_page("last", HTML), "----x---"),
        ("page-lastx2", FaultPlan.on_page("last", HTML, times=2), "----xx--"),
        ("page-last+", FaultPlan.on_page("last", HTML, times=None), "----xxx-"),
    ],
)
def test_a_plan_and_its_text(target: str, plan: FaultPlan, met: str) -> None:
    for same in (plan, FaultPlan.parse(f"html@{target}")):
        names = faults(same, None, "b", "b", "b", "c", "c", "c", "b", last="c")
        assert names == [{"x": "html", "-": None}[one] for one in met]


def test_a_page_is_identified_by_its_parameters_without_the_page_size() -> None:
    plan = FaultPlan.rule(lambda _visit: HTML)
    for sent in (request(), request(size=3), request("b"), request(execution="b"), request()):
        plan.fault_for(sent, last=False)
    for content in (b"{", b"[" * 100_000, b"[]", b"\xff", b"{"):
        plan.fault_for(httpx.Request("POST", "http://x/", content=content), last=True)
    pages_and_attempts = [
        *((1, 1), (1, 2), (2, 1), (3, 1), (1, 3)),
        *((4, 1), (5, 1), (6, 1), (7, 1), (4, 2)),
    ]
    assert [info for info, _ in plan.injected] == [
        RequestInfo(number, page, attempt, last=number > 5)
        for number, (page, attempt) in enumerate(pages_and_attempts, start=1)
    ]


def operations_met(plan: FaultPlan, *names: str) -> str:
    """Return an x for each request, in order, that meets a fault; each is for another page."""
    met = ""
    for number, name in enumerate(names):
        sent = httpx.Request("POST", f"http://x/{name}", content=json.dumps({"nextToken": number}))
        met += "-" if plan.fault_for(sent, last=name == names[-1]) is None else "x"
    return met


FIRST = FaultPlan.on_operation("ListImages", HTML, times=1)
ALWAYS = FaultPlan.random(seed=1, probability=1, faults=[HTML], operation="ListWorkflows")


@pytest.mark.parametrize(
    ("plan", "target", "met"),
    [
        (FaultPlan.on_operation("ListImages", HTML), "", "-x-xx-x"),
        (FaultPlan.on_operation("ListImages", HTML, times=2), ":1x2", "-x-x---"),
        (FaultPlan.on_request(2, HTML, operation="ListImages"), ":2", "---x---"),
        (FaultPlan.on_request(2, HTML, operation="ListImages", times=2), ":2x2", "---xx--"),
        (FaultPlan.on_request(2, HTML, operation="ListImages", times=None), ":2+", "---xx-x"),
        (FaultPlan.on_page(3, HTML, operation="ListImages"), ":page-3", "----x--"),
        (FaultPlan.on_page("last", HTML, operation="ListImages"), ":page-last", "-x-xx-x"),
        (FaultPlan.on_page("last", HTML, operation="ListWorkflows"), None, "-------"),
        (FaultPlan.every(2, HTML, operation="ListImages"), ":every-2", "---x--x"),
        (ALWAYS, None, "x-x--x-"),
        (FaultPlan({1: HTML}) | FIRST, None, "xx-----"),
    ],
)
def test_a_plan_for_an_operation_counts_its_requests_alone(
    plan: FaultPlan, target: str | None, met: str
) -> None:
    w, i = "ListWorkflows", "ListImages"
    assert operations_met(plan, w, i, w, i, i, w, i) == met
    if target is not None:
        parsed = FaultPlan.parse(f"html@ListImages{target}")
        assert operations_met(parsed, w, i, w, i, i, w, i) == met


def test_the_numbers_of_a_request_are_those_of_all_operations_with_its_name() -> None:
    plan = FaultPlan.on_operation("ListImages", HTML)
    operations_met(plan, "ListWorkflows", "ListImages", "Nothing", "ListImages")
    assert [info for info, _ in plan.injected] == [
        RequestInfo(request=2, page=2, attempt=1, last=True, operation="ListImages"),
        RequestInfo(request=4, page=4, attempt=1, last=True, operation="ListImages"),
    ]
    seen: list[str | None] = []
    rule = FaultPlan.rule(lambda info: seen.append(info.operation))
    operations_met(rule, "ListImages", "Nothing")
    assert seen == ["ListImages", None]


def test_the_random_faults_of_an_operation_are_the_same_beside_others() -> None:
    def plan() -> FaultPlan:
        return FaultPlan.random(seed=7, probability=0.5, faults=[HTML], operation="ListImages")

    alone = operations_met(plan(), *["ListImages"] * 40)
    assert set(alone) == {"x", "-"}
    assert operations_met(plan(), *["ListImages", "ListWorkflows"] * 40)[::2] == alone


@pytest.mark.parametrize(
    "make",
    [
        lambda name: FaultPlan.on_operation(name, HTML),
        lambda name: FaultPlan.on_request(1, HTML, operation=name),
        lambda name: FaultPlan.on_page(1, HTML, operation=name),
        lambda name: FaultPlan.every(1, HTML, operation=name),
        lambda name: FaultPlan.random(seed=1, probability=1, faults=[HTML], operation=name),
        lambda name: FaultPlan.parse(f"html@{name}:2"),
    ],
)
def test_an_unknown_operation_is_an_error_that_says_which_are_known(
    make: Callable[[str], FaultPlan],
) -> None:
    for name in ("ListImage", "list_images", "listimages"):
        with pytest.raises(ValueError, match=f"no operation '{name}'; did you mean ListImages\\?"):
            make(name)
    with pytest.raises(ValueError, match="no operation 'Nothing'; there are GetLifecycleExec"):
        make("Nothing")


def test_a_combined_plan_has_the_rules_of_both() -> None:
    first, second = FaultPlan({1: STALL, 2: STALL}), FaultPlan({2: HTML, 3: HTML})
    faults_of_requests(first, 5)
    both = first | second | FaultPlan.every(4, THROTTLE)
    assert faults_of_requests(both, 4) == ["stall", "stall", "html", "throttle"]
    assert (first.requests, second.requests, both.requests) == (5, 0, 4)
    injected = [(info.request, fault) for info, fault in both.injected]
    assert injected == [(1, STALL), (2, STALL), (3, HTML), (4, THROTTLE)]


def test_a_random_plan_depends_on_its_seed_alone() -> None:
    def plan(seed: int, probability: float = 0.2, times: int | None = None) -> FaultPlan:
        choices = [STALL, HTML]
        return FaultPlan.random(seed=seed, probability=probability, faults=choices, times=times)

    met = faults_of_requests(plan(7), 2000)
    assert met == faults_of_requests(plan(7), 2000)
    assert met != faults_of_requests(plan(8), 2000)
    counts = Counter(met)
    assert 1500 < counts[None] < 1700
    assert counts["stall"] + counts["html"] + counts[None] == 2000
    assert 150 < counts["stall"] < 250
    assert faults_of_requests(plan(1, 0.0), 50) == [None] * 50
    assert None not in faults_of_requests(plan(1, 1.0), 50)
    assert [fault is None for fault in faults(plan(1, 1.0, times=2), *"aaabab")] == [
        *(False, False, True, False, True, False)
    ]


def test_a_rule_may_read_its_plan() -> None:
    plan = FaultPlan.rule(
        lambda info: HTML if len(plan.injected) < 2 and info.request > 1 else None
    )
    assert faults_of_requests(plan, 5) == [None, "html", "html", None, None]


@pytest.mark.usefixtures("frequent_thread_switches")
def test_a_plan_counts_requests_of_many_threads() -> None:
    plan = FaultPlan.every(4, HTML) | FaultPlan.on_request(1, STALL, times=None)
    tokens = [str(number // 2) for number in range(4000)]  # each page is requested twice
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda token: plan.fault_for(request(token), last=False), tokens))
    assert plan.requests == 4000
    assert [info.request for info, _ in plan.injected] == list(range(1, 4001))
    html = [info.request for info, fault in plan.injected if fault == HTML]
    assert html == list(range(4, 4001, 4))
    attempts = sorted((info.page, info.attempt) for info, _ in plan.injected)
    assert attempts == [(page, attempt) for page in range(1, 2001) for attempt in (1, 2)]


@pytest.mark.parametrize("text", ["error,code=A,message=a@x, b", "redirect,location=http://a@x/"])
def test_a_fault_with_options_is_parsed_in_a_plan(text: str) -> None:
    plan = FaultPlan.parse(f"{text}@1")
    assert plan.fault_for(request(), last=False) == Fault.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("html", "html@", "html@0", "html@x", "html@last", "html@1x0", "html@1x2+", "html@+"),
        *("html@every-2x2", "html@every-2+", "html@every-last", "html@page-", "@2", "html@-1"),
        *("html@ListImages:", "html@ListImages:x", "html@ListImages:0", "html@:1", "@ListImages"),
    ],
)
def test_an_invalid_plan_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not FAULT@TARGET, with TARGET one of N|no fault ''"):
        FaultPlan.parse(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FaultPlan({0: HTML}), r"the number of a request: 0 \(int\) given; allowed"),
        (lambda: FaultPlan.on_request(0, HTML), "the number of a request: 0"),
        (lambda: FaultPlan.on_page(-1, HTML), "the number of a page: -1"),
        (lambda: FaultPlan.every(0, HTML), "the step: 0 .*; allowed: a whole number, 1 or more"),
        (lambda: FaultPlan.on_page(1, HTML, times=0), "times: 0 .*; allowed: a whole number, 1 or"),
        (lambda: FaultPlan.random(seed=1, probability=2, faults=[HTML]), "from 0 to 1"),
        (lambda: FaultPlan.random(seed=1, probability=1, faults=[]), "faults is empty"),
    ],
)
def test_a_plan_with_invalid_arguments_is_an_error(
    make: Callable[[], FaultPlan], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LocalImageBuilder(cast("Any", {})), "account: a dict given"),
        (
            lambda: LocalImageBuilder(Account(), faults=cast("Any", "throttle@1")),
            "faults: a str given; allowed: a value of FaultPlan",
        ),
        (lambda: FaultPlan.rule(cast("Any", 5)), "rule: a int given; allowed: a function"),
        (lambda: FaultPlan() | cast("Any", "throttle@1"), "unsupported operand"),
    ],
)
def test_a_wrong_type_is_an_error_where_it_is_given(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        make()
