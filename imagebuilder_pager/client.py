"""ImageBuilder and AsyncImageBuilder: where a user starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar, Unpack, cast, overload

import httpx

from . import __version__, errors
from .aws.credentials import CredentialsLike, CredentialsProvider, choose_credentials
from .aws.endpoint import check_endpoint_url, endpoint_url, resolve_region
from .aws.rest_json import RestJson, decode, user_agent
from .aws.signing import SigV4Auth
from .models.shape import Response
from .operations import LIST_LIFECYCLE_EXECUTION_RESOURCES, OPERATIONS, Operation
from .pagination.paginator import AsyncPaginator, Paginator
from .typed import (
    AsyncListLifecycleExecutionResourcesPaginator,
    ListLifecycleExecutionResourcesPaginator,
    ListParams,
    ListParamsSnakeCase,
    Page,
)

__all__ = ["AsyncImageBuilder", "ImageBuilder"]

ResponseT = TypeVar("ResponseT", bound=Response)
HttpT = TypeVar("HttpT", httpx.Client, httpx.AsyncClient)

_SERVICE = "imagebuilder"
_DEFAULT_TIMEOUT = 60.0  # seconds, as boto3's


class Exceptions:
    """The errors that the service models, as ``client.exceptions`` has them in boto3."""

    ClientError = errors.ClientError
    ServiceException = errors.ServiceException
    ClientException = errors.ClientException
    ServiceUnavailableException = errors.ServiceUnavailableException
    InvalidRequestException = errors.InvalidRequestException
    InvalidPaginationTokenException = errors.InvalidPaginationTokenException
    ForbiddenException = errors.ForbiddenException
    CallRateLimitExceededException = errors.CallRateLimitExceededException

    def __getattr__(self, name: str) -> Any:
        known = ", ".join(sorted(name for name in vars(Exceptions) if not name.startswith("_")))
        raise AttributeError(f"client.exceptions has no {name!r}; it has: {known}")


class _Client(Generic[HttpT]):
    """What both clients share: everything but sending."""

    exceptions = Exceptions()
    _http_type: ClassVar[type[httpx.Client | httpx.AsyncClient]]

    def __init__(
        self,
        region_name: str | None = None,
        *,
        endpoint_url: str | None = None,
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        aws_session_token: str | None = None,
        credentials: CredentialsProvider | CredentialsLike | None = None,
        http_client: HttpT | None = None,
        connect_timeout: float | None = None,
        read_timeout: float | None = None,
    ) -> None:
        self.region_name = resolve_region(region_name)
        self.endpoint_url = _endpoint(endpoint_url, self.region_name)
        auth = SigV4Auth(
            choose_credentials(
                aws_access_key_id, aws_secret_access_key, aws_session_token, credentials
            ),
            _SERVICE,
            self.region_name,
        )
        if http_client is not None and not isinstance(http_client, self._http_type):
            raise errors.ParamValidationError(
                type(self).__name__,
                [
                    f"http_client: a {type(http_client).__name__} given; allowed: an "
                    f"httpx.{self._http_type.__name__}"
                ],
            )
        base = httpx.Timeout(_DEFAULT_TIMEOUT) if http_client is None else http_client.timeout
        self._rest = RestJson(
            self.endpoint_url,
            auth,
            user_agent("imagebuilder-pager", __version__),
            _timeout(base, connect_timeout, read_timeout),
        )
        self._owns_http = http_client is None
        self._http: HttpT = cast("HttpT", self._http_type()) if http_client is None else http_client

    def can_paginate(self, operation_name: str) -> bool:
        """Whether ``get_paginator`` takes the name of that operation.

        Raises :class:`UnknownOperationError`, a ``KeyError`` as in boto3, for a name that is none.
        """
        return _operation(operation_name).pagination is not None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.region_name!r}, endpoint_url={self.endpoint_url!r})"


class ImageBuilder(_Client[httpx.Client]):
    """A client of EC2 Image Builder.

    ``region_name``: else ``AWS_REGION``, then ``AWS_DEFAULT_REGION``. ``endpoint_url``: else the
    region's. ``aws_access_key_id``, ``aws_secret_access_key``, ``aws_session_token``: else
    ``credentials``, an object with ``get_frozen_credentials()`` (such as a boto3 session's
    credentials) or with ``access_key``, ``secret_key`` and ``token``; else the environment.

    ``http_client``: an ``httpx.Client`` of the caller's, with its proxies, certificates, transport
    and event hooks; it stays the caller's to close. Without one, the client makes its own and
    closes it. ``connect_timeout`` and ``read_timeout``, in seconds: else those of ``http_client``,
    else 60, as in boto3.

    One client may serve many threads. Use it as a context manager, or call :meth:`close`.

    Raises :class:`NoRegionError`, :class:`InvalidRegionError`, :class:`InvalidEndpointError`,
    :class:`PartialCredentialsError` or :class:`ParamValidationError` for arguments that cannot be
    used. That there are no credentials shows at the first call, as in boto3.
    """

    _http_type = httpx.Client

    @overload
    def list_lifecycle_execution_resources(self, **params: Unpack[ListParams]) -> Page: ...
    @overload
    def list_lifecycle_execution_resources(self, **params: Unpack[ListParamsSnakeCase]) -> Page: ...
    def list_lifecycle_execution_resources(self, **params: Any) -> Page:
        """One page of the resources that a run of a lifecycle policy has picked.

        ``lifecycleExecutionId`` (required), ``parentResourceId``, ``maxResults`` (1 to 25),
        ``nextToken``; or the same in snake_case. See the API's ListLifecycleExecutionResources.

        Raises :class:`ParamValidationError` before anything is sent, :class:`NoCredentialsError`,
        :class:`ClientError` or a modelled subclass of it, :class:`ResponseParserError`,
        :class:`ResponseValidationError`, or a subclass of :class:`HTTPClientError`.
        """
        return self._call(LIST_LIFECYCLE_EXECUTION_RESOURCES, params)

    def get_paginator(
        self, operation_name: Literal["list_lifecycle_execution_resources"]
    ) -> ListLifecycleExecutionResourcesPaginator:
        """A paginator for an operation, by the name of its method here.

        Raises :class:`UnknownOperationError` that lists the operations there are.
        """
        operation = _operation(operation_name)
        return Paginator(
            getattr(self, operation.method_name),
            operation.pagination,
            prepare=operation.wire_params,
            name=operation.name,
        )

    def close(self) -> None:
        """Closes the connections, unless they are those of the caller's own ``http_client``."""
        if self._owns_http:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _call(self, operation: Operation[ResponseT], params: Mapping[str, Any]) -> ResponseT:
        wire = operation.wire_params(params)
        request = self._rest.request(operation.call, wire)
        response = self._rest.send(request, self._http)
        return decode(operation.call, response, operation.response.from_wire)


