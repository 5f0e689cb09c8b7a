"""The local service's faults of the connection, in process: httpx's exceptions, without waiting."""

import asyncio

import httpx
import pytest
import respx

from imagebuilder_pager.local import Account, Fault, FaultPlan, LocalImageBuilder, generate_account
from tests.fakes.accounts import URL


@pytest.fixture(scope="module")
def account() -> Account:
    return generate_account(resources=0)


def unsigned_request() -> httpx.Request:
    return httpx.Request("POST", URL)


@pytest.fixture(scope="module")
def original(account: Account) -> httpx.Response:
    """Return an error response, which serves as well as a page."""
    return LocalImageBuilder(account)(unsigned_request())


def response_with(account: Account, fault: Fault) -> httpx.Response:
    """Return the response to a client whose first request meets the fault."""
    service = LocalImageBuilder(account, faults=FaultPlan({1: fault}))
    with httpx.Client(transport=httpx.MockTransport(service)) as client:
        response = client.send(unsigned_request())
        assert client.send(unsigned_request()).status_code == 403, "the fault has passed"
    return response


ERRORS: list[tuple[str, type[httpx.TransportError]]] = [
    ("reset-before", httpx.ReadError),
    ("reset-within", httpx.ReadError),
    ("close-before", httpx.RemoteProtocolError),
    ("half-body", httpx.RemoteProtocolError),
    ("body-shorter", httpx.RemoteProtocolError),
    ("stall", httpx.ReadTimeout),
    ("stall-within", httpx.ReadTimeout),
]


@pytest.mark.parametrize(("name", "error"), ERRORS)
def test_a_broken_connection_is_an_error_of_httpx(
    account: Account, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        response_with(account, Fault(name))
    assert isinstance(caught.value, httpx.TransportError)
    assert str(caught.value.request.url) == URL


@pytest.mark.parametrize(("name", "error"), ERRORS)
def test_a_broken_connection_is_an_error_of_async_httpx(
    account: Account, name: str, error: type[Exception]
) -> None:
    async def main() -> None:
        service = LocalImageBuilder(account, faults=FaultPlan({1: Fault(name)}))
        async with httpx.AsyncClient(transport=httpx.MockTransport(service)) as client:
            with pytest.raises(error):
                await client.send(unsigned_request())
            assert (await client.send(unsigned_request())).status_code == 403

    asyncio.run(main())


@pytest.mark.parametrize("name", ["reset-within", "half-body", "stall-within"])
def test_half_of_the_body_comes_before_the_error(
    account: Account, original: httpx.Response, name: str
) -> None:
    service = LocalImageBuilder(account, faults=FaultPlan({1: Fault(name)}))
    received: list[bytes] = []
    with httpx.Client(transport=httpx.MockTransport(service)) as client:
        response = client.send(unsigned_request(), stream=True)
        assert response.headers["Content-Length"] == str(len(original.content))
        with pytest.raises(httpx.TransportError):
            received.extend(iter(response.iter_bytes()))
    assert b"".join(received) == original.content[: len(original.content) // 2]


@pytest.mark.parametrize("name", ["reset-after", "body-trailing", "slow"])
def test_a_fault_of_the_next_request_has_no_effect_in_process(
    account: Account, original: httpx.Response, name: str
) -> None:
    response = response_with(account, Fault(name))
    assert response.content == original.content
    assert response.headers["Content-Length"] == str(len(original.content))


def test_a_body_longer_than_its_content_length_is_cut(
    account: Account, original: httpx.Response
) -> None:
    response = response_with(account, Fault("body-longer"))
    assert response.content == original.content[: len(original.content) // 2]


def test_a_delay_longer_than_the_read_timeout_is_an_error(account: Account) -> None:
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
def test_faults_work_with_respx(account: Account, name: str) -> None:
    plan = FaultPlan({1: Fault(name)})
    with respx.mock, httpx.Client() as client:
        respx.post(URL).mock(side_effect=LocalImageBuilder(account, faults=plan))
        if name == "html":
            assert client.send(unsigned_request()).headers["Content-Type"] == "text/html"
        else:
            with pytest.raises((httpx.ReadError, httpx.DecodingError)):
                client.send(unsigned_request())
        assert client.send(unsigned_request()).status_code == 403
    assert plan.requests == 2
