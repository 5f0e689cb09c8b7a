"""The local service's faults of the connection, in process: httpx's exceptions, and no waiting."""

import asyncio

import httpx
import pytest
import respx

from imagebuilder_pager.local import Account, Fault, FaultPlan, LocalImageBuilder, generate_account

URL = "http://imagebuilder.test/ListLifecycleExecutionResources"


@pytest.fixture(scope="module")
def account() -> Account:
    return generate_account(resources=0)


def unsigned() -> httpx.Request:
    return httpx.Request("POST", URL)


@pytest.fixture(scope="module")
def true(account: Account) -> httpx.Response:
    """A refusal, which is as good as a page here."""
    return LocalImageBuilder(account)(unsigned())


def answer(account: Account, fault: Fault) -> httpx.Response:
    """What a client gets whose first request meets the fault."""
    service = LocalImageBuilder(account, faults=FaultPlan({1: fault}))
    with httpx.Client(transport=httpx.MockTransport(service)) as client:
        response = client.send(unsigned())
        assert client.send(unsigned()).status_code == 403, "the fault has passed"
    return response


BROKEN: list[tuple[str, type[httpx.TransportError]]] = [
    ("reset-before", httpx.ReadError),
    ("reset-within", httpx.ReadError),
    ("close-before", httpx.RemoteProtocolError),
    ("half-body", httpx.RemoteProtocolError),
    ("body-shorter", httpx.RemoteProtocolError),
    ("stall", httpx.ReadTimeout),
    ("stall-within", httpx.ReadTimeout),
]


@pytest.mark.parametrize(("name", "error"), BROKEN)
def test_broken_connections(account: Account, name: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        answer(account, Fault(name))
    assert isinstance(caught.value, httpx.TransportError)
    assert str(caught.value.request.url) == URL


@pytest.mark.parametrize(("name", "error"), BROKEN)
def test_broken_connections_in_a_loop(account: Account, name: str, error: type[Exception]) -> None:
    async def ask() -> None:
        service = LocalImageBuilder(account, faults=FaultPlan({1: Fault(name)}))
        async with httpx.AsyncClient(transport=httpx.MockTransport(service)) as client:
            with pytest.raises(error):
                await client.send(unsigned())
            assert (await client.send(unsigned())).status_code == 403

    asyncio.run(ask())


@pytest.mark.parametrize("name", ["reset-within", "half-body", "stall-within"])
def test_half_of_the_body_comes_before_it_breaks(
    account: Account, true: httpx.Response, name: str
) -> None:
    service = LocalImageBuilder(account, faults=FaultPlan({1: Fault(name)}))
    got: list[bytes] = []
    with httpx.Client(transport=httpx.MockTransport(service)) as client:
        response = client.send(unsigned(), stream=True)
        assert response.headers["Content-Length"] == str(len(true.content))
        with pytest.raises(httpx.TransportError):
            got.extend(iter(response.iter_bytes()))
    assert b"".join(got) == true.content[: len(true.content) // 2]


@pytest.mark.parametrize("name", ["reset-after", "body-trailing", "slow"])
def test_nothing_to_see_in_process(account: Account, true: httpx.Response, name: str) -> None:
    response = answer(account, Fault(name))
    assert response.content == true.content
    assert response.headers["Content-Length"] == str(len(true.content))


def test_a_body_longer_than_it_says(account: Account, true: httpx.Response) -> None:
    response = answer(account, Fault("body-longer"))
    assert response.content == true.content[: len(true.content) // 2]


def test_slow_against_the_read_timeout(account: Account) -> None:
    plan = FaultPlan.every(1, Fault("slow", delay=60))
    transport = httpx.MockTransport(LocalImageBuilder(account, faults=plan))
    for timeout, error in ((59.0, httpx.ReadTimeout), (61.0, None), (None, None)):
        with httpx.Client(transport=transport, timeout=timeout) as client:
            request = client.build_request("POST", URL)
            if error is None:
                assert client.send(request).status_code == 403
            else:
                with pytest.raises(error):
                    client.send(request)


@pytest.mark.parametrize("name", ["broken-gzip", "reset-before", "reset-within", "html"])
def test_with_respx(account: Account, name: str) -> None:
    plan = FaultPlan({1: Fault(name)})
    with respx.mock, httpx.Client() as client:
        respx.post(URL).mock(side_effect=LocalImageBuilder(account, faults=plan))
        if name == "html":
            assert client.send(unsigned()).headers["Content-Type"] == "text/html"
        else:
            with pytest.raises((httpx.ReadError, httpx.DecodingError)):
                client.send(unsigned())
        assert client.send(unsigned()).status_code == 403
    assert plan.requests == 2
