"""Mailboxes (RFC 4155): each message begins a page."""

import mailbox
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.eml import MailWriter
from providers.parsing.writer import Writer


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: EMPTY or TOO_LARGE."""
    writer = Writer()
    box = mailbox.mbox(source.path, create=False)
    try:
        for number, key in enumerate(box.iterkeys()):
            if number:
                writer.new_page()
            mail = message_from_bytes(
                box.get_bytes(key), _class=EmailMessage, policy=policy.default
            )
            writer.heading(str(mail["Subject"] or f"Message {number + 1}"), 1)
            MailWriter(writer, source).message(mail)
    finally:
        box.close()
    return writer.windows(source.max_pages)
