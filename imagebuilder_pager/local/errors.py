"""The errors that the local service returns."""

from __future__ import annotations

HTTP_STATUS = {
    "AccessDeniedException": 403,
    "CallRateLimitExceededException": 429,
    "ClientException": 400,
    "DryRunOperationException": 412,
    "ExpiredTokenException": 403,
    "ForbiddenException": 403,
    "IdempotentParameterMismatchException": 400,
    "IncompleteSignatureException": 400,
    "InvalidPaginationTokenException": 400,
    "InvalidParameterCombinationException": 400,
    "InvalidParameterException": 400,
    "InvalidParameterValueException": 400,
    "InvalidRequestException": 400,
    "InvalidSignatureException": 403,
    "InvalidVersionNumberException": 400,
    "MissingAuthenticationTokenException": 403,
    "ResourceAlreadyExistsException": 400,
    "ResourceDependencyException": 400,
    "ResourceInUseException": 400,
    "ResourceNotFoundException": 404,
    "SerializationException": 400,
    "ServiceException": 500,
    "ServiceQuotaExceededException": 402,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 400,
    "TooManyRequestsException": 429,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
}
"""The HTTP status by error code, for errors of Image Builder and common errors of AWS."""


class ServiceError(Exception):
    """An error response of the service.

    ``code`` is a key of ``HTTP_STATUS`` and the value of ``x-amzn-ErrorType``. ``message`` is the
    text for the caller.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status: int = HTTP_STATUS[code]
