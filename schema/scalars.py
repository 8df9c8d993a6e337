"""Scalars that say what a value lacks, and never repeat it."""

from datetime import UTC, datetime
from typing import Any

import strawberry
from graphql import GraphQLError
from starlette.datastructures import UploadFile
from strawberry.file_uploads import Upload
from strawberry.types.scalar import ScalarDefinition


def _parse_datetime(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError("This is no date and time, such as 2027-01-31T12:00:00Z.") from None
    if moment.tzinfo is None:
        raise GraphQLError("A time needs its zone, as in 2027-01-31T12:00:00Z.")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise GraphQLError("A time lies in the years 1 to 9999 of UTC.") from None


def _parse_upload(value: Any) -> UploadFile:
    if not isinstance(value, UploadFile):
        raise GraphQLError(
            "This is no file. Send the request as multipart/form-data, after the GraphQL multipart "
            "request specification; a client that sends JSON alone (Apollo's HttpLink) cannot."
        )
    return value


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment with its zone, by ISO 8601: 2027-01-31T12:00:00Z.",
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
        serialize=datetime.isoformat,
        parse_value=_parse_datetime,
    ),
    Upload: strawberry.scalar(
        name="Upload",
        description="A file, sent beside the operation as multipart/form-data.",
        specified_by_url="https://github.com/jaydenseric/graphql-multipart-request-spec",
        serialize=str,
        parse_value=_parse_upload,
    ),
}
"""For the `scalar_map` of the schema."""
