"""ImageBuilder and AsyncImageBuilder: where a user starts."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar, Unpack, overload

from . import exceptions
from .aws.auth.signer import RequestSigner
from .aws.clock import SYSTEM_CLOCK, Clock
from .aws.config.endpoints import resolve_endpoint
from .aws.config.region import resolve_region
from .aws.config.shared_config import SharedConfig
from .aws.config.tls import resolve_certificates, warn_unverified
from .aws.credentials.resolver import resolve_credentials
from .aws.identity import CachingProvider, CredentialsContext, CredentialsSource
from .aws.protocol.rest_json import DEFAULT_MAX_RESPONSE_BYTES, ClientConfig, RestJsonClient
from .aws.retries import resolve_max_attempts
from .aws.transport.types import AsyncTransport, Timeouts, Transport
from .models import exceptions as modelled_exceptions
from .models.shapes import Response
from .operations import LIST_LIFECYCLE_EXECUTION_RESOURCES, OPERATIONS, Operation
from .pagination.async_paginator import AsyncPaginator
from .pagination.paginator import Paginator
from .service import DEFAULT_TIMEOUTS, HEADERS, SERVICE
from .type_defs import (
    AsyncListLifecycleExecutionResourcesPaginator,
    Exceptions,
    ListLifecycleExecutionResourcesPaginator,
    ListParams,
    ListParamsSnakeCase,
    Page,
)
from .validation import validate_positive

if TYPE_CHECKING:
    import httpx

    from .aws.auth.httpx_auth import SigV4Auth
    from .aws.transport.httpx_transport import AsyncHttpxPoolTransport, HttpxPoolTransport

__all__ = ["AsyncImageBuilder", "ImageBuilder"]

ResponseT = TypeVar("ResponseT", bound=Response)
HttpT = TypeVar("HttpT", "httpx.Client", "httpx.AsyncClient")

# Whether a retry's warning is shown is for the program to say, not for Python's last resort.
logging.getLogger(__package__).addHandler(logging.NullHandler())


class _Client(ABC, Generic[HttpT]):
    """What both clients share: everything but sending."""

    #: The errors that the service models, as in boto3.
    exceptions: ClassVar[Exceptions] = modelled_exceptions
    _http_type: ClassVar[Literal["Client", "AsyncClient"]]

    def __init__(
        self,
        region_name: str | None = None,
        *,
        endpoint_url: str | None = None,
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        aws_session_token: str | None = None,
        credentials: CredentialsSource | None = None,
        profile_name: str | None = None,
        use_fips_endpoint: bool | None = None,
        use_dualstack_endpoint: bool | None = None,
        verify: bool | str | None = None,
        http_client: HttpT | None = None,
        connect_timeout: float | None = None,
        read_timeout: float | None = None,
        total_timeout: float | None = None,
        max_attempts: int | None = None,
        max_response_bytes: int | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        profile = SharedConfig(profile_name)
        self.region_name = resolve_region(region_name, profile)
        self.endpoint_url = resolve_endpoint(
            SERVICE,
            self.region_name,
            profile,
            endpoint_url=endpoint_url,
            use_fips=use_fips_endpoint,
            use_dual_stack=use_dualstack_endpoint,
        )
        surroundings = CredentialsContext(
            profile, self.region_name, resolve_certificates(verify, profile), clock
        )
        provider = resolve_credentials(
            aws_access_key_id, aws_secret_access_key, aws_session_token, credentials, surroundings
        )
        timeouts = DEFAULT_TIMEOUTS
        if http_client is not None:
            self._check_http_client(http_client, verify)
            timeouts = Timeouts(**http_client.timeout.as_dict())
        settings = ClientConfig(
            timeouts=timeouts.with_overrides(connect_timeout, read_timeout),
            max_attempts=resolve_max_attempts(max_attempts),
            total_timeout=validate_positive("total_timeout", total_timeout),
            max_response_bytes=validate_positive("max_response_bytes", max_response_bytes)
            or DEFAULT_MAX_RESPONSE_BYTES,
            clock=clock,
        )
        signer = self._connect(http_client, provider, surroundings)
        self._rest = RestJsonClient(self.endpoint_url, signer, settings)
        # After what is imported here: a filter that an import adds would have it shown again.
        if verify is False and self.endpoint_url.startswith("https:"):
            warn_unverified("verify=False")

    @abstractmethod
    def _connect(
        self,
        http_client: HttpT | None,
        credentials: CachingProvider,
        surroundings: CredentialsContext,
    ) -> RequestSigner:
        """Sets what requests are sent with, the caller's client or one of our own.

        Returns what they are signed by. What this loads takes its time, and is loaded here.
        """

    def _check_http_client(self, http_client: object, verify: object) -> None:
        import httpx

        allowed = getattr(httpx, self._http_type)
        problems = []
        if not isinstance(http_client, allowed):
            problems.append(
                f"http_client: a {type(http_client).__name__} given; allowed: an "
                f"httpx.{self._http_type}"
            )
        if verify is not None:
            problems.append("verify: given beside http_client, which has its own")
        if problems:
            raise exceptions.ParamValidationError(type(self).__name__, problems)

    def _auth(self, credentials: CachingProvider, surroundings: CredentialsContext) -> SigV4Auth:
        from .aws.auth.httpx_auth import SigV4Auth

        clock = surroundings.clock
        return SigV4Auth(credentials, SERVICE.name, surroundings.region, clock=clock.now)

    def can_paginate(self, operation_name: str) -> bool:
        """Whether ``get_paginator`` takes the name of that operation.

        Raises :class:`UnknownOperationError`, a ``KeyError`` as in boto3, for a name that is none.
        """
        return _operation(operation_name).pagination is not None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.region_name!r}, endpoint_url={self.endpoint_url!r})"


class ImageBuilder(_Client["httpx.Client"]):
    """A client of EC2 Image Builder.

    ``region_name``: else ``AWS_REGION``, then ``AWS_DEFAULT_REGION``, then the profile's.
    ``endpoint_url``: else ``AWS_ENDPOINT_URL_IMAGEBUILDER``, ``AWS_ENDPOINT_URL``, the profile's,
    or the region's by rule, with ``use_fips_endpoint`` and ``use_dualstack_endpoint``.
    ``aws_access_key_id``, ``aws_secret_access_key``, ``aws_session_token``: else ``credentials``,
    an object with ``get_frozen_credentials()`` (such as a boto3 session's credentials) or with
    ``access_key``, ``secret_key`` and ``token``, or a function that returns fresh keys; else they
    are looked for where boto3 looks for them. ``profile_name``: the profile of AWS's shared files
    to take all this from, else ``AWS_PROFILE``. docs/credentials.md has the details.

    ``verify``: a path to certificates, or False for no verification, as in boto3; else
    ``AWS_CA_BUNDLE`` or the profile's ``ca_bundle``.

    ``http_client``: an ``httpx.Client`` of the caller's, with its proxies, certificates, transport
    and event hooks; it stays the caller's to close. Without one, the client makes its own and
    closes it. ``connect_timeout`` and ``read_timeout``, in seconds, of each attempt: else those of
    ``http_client``, else 60, as in boto3. ``total_timeout``, in seconds: of a call with all its
    attempts and the waits between them. ``max_attempts``: how often a call may be sent, else
    ``AWS_MAX_ATTEMPTS``, else 3; 1 turns retries off. ``max_response_bytes``: the largest answer
    that is read. ``clock``: what to ask for the time and to wait with, for tests.

    One client may serve many threads. Use it as a context manager, or call :meth:`close`.

    Raises :class:`NoRegionError`, :class:`InvalidRegionError`, :class:`InvalidEndpointError`,
    :class:`InvalidConfigError`, :class:`PartialCredentialsError` or :class:`ParamValidationError`
    for arguments and settings that cannot be used. That there are no credentials shows at the first
    call, as in boto3.
    """

    _http_type = "Client"

    def _connect(
        self,
        http_client: httpx.Client | None,
        credentials: CachingProvider,
        surroundings: CredentialsContext,
    ) -> RequestSigner:
        from .aws.transport.httpx_transport import HttpxClientTransport, HttpxPoolTransport

        auth = self._auth(credentials, surroundings)
        parts = (self.endpoint_url, HEADERS, auth)
        self._own: HttpxPoolTransport | None = None
        if http_client is None:
            self._own = HttpxPoolTransport(*parts, surroundings.certificates)
            self._send: Transport = self._own.send
        else:
            self._send = HttpxClientTransport(http_client, *parts).send
        return auth

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
            serialize_params=operation.serialize_params,
            name=operation.name,
        )

    def close(self) -> None:
        """Closes the connections, unless they are those of the caller's own ``http_client``."""
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _call(self, operation: Operation[ResponseT], params: Mapping[str, Any]) -> ResponseT:
        wire = operation.serialize_params(params)
        return self._rest.call(operation.rest_json, wire, operation.response.from_json, self._send)


class AsyncImageBuilder(_Client["httpx.AsyncClient"]):
    """The async twin of :class:`ImageBuilder`, for asyncio and trio.

    The arguments are the same, but that ``http_client`` is an ``httpx.AsyncClient``. Use it with
    ``async with``, or call :meth:`aclose`. Credentials that have to be fetched are fetched in a
    thread, so that nothing blocks the event loop.
    """

    _http_type = "AsyncClient"

    def _connect(
        self,
        http_client: httpx.AsyncClient | None,
        credentials: CachingProvider,
        surroundings: CredentialsContext,
    ) -> RequestSigner:
        from .aws.transport.httpx_transport import (
            AsyncHttpxClientTransport,
            AsyncHttpxPoolTransport,
        )

        auth = self._auth(credentials, surroundings)
        parts = (self.endpoint_url, HEADERS, auth)
        self._own: AsyncHttpxPoolTransport | None = None
        if http_client is None:
            self._own = AsyncHttpxPoolTransport(*parts, surroundings.certificates)
            self._send: AsyncTransport = self._own.send
        else:
            self._send = AsyncHttpxClientTransport(http_client, *parts).send
        return auth

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
            serialize_params=operation.serialize_params,
            name=operation.name,
        )

    async def aclose(self) -> None:
        """Closes the connections, unless they are those of the caller's own ``http_client``."""
        if self._own is not None:
            await self._own.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def _call(self, operation: Operation[ResponseT], params: Mapping[str, Any]) -> ResponseT:
        wire = operation.serialize_params(params)
        return await self._rest.call_async(
            operation.rest_json, wire, operation.response.from_json, self._send
        )


def _operation(name: str) -> Operation[Any]:
    try:
        return OPERATIONS[name]
    except (KeyError, TypeError):
        raise exceptions.UnknownOperationError(
            f"no operation {name!r}; there are: {', '.join(OPERATIONS)}"
        ) from None
