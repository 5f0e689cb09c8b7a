"""The errors that the local service returns."""

from __future__ import annotations

HTTP_STATUS = {
    "AccessDeniedException": 403,
    "CallRateLimitExceededException": 429,
    "DryRunOperationException": 412,
    "ExpiredTokenException": 403,
    "ForbiddenException": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "ResourceNotFoundException": 404,
    "ServiceException": 500,
    "ServiceQuotaExceededException": 402,
    "ServiceUnavailableException": 503,
    "TooManyRequestsException": 429,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
}
"""The HTTP status by error code, for errors of Image Builder and common errors of AWS; else 400."""


class ServiceError(Exception):
    """An error response of the service.

    ``code`` is the value of ``x-amzn-ErrorType``. ``message`` is the text for the caller.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status: int = HTTP_STATUS.get(code, 400)
