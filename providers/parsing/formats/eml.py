"""E-mail (RFC 5322, MIME) as plain text: the headers people read, then the body."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart

from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.html import render_html
from providers.parsing.formats.text import clean, decode
from providers.parsing.writer import Writer, write_text

_HEADERS = ("Subject", "From", "To", "Cc", "Date")


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`."""
    writer = Writer()
    write_text(writer, render_mail(source.path.read_bytes()))
    return writer.windows(source.max_pages)


def render_mail(data: bytes) -> str:
    """Attachments are named, not read."""
    message = message_from_bytes(data, _class=EmailMessage, policy=policy.default)
    lines = [f"{name}: {message[name]}" for name in _HEADERS if message[name]]
    attachments = [part.get_filename() or "unnamed" for part in message.iter_attachments()]
    if attachments:
        lines.append("Attachments: " + ", ".join(attachments))
    return clean("\n".join(lines) + "\n\n" + _body(message)).strip()


def _body(message: EmailMessage) -> str:
    for kind in ("plain", "html"):
        part = message.get_body(preferencelist=(kind,))
        if part is not None and (text := _text(part, kind).strip()):
            return text
    return ""


def _text(part: MIMEPart, kind: str) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    charset = part.get_content_charset()
    if charset is not None:
        try:
            data = data.decode(charset).encode()
        except (LookupError, UnicodeDecodeError):
            pass
    return (render_html(data) if kind == "html" else decode(data)) or ""
