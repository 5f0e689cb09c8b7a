"""ImageBuilder and AsyncImageBuilder: where a user starts."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

from ._aws.attempts import Attempt, AttemptHook
from ._aws.auth.signer import RequestSigner
from ._aws.clock import SYSTEM_CLOCK, Clock, ServiceClock
from ._aws.config.endpoints import ServiceMetadata, resolve_endpoint
from ._aws.config.region import resolve_region
from ._aws.config.shared_config import SharedConfig
from ._aws.config.tls import ca_bundle_from_config, resolve_verify, warn_unverified
from ._aws.credentials.resolver import resolve_credentials
from ._aws.identity import CredentialsContext, CredentialsSource
from ._aws.protocol.requests import ExtraHeaders, resolve_extra_headers
from ._aws.protocol.responses import OnInvalidResponse, validate_on_invalid_response
from ._aws.protocol.rest_json import DEFAULT_MAX_RESPONSE_BYTES, ClientConfig, RestJsonClient
from ._aws.protocol.user_agent import user_agent, validate_user_agent_extra
from ._aws.retries import resolve_retries
from ._aws.transport.pool import MAX_CONNECTIONS
from ._aws.transport.types import (
    AsyncHttpxClient,
    AsyncTransport,
    HttpxClient,
    Origin,
    Transport,
)
from ._boto3_names import explain_boto3_arguments, explain_missing_attribute
from ._methods import AsyncOperationMethods, OperationMethods
from ._operations import find_operation
from ._validation import importing, is_missing, validate_positive, validate_whole_number, validating
from ._version import __version__
from .exceptions import ParamValidationError, Problem
from .models import exceptions as modelled_exceptions

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from types import ModuleType
    from typing import Unpack

    from ._rows import Operation
    from .lifecycle_walk import AsyncLifecycleWalk, LifecycleWalk, WalkOptions
    from .type_defs import Exceptions

__all__ = ["AsyncImageBuilder", "ImageBuilder"]

HttpT = TypeVar("HttpT", HttpxClient | Transport, AsyncHttpxClient | AsyncTransport)
TransportT = TypeVar("TransportT", Transport, AsyncTransport)
WalkT = TypeVar("WalkT")

#: The packages that the default transport needs.
_HTTPX_PACKAGES = ("httpx", "httpcore", "botocore")
SERVICE = ServiceMetadata("imagebuilder", fips_partitions=frozenset({"aws-us-gov"}))

# The program decides whether warnings are shown, not Python's handler of last resort.
logging.getLogger(__package__).addHandler(logging.NullHandler())


def request_headers(config: SharedConfig, user_agent_extra: str | None = None) -> dict[str, str]:
    """Return the headers of all requests of a client, except per-call headers."""
    return {
        "accept-encoding": "identity",
        "user-agent": user_agent("imagebuilder-pager", __version__, config, user_agent_extra),
    }


class _WalkMethods(ABC, Generic[WalkT]):
    """The walk of a client; it is loaded when it is called."""

    def walk_lifecycle(
        self,
        policies: Iterable[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        children: bool = True,
        **options: Unpack[WalkOptions],
    ) -> WalkT:
        """Return an iterable over the executions of lifecycle policies, and their resources.

        Of an :class:`AsyncImageBuilder`, it is an async one.

        It lists the policies, the executions of each, the resources of each execution and, with
        ``children``, the AMIs or container images of each image, and yields a
        :class:`LifecycleRecord` for each execution and each resource. Nothing is sent before the
        first record is requested. After each, ``resume_token`` of the iterable resumes right behind
        it; ``docs/walk.md`` describes its promises if the account has changed meanwhile.

        - ``policies``: the ARNs of the policies, in their order. Default: None, all of the account.
        - ``since``: only executions that ended at or after it. Default: None, no bound.
        - ``until``: only executions that ended before it. One that has not ended is left out only
          if it started at ``until`` or later. Default: None, no bound.
        - ``children``: whether to list the AMIs or container images of each image, with one more
          call for each. Default: True.
        - ``PageSize``: the items of a page, at every level. Default: the service's choice.
        - ``StartingToken``: the ``resume_token`` of an earlier walk with the same arguments.
          Default: the beginning.
        - ``Prefetch``: the pages to fetch ahead in each listing, 0 to 100. Default: 0.

        Raises :class:`ParamValidationError` and :class:`StartingTokenError` at once. The iteration
        raises the errors of the operations, and :class:`ParentGoneError` if an item in the token is
        gone; its ``resume_token`` restarts that listing.
        """
        return self._import_walk()(
            self, policies=policies, since=since, until=until, children=children, options=options
        )

    @abstractmethod
    def _import_walk(self) -> Callable[..., WalkT]:
        """Return the class of its walk."""


class _BaseClient(ABC, Generic[HttpT, TransportT]):
    """The part that both clients share: everything but waiting."""

    #: The errors that the service models, as in boto3.
    exceptions: ClassVar[Exceptions] = modelled_exceptions
    _transport: TransportT

    @explain_boto3_arguments
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
        verify: bool | str | ssl.SSLContext | None = None,
        http_client: HttpT | None = None,
        connect_timeout: float | None = None,
        read_timeout: float | None = None,
        total_timeout: float | None = None,
        max_pool_connections: int | None = None,
        max_attempts: int | None = None,
        retry_mode: str | None = None,
        user_agent_extra: str | None = None,
        max_response_bytes: int | None = None,
        on_invalid_response: OnInvalidResponse = "raise",
        on_attempt: Callable[[Attempt], object] | None = None,
        on_credentials_attempt: Callable[[Attempt], object] | None = None,
        extra_headers: ExtraHeaders | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        owner = type(self).__name__
        config = SharedConfig(profile_name)
        self.region_name: str = resolve_region(region_name, config)
        self.endpoint_url: str = resolve_endpoint(
            SERVICE,
            self.region_name,
            config,
            endpoint_url=endpoint_url,
            use_fips=use_fips_endpoint,
            use_dual_stack=use_dualstack_endpoint,
        )
        # An H11Client's certificates apply to credential calls, too.
        ssl_context = getattr(http_client, "certificates", None) or resolve_verify(
            owner, verify, ca_bundle_from_config(config)
        )
        origin = Origin.from_url(self.endpoint_url)
        clock = ServiceClock.of(clock)
        with validating(owner):
            attempt_hook = AttemptHook.of("on_attempt", on_attempt)
            credentials_hook = AttemptHook.of("on_credentials_attempt", on_credentials_attempt)
            headers_source = resolve_extra_headers(owner, extra_headers)
        context = CredentialsContext(config, self.region_name, ssl_context, clock, credentials_hook)
        provider = resolve_credentials(
            aws_access_key_id,
            aws_secret_access_key,
            aws_session_token,
            credentials,
            context,
            owner=owner,
            is_async=self._prefix == "Async",
        )
        self._owns_transport = http_client is None
        if http_client is None:
            connections = MAX_CONNECTIONS
            if max_pool_connections is not None:
                with validating(owner):
                    connections = validate_whole_number(
                        "max_pool_connections", max_pool_connections, minimum=1
                    )
            if origin.is_tls:
                ssl_context.context()  # raises here, not in the first call
            self._transport = self._import_transport()(
                verify=ssl_context, max_connections=connections, monotonic=clock.monotonic
            )
        else:
            for name, value in (
                ("verify", verify),
                ("max_pool_connections", max_pool_connections),
            ):
                if value is not None:
                    problem = Problem(name, "given beside http_client, which has its own")
                    raise ParamValidationError(owner, [problem])
            self._transport = self._adopt(http_client)
        if max_response_bytes is None:
            max_response_bytes = DEFAULT_MAX_RESPONSE_BYTES
        mode, attempts = resolve_retries(owner, retry_mode, max_attempts, config)
        with validating(owner):
            validate_user_agent_extra(user_agent_extra)
            client_config = ClientConfig(
                timeouts=self._transport.timeouts.with_overrides(connect_timeout, read_timeout),
                max_attempts=attempts,
                is_adaptive=mode == "adaptive",
                total_timeout=validate_positive("total_timeout", total_timeout),
                max_response_bytes=validate_whole_number(
                    "max_response_bytes", max_response_bytes, minimum=1
                ),
                clock=clock,
                on_invalid_response=validate_on_invalid_response(on_invalid_response),
                on_attempt=attempt_hook,
                extra_headers=headers_source,
            )
        signer = RequestSigner(
            provider,
            SERVICE.name,
            self.region_name,
            algorithm=self._transport.signing_algorithm,
            clock=clock,
        )
        self._rest = RestJsonClient(
            self.endpoint_url, request_headers(config, user_agent_extra), signer, client_config
        )
        if preconnect := getattr(self._transport, "preconnect", None):
            preconnect(origin, client_config.timeouts.connect)
        # Warn last: an import may add a filter, which would show it again.
        if verify is False and origin.is_tls:
            warn_unverified("verify=False")

    # Type checkers must not see it: with it, an unknown name would be Any.
    if not TYPE_CHECKING:
        __getattr__ = explain_missing_attribute

    #: "" or "Async": the beginning of the names of its HTTP clients.
    _prefix: ClassVar[str]
    #: The class that has its methods.
    _methods: ClassVar[type]

    def _import_transport(self) -> Callable[..., TransportT]:
        """Return the class of the default transport: over h11 where a package is missing."""
        try:
            return self._import_httpx_transport()
        except ModuleNotFoundError as error:
            if not is_missing(error, _HTTPX_PACKAGES):
                raise
        return self._import_h11_client()

    @abstractmethod
    def _import_httpx_transport(self) -> Callable[..., TransportT]:
        """Return the class of the transport over httpx, which needs ``_HTTPX_PACKAGES``."""

    @abstractmethod
    def _import_h11_client(self) -> Callable[..., TransportT]:
        """Return the class of the transport over h11."""

    @abstractmethod
    def _import_caller_client(self) -> Callable[[HttpT, ModuleType], TransportT]:
        """Return the class of the transport over the caller's HTTP client."""

    @abstractmethod
    def _import_paginator(self) -> Callable[..., Any]:
        """Return the class of its paginators."""

    @abstractmethod
    def _send(self, operation: Operation, params: Mapping[str, Any], **parse_options: Any) -> Any:
        """Return the response to a request, or an awaitable of it; its parameters are checked."""

    def _adopt(self, http_client: HttpT) -> TransportT:
        """Return the transport that sends by the caller's ``http_client``.

        Raises :class:`ParamValidationError` if it cannot send.
        """
        prefix = self._prefix
        if (
            not isinstance(http_client, type)
            and hasattr(http_client, "signing_algorithm")
            and hasattr(http_client, "aclose" if prefix else "close")
        ):
            return cast("TransportT", http_client)
        otherwise = f"give http_client={prefix}H11Client()"
        with importing(*_HTTPX_PACKAGES, purpose=f"an httpx.{prefix}Client", otherwise=otherwise):
            from ._aws.transport.caller_client import find_client_module

        module = find_client_module(http_client, f"{prefix}Client")
        if module is None:
            given = f"a {type(http_client).__name__} given"
            allowed = f"an httpx.{prefix}Client, an httpx2.{prefix}Client or an {prefix}H11Client"
            problem = Problem("http_client", given, allowed)
            raise ParamValidationError(f"{prefix}ImageBuilder", [problem])
        return self._import_caller_client()(http_client, module)

    def _call(self, method_name: str, params: Mapping[str, Any]) -> Any:
        operation = find_operation(method_name)
        return self._send(operation, operation.check_params(params))

    def _make_paginator(self, method_name: str, max_page_size: int | None) -> Any:
        operation = find_operation(method_name)
        if max_page_size is not None:
            with validating("get_paginator"):
                validate_whole_number("max_page_size", max_page_size, minimum=1)

        def send(**params: Any) -> Any:
            return self._send(operation, params)

        # Skip the method's second check, unless the method was replaced.
        is_own = method_name not in vars(self) and (
            getattr(type(self), method_name) is getattr(self._methods, method_name)
        )
        return self._import_paginator()(
            send if is_own else getattr(self, method_name),
            operation.require_pagination(max_page_size),
            serialize_params=operation.check_params,
            name=operation.name,
        )

    def can_paginate(self, operation_name: str) -> bool:
        """Return whether ``get_paginator`` takes the name of an operation.

        Raises :class:`UnknownOperationError`, a ``KeyError`` as in boto3, for an unknown name.
        """
        return find_operation(operation_name).is_paginated

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.region_name!r}, endpoint_url={self.endpoint_url!r})"


