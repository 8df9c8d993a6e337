"""Expected failures as types: each carries a code and a message that people may read."""

import strawberry

from core.errors import ErrorCode

strawberry.enum(ErrorCode, description="Why something did not work.")


@strawberry.interface(description="An expected failure.")
class Error:
    code: ErrorCode
    message: str


@strawberry.type(description="Some input is missing, malformed, too long or out of range.")
class InvalidInput(Error):
    field: str = strawberry.field(description="The input field that is at fault.")


@strawberry.type(description="Your token or key does not allow this.")
class Forbidden(Error):
    pass


@strawberry.type(description="There is nothing of yours with this id.")
class NotFound(Error):
    pass


@strawberry.type(description="The thing exists, but its state does not allow this.")
class InvalidState(Error):
    pass


@strawberry.type(description="Too many tries.")
class RateLimited(Error):
    retry_after: float = strawberry.field(description="Seconds until the next try can succeed.")


@strawberry.type(description="Somebody already registered with this address.")
class EmailTaken(Error):
    pass


@strawberry.type(description="The address or the password is wrong.")
class InvalidCredentials(Error):
    pass


@strawberry.type(description="The refresh token is unknown, expired, used or revoked.")
class InvalidRefreshToken(Error):
    pass


@strawberry.type(description="The file is larger than this server takes.")
class FileTooLarge(Error):
    limit: int = strawberry.field(description="Bytes.")


@strawberry.type(description="The content is none of the formats that can be read.")
class UnsupportedFileType(Error):
    pass


@strawberry.type(description="The library is full.")
class QuotaExceeded(Error):
    pass


@strawberry.type(description="Another document has this name.")
class NameTaken(Error):
    pass


@strawberry.type(description="What was sent is not what was announced.")
class UploadMismatch(Error):
    pass