class AsyncImageBuilder(_Client[httpx.AsyncClient]):
    """The async twin of :class:`ImageBuilder`, for asyncio and trio.

    The arguments are the same, but that ``http_client`` is an ``httpx.AsyncClient``. Use it with
    ``async with``, or call :meth:`aclose`. Credentials that have to be fetched are fetched in a
    thread, so that nothing blocks the event loop.
    """

    _http_type = httpx.AsyncClient

    @overload
    async def list_lifecycle_execution_resources(self, **params: Unpack[ListParams]) -> Page: ...
    @overload
    async def list_lifecycle_execution_resources(
        self, **params: Unpack[ListParamsSnakeCase]
    ) -> Page: ...
    async def list_lifecycle_execution_resources(self, **params: Any) -> Page:
        """See :meth:`ImageBuilder.list_lifecycle_execution_resources`."""
        return await self._call(LIST_LIFECYCLE_EXECUTION_RESOURCES, params)

    def get_paginator(
        self, operation_name: Literal["list_lifecycle_execution_resources"]
    ) -> AsyncListLifecycleExecutionResourcesPaginator:
        """See :meth:`ImageBuilder.get_paginator`; its pages are iterated with ``async for``."""
        operation = _operation(operation_name)
        return AsyncPaginator(
            getattr(self, operation.method_name),
            operation.pagination,
            prepare=operation.wire_params,
            name=operation.name,
        )

    async def aclose(self) -> None:
        """Closes the connections, unless they are those of the caller's own ``http_client``."""
        if self._owns_http:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def _call(self, operation: Operation[ResponseT], params: Mapping[str, Any]) -> ResponseT:
        wire = operation.wire_params(params)
        request = self._rest.request(operation.call, wire)
        response = await self._rest.send_async(request, self._http)
        return decode(operation.call, response, operation.response.from_wire)


def _operation(name: str) -> Operation[Any]:
    try:
        return OPERATIONS[name]
    except (KeyError, TypeError):
        raise errors.UnknownOperationError(
            f"no operation {name!r}; there are: {', '.join(OPERATIONS)}"
        ) from None


def _endpoint(url: str | None, region: str) -> str:
    return endpoint_url(_SERVICE, region) if url is None else check_endpoint_url(url)


def _timeout(
    base: httpx.Timeout, connect_timeout: float | None, read_timeout: float | None
) -> httpx.Timeout:
    problems = [
        f"{name}: {value!r} given; allowed: a number of seconds above 0"
        for name, value in (("connect_timeout", connect_timeout), ("read_timeout", read_timeout))
        if value is not None
        and (isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0)
    ]
    if problems:
        raise errors.ParamValidationError("ImageBuilder", problems)
    connect = base.connect if connect_timeout is None else connect_timeout
    read = base.read if read_timeout is None else read_timeout
    write = base.write if read_timeout is None else read_timeout
    return httpx.Timeout(connect=connect, read=read, write=write, pool=base.pool)