class ImageBuilder(
    _BaseClient[HttpxClient | Transport, Transport],
    OperationMethods,
    _WalkMethods["LifecycleWalk"],
):
    """A client of EC2 Image Builder.

    One client may serve many threads. Use it as a context manager, or call :meth:`close`.

    - ``region_name``: the region. Default: ``AWS_REGION``, ``AWS_DEFAULT_REGION``, the profile's.
    - ``endpoint_url``: the service's URL. Default: ``AWS_ENDPOINT_URL_IMAGEBUILDER``,
      ``AWS_ENDPOINT_URL``, the profile's, the region's.
    - ``aws_access_key_id``: the access key id. Default: that of ``credentials``.
    - ``aws_secret_access_key``: its secret key; both or neither. Default: that of ``credentials``.
    - ``aws_session_token``: their session token, of temporary credentials. Default: none.
    - ``credentials``: an object with ``get_frozen_credentials()``, such as a boto3 session's
      credentials; an object with ``access_key``, ``secret_key`` and ``token``; or a function that
      returns new credentials. Default: those that boto3 would find; see docs/credentials.md.
    - ``profile_name``: the profile in AWS's shared files. Default: ``AWS_DEFAULT_PROFILE``,
      ``AWS_PROFILE``, ``default``.
    - ``use_fips_endpoint``: whether to use the region's FIPS endpoint. Default:
      ``AWS_USE_FIPS_ENDPOINT``, the profile's, False.
    - ``use_dualstack_endpoint``: whether to use the region's endpoint with IPv6. Default:
      ``AWS_USE_DUALSTACK_ENDPOINT``, the profile's, False.
    - ``verify``: a path to certificates, an ``ssl.SSLContext``, False for no verification, or True
      for ``SSL_CERT_FILE``, ``SSL_CERT_DIR``, else certifi's certificates. Default:
      ``AWS_CA_BUNDLE``, the profile's ``ca_bundle``, ``REQUESTS_CA_BUNDLE``, else as True.
    - ``http_client``: an :class:`H11Client`, an ``httpx.Client`` or an ``httpx2.Client``. The
      caller closes it. Default: connections over httpx, or over h11 where httpx or botocore is
      not installed. The client closes them.
    - ``connect_timeout``: seconds for connecting, in each attempt. Default: that of
      ``http_client``, 60.
    - ``read_timeout``: seconds for each wait for bytes. Default: that of ``http_client``, 60.
    - ``total_timeout``: seconds for a call with its credentials, all its attempts and the waits
      between them. Default: None, no limit.
    - ``max_pool_connections``: maximum open connections; further requests wait. Default: 10.
    - ``max_attempts``: how often a call may be sent; 1 turns retries off. Default:
      ``AWS_MAX_ATTEMPTS``, the profile's, 3 (5 in the legacy mode).
    - ``retry_mode``: ``standard``, ``adaptive`` or ``legacy``. Default: ``AWS_RETRY_MODE``, the
      profile's, ``standard``.
    - ``user_agent_extra``: printable ASCII to add to the header User-Agent. Default: none.
    - ``max_response_bytes``: the largest body of a response, in bytes. Default: 16 MiB.
    - ``on_invalid_response``: what happens with a response that does not fit the model. ``raise``:
      an error. ``warn``: the page as it was sent, and a warning in the log. Default: ``raise``.
    - ``on_attempt``: a function that is called with an :class:`Attempt` after each attempt at a
      call, in the thread or event loop of the call, and may not wait. Its first exception is
      logged. Default: none.
    - ``on_credentials_attempt``: the same for calls for credentials, in the thread that fetches
      them. Default: none.
    - ``extra_headers``: a mapping of headers that are sent and not signed, or a function that
      returns one for each attempt. Default: none.
    - ``clock``: a :class:`Clock` to tell the time and to wait, for tests. Default: the system's.

    Raises :class:`NoRegionError`, :class:`InvalidRegionError`, :class:`InvalidEndpointError`,
    :class:`InvalidConfigError`, :class:`PartialCredentialsError` or :class:`ParamValidationError`
    for invalid arguments and settings, and :class:`MissingDependencyException` where a package
    that it needs is not installed. Missing credentials are an error of the first call, as in boto3.
    """

    _prefix = ""
    _methods = OperationMethods

    def _import_httpx_transport(self) -> Callable[..., Transport]:
        from ._aws.transport.httpx_transport import HttpxTransport

        return HttpxTransport

    def _import_h11_client(self) -> Callable[..., Transport]:
        from ._aws.transport.h11_transport import H11Client

        return H11Client

    def _import_caller_client(self) -> Callable[[Any, ModuleType], Transport]:
        from ._aws.transport.caller_client import CallerClient

        return CallerClient

    def _import_paginator(self) -> Callable[..., Any]:
        from .pagination.paginator import Paginator  # while an H11Client connects ahead

        return Paginator

    def _import_walk(self) -> type[LifecycleWalk]:
        from .lifecycle_walk import LifecycleWalk

        return LifecycleWalk

    def _send(self, operation: Operation, params: Mapping[str, Any], **parse_options: Any) -> Any:
        parse = operation.response_parser(params, **parse_options)
        return self._rest.call(self._transport, operation.rest_json, params, parse)

    def close(self) -> None:
        """Close the connections, unless they are those of the caller's ``http_client``."""
        if self._owns_transport:
            self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class AsyncImageBuilder(
    _BaseClient[AsyncHttpxClient | AsyncTransport, AsyncTransport],
    AsyncOperationMethods,
    _WalkMethods["AsyncLifecycleWalk"],
):
    """The async twin of :class:`ImageBuilder`, for asyncio and trio.

    The arguments are the same, except that ``http_client`` is an :class:`AsyncH11Client`, an
    ``httpx.AsyncClient`` or an ``httpx2.AsyncClient``. Use it with ``async with``, or call
    :meth:`aclose`. It may be used in one event loop after another. Credentials are fetched in a
    thread, so that the event loop never blocks. An async ``get_frozen_credentials()``, such as that
    of aiobotocore's credentials, is awaited.
    """

    _prefix = "Async"
    _methods = AsyncOperationMethods

    def _import_httpx_transport(self) -> Callable[..., AsyncTransport]:
        from ._aws.transport.async_httpx_transport import AsyncHttpxTransport

        return AsyncHttpxTransport

    def _import_h11_client(self) -> Callable[..., AsyncTransport]:
        from ._aws.transport.async_h11_transport import AsyncH11Client

        return AsyncH11Client

    def _import_caller_client(self) -> Callable[[Any, ModuleType], AsyncTransport]:
        from ._aws.transport.caller_client import AsyncCallerClient

        return AsyncCallerClient

    def _import_paginator(self) -> Callable[..., Any]:
        from .pagination.async_paginator import AsyncPaginator  # a sync program does not need it

        return AsyncPaginator

    def _import_walk(self) -> type[AsyncLifecycleWalk]:
        from .lifecycle_walk import AsyncLifecycleWalk

        return AsyncLifecycleWalk

    def _send(self, operation: Operation, params: Mapping[str, Any], **parse_options: Any) -> Any:
        parse = operation.response_parser(params, **parse_options)
        return self._rest.call_async(self._transport, operation.rest_json, params, parse)

    async def aclose(self) -> None:
        """Close the connections, unless they are those of the caller's ``http_client``."""
        if self._owns_transport:
            await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()
