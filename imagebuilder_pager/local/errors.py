"""How the local service says no: one exception that becomes one error answer."""

from __future__ import annotations

__all__ = ["HTTP_STATUS", "ServiceError"]


HTTP_STATUS = {
    "CallRateLimitExceededException": 429,
    "ClientException": 400,
    "ExpiredTokenException": 403,
    "ForbiddenException": 403,
    "IncompleteSignatureException": 400,
    "InvalidPaginationTokenException": 400,
    "InvalidRequestException": 400,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "SerializationException": 400,
    "ServiceException": 500,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 400,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
}
"""HTTP status by error code.

Those that the service models itself, and those of any signed AWS service.
"""


class ServiceError(Exception):
    """A request is refused with one of the service's errors.

    `code` is the error's name as it stands in `x-amzn-ErrorType`, a key of `HTTP_STATUS`;
    `message` is the text for the caller.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = HTTP_STATUS[code]
