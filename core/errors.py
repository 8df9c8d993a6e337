"""The one tree of expected failures; each class carries the code that clients see."""

from enum import StrEnum
from typing import ClassVar


class ErrorCode(StrEnum):
    """Codes of the public contract. Names never change once released."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    INVALID_INPUT = "INVALID_INPUT"
    RATE_LIMITED = "RATE_LIMITED"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    OVERLOADED = "OVERLOADED"
    QUERY_TOO_EXPENSIVE = "QUERY_TOO_EXPENSIVE"
    RESPONSE_TOO_LARGE = "RESPONSE_TOO_LARGE"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"

    EMAIL_TAKEN = "EMAIL_TAKEN"
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    INVALID_REFRESH_TOKEN = "INVALID_REFRESH_TOKEN"

    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    UNSUPPORTED_FILE_TYPE = "UNSUPPORTED_FILE_TYPE"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    NAME_TAKEN = "NAME_TAKEN"
    UPLOAD_MISMATCH = "UPLOAD_MISMATCH"
    INVALID_STATE = "INVALID_STATE"

    ENCRYPTED = "ENCRYPTED"
    EMPTY = "EMPTY"
    MALFORMED = "MALFORMED"
    NO_TEXT_LAYER = "NO_TEXT_LAYER"
    TOO_LARGE = "TOO_LARGE"
    PARSER_UNAVAILABLE = "PARSER_UNAVAILABLE"
    PARSER_TIMEOUT = "PARSER_TIMEOUT"
    PARSER_OUT_OF_MEMORY = "PARSER_OUT_OF_MEMORY"
    EMBEDDER_UNAVAILABLE = "EMBEDDER_UNAVAILABLE"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"

    RETRIEVAL_FAILED = "RETRIEVAL_FAILED"
    LLM_UNAVAILABLE = "LLM_UNAVAILABLE"
    LLM_TIMEOUT = "LLM_TIMEOUT"
    INTERRUPTED = "INTERRUPTED"
    TOO_MANY_ANSWERS = "TOO_MANY_ANSWERS"


class DomainError(Exception):
    """An expected failure. `message` is safe to show to the person who caused it."""

    code: ErrorCode
    shown: ClassVar[tuple[str, ...]] = ()
    """Names of the attributes that clients see beside code and message."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def details(self) -> dict[str, object]:
        """The attributes that clients see beside code and message, by name."""
        return {name: getattr(self, name) for name in self.shown}


class Unauthenticated(DomainError):
    code = ErrorCode.UNAUTHENTICATED


LOG_IN_FIRST = "Log in first: this needs an access token or an API key."


class Forbidden(DomainError):
    """The caller is known, but this proof of identity does not allow the operation."""

    code = ErrorCode.FORBIDDEN


class NotFound(DomainError):
    """The id is unknown, malformed or another user's; the three are not told apart."""

    code = ErrorCode.NOT_FOUND


class InvalidInput(DomainError):
    code = ErrorCode.INVALID_INPUT
    shown = ("field",)

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class RateLimited(DomainError):
    code = ErrorCode.RATE_LIMITED
    shown = ("retry_after",)

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds until the next try can succeed."""


class ShuttingDown(DomainError):
    """This process is about to end; another replica, or a later try, does what was asked."""

    code = ErrorCode.SHUTTING_DOWN

    def __init__(self) -> None:
        super().__init__("The server is being restarted; try again in a moment.")


class Overloaded(RateLimited):
    """This process has too much to do, whoever asks."""

    code = ErrorCode.OVERLOADED


class TooManyAnswers(RateLimited):
    """As many answers of the user are being written as may be at the same time."""

    code = ErrorCode.TOO_MANY_ANSWERS


class ResponseTooLarge(DomainError):
    """The operation asks for more bytes than one answer may have."""

    code = ErrorCode.RESPONSE_TOO_LARGE


class EmailTaken(DomainError):
    code = ErrorCode.EMAIL_TAKEN


class InvalidCredentials(DomainError):
    code = ErrorCode.INVALID_CREDENTIALS


class InvalidRefreshToken(DomainError):
    code = ErrorCode.INVALID_REFRESH_TOKEN


class FileTooLarge(DomainError):
    code = ErrorCode.FILE_TOO_LARGE
    shown = ("limit",)

    def __init__(self, message: str, limit: int) -> None:
        super().__init__(message)
        self.limit = limit
        """Size of the largest file that is taken, in bytes."""


class UnsupportedFileType(DomainError):
    code = ErrorCode.UNSUPPORTED_FILE_TYPE


class QuotaExceeded(DomainError):
    code = ErrorCode.QUOTA_EXCEEDED


class NameTaken(DomainError):
    """Another document has this name, and the upload asked to be rejected in that case."""

    code = ErrorCode.NAME_TAKEN


class UploadMismatch(DomainError):
    """The bytes that arrived are not those that were announced."""

    code = ErrorCode.UPLOAD_MISMATCH


class InvalidState(DomainError):
    """The object exists but its state does not allow the operation."""

    code = ErrorCode.INVALID_STATE


class ProviderUnavailable(DomainError):
    """A provider did not do its work; trying again later may help."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class DatabaseUnavailable(DomainError):
    """The database did not answer, or gave up; whether a commit took place is not known."""

    code = ErrorCode.DATABASE_UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("The database does not answer just now; try again.")


class SchemaOutdated(DatabaseUnavailable):
    """The database has not been migrated to the revision that this code needs."""

    def __init__(self, found: str | None, needed: str) -> None:
        DomainError.__init__(
            self,
            f"The database's schema is at revision {found or 'none'}, this version needs {needed}: "
            "run `lectern migrate`.",
        )


class ParseFailure(DomainError):
    """The document itself cannot be read; trying again cannot help."""

    def __init__(self, code: ErrorCode, message: str, advice: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.advice = advice
