"""E-mail (RFC 5322, MIME): the headers people read, the body, and in its place what is attached."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage, Message

from core.blocks import BlockKind, WarningCode
from core.errors import ParseFailure
from providers.parsing import Page, PageWindow
from providers.parsing.formats import FORMATS, Source, find_reader
from providers.parsing.formats.html import write_html
from providers.parsing.formats.ics import write_calendar
from providers.parsing.formats.text import clean, decode
from providers.parsing.media import sniff_data
from providers.parsing.writer import Writer, squeeze

MAX_DEPTH = 4
MAX_ATTACHMENTS = 50
MAX_ATTACHED_BYTES = 32 * 1024 * 1024
"""Of one attachment that is read."""
_HEADERS = ("Subject", "From", "To", "Cc", "Bcc", "Reply-To", "Date")
_SILENT = (
    "application/pkcs7-signature",
    "application/pgp-signature",
    "application/x-pkcs7-signature",
)


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: EMPTY or TOO_LARGE."""
    writer = Writer()
    mail = message_from_bytes(source.read_bytes(), _class=EmailMessage, policy=policy.default)
    MailWriter(writer, source).message(mail)
    return writer.windows(source.max_pages)


class MailWriter:
    """Writes one mail with all that it carries, within bounds of depth, number and size."""

    def __init__(self, writer: Writer, source: Source) -> None:
        self._writer = writer
        self._source = source
        self._attachments = 0

    def message(self, mail: Message, depth: int = 0) -> None:
        for name in _HEADERS:
            if value := _header(mail, name):
                self._writer.write(f"{name}: {value}", BlockKind.METADATA)
        names = [_filename(part) for part in mail.walk() if _is_attachment(part)]
        if names and depth == 0:
            self._writer.write("Attachments: " + ", ".join(names), BlockKind.METADATA)
        self._part(mail, depth)

    def _part(self, part: Message, depth: int) -> None:
        kind = part.get_content_type()
        if kind == "multipart/alternative":
            self._alternative(part, depth)
        elif kind == "message/rfc822":
            self._attached_message(part, depth)
        elif part.is_multipart():
            for inner in _parts(part):
                self._part(inner, depth)
        elif _is_attachment(part):
            self.attachment(_filename(part), _payload(part), depth)
        elif kind == "text/html":
            self._writer.adopt(_html(part))
        elif kind == "text/calendar":
            write_calendar(self._writer, _text(part))
        elif kind.startswith(("text/", "message/")):
            self._plain(part)

    def _alternative(self, part: Message, depth: int) -> None:
        """Of plain text and HTML the one that says more; calendars beside either."""
        versions = list(part.walk())
        plain = next((p for p in versions if _is_body(p, "text/plain")), None)
        page = next((_html(p) for p in versions if _is_body(p, "text/html")), Page(1, ""))
        words = set(re.findall(r"\w+", page.text))
        spoken = set(re.findall(r"\w+", _text(plain))) if plain is not None else set()
        structured = any(block.table for block in page.blocks)
        if page.text and (structured or len(words - spoken) > 0.05 * len(spoken)):
            self._writer.adopt(page)
        elif plain is not None:
            self._plain(plain)
        for other in versions:
            if _is_body(other, "text/calendar"):
                write_calendar(self._writer, _text(other))
            elif _is_attachment(other) and not other.is_multipart():
                self.attachment(_filename(other), _payload(other), depth)

    def _plain(self, part: Message) -> None:
        text = _text(part)
        if str(part.get_param("format", "")).lower() == "flowed":
            text = re.sub(r"(?<=\S) \n(?!-- \n|>| ?\n)", " ", text.replace("\r\n", "\n"))
        for paragraph in re.split(r"\n(?:[^\S\n]*\n)+", clean(text)):
            self._writer.write(paragraph)

    def _attached_message(self, part: Message, depth: int) -> None:
        for mail in _parts(part):
            subject = _header(mail, "Subject")
            if depth >= MAX_DEPTH:
                self._skip(f"The attached message “{subject}”")
                continue
            self._writer.heading(
                f"Attached message: {subject}" if subject else "Attached message", 2
            )
            self.message(mail, depth + 1)

    def attachment(self, name: str, data: bytes, depth: int) -> None:
        self._attachments += 1
        if self._attachments > MAX_ATTACHMENTS or len(data) > MAX_ATTACHED_BYTES:
            self._skip(f"The attachment “{name}”")
            return
        media_type = sniff_data(data, name)
        windows = []
        if media_type is not None and depth < MAX_DEPTH:
            source = replace(self._source, media_type=media_type, data=data)
            with suppress(ParseFailure):
                windows = list(find_reader(media_type).read(source))
        if not windows:
            self._skip(f"The attachment “{name}”")
            return
        self._writer.heading(f"Attachment: {name}", 2)
        for page in (page for window in windows for page in window.pages):
            self._writer.adopt(page)

    def _skip(self, what: str) -> None:
        self._writer.warn(WarningCode.SKIPPED_CONTENT, f"{what} was not read.", whole=True)


def _html(part: Message) -> Page:
    """What cannot be read is as if it were empty: mail is made by many hands."""
    scratch = Writer()
    with suppress(ParseFailure):
        write_html(scratch, _payload(part), part.get_content_charset())
    return scratch.page()


def _text(part: Message) -> str:
    decoded = decode(_payload(part), part.get_content_charset())
    return decoded.text if decoded else ""


def _payload(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _parts(part: Message) -> list[Message]:
    payload = part.get_payload()
    return (
        [item for item in payload if isinstance(item, Message)] if isinstance(payload, list) else []
    )


def _is_body(part: Message, kind: str) -> bool:
    return part.get_content_type() == kind and not _is_attachment(part)


def _is_attachment(part: Message) -> bool:
    """What people save to a file: not the pictures within a page, not signatures."""
    kind = part.get_content_type()
    if part.is_multipart() or kind == "message/rfc822" or kind in _SILENT:
        return False
    if part.get_content_disposition() == "attachment":
        return True
    body = kind.startswith(("text/", "message/"))
    return bool(part.get_filename()) and not (kind.startswith("image/") or body)


def _filename(part: Message) -> str:
    try:
        return squeeze(part.get_filename() or "") or "unnamed"
    except (ValueError, LookupError):
        return "unnamed"


def _header(mail: Message, name: str) -> str:
    """Headers of all sorts are wrong in ways that the parser did not foresee."""
    try:
        return squeeze(str(mail[name] or ""))
    except (ValueError, LookupError, AttributeError, IndexError, TypeError):
        return ""


for _format in FORMATS:
    if _format.reader != "eml":  # whatever is attached: once confined nothing can be imported
        find_reader(_format.media_type)
