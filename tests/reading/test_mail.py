"""Mail with all that it carries."""

from email.message import EmailMessage
from pathlib import Path

from core.blocks import BlockKind, WarningCode
from support.reading import Reading, read_file

CALENDAR = """BEGIN:VCALENDAR\r
BEGIN:VEVENT\r
SUMMARY:Hull survey\\, part two\r
DTSTART;TZID=Europe/Oslo:20260318T140000\r
DTEND:20260318T150000Z\r
LOCATION:Dry\r
  dock 2\r
BEGIN:VALARM\r
DESCRIPTION:never\r
END:VALARM\r
END:VEVENT\r
END:VCALENDAR\r
"""
EVENT = (
    "Summary: Hull survey, part two\nStart: 18 March 2026 14:00 Europe/Oslo\n"
    "End: 18 March 2026 15:00 UTC\nLocation: Dry dock 2"
)


def mail(subject: str, text: str = "See below.") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "Ops <ops@skerra.example>"
    message.set_content(text)
    return message


def reading_of(folder: Path, message: EmailMessage) -> Reading:
    path = folder / "made.eml"
    path.write_bytes(message.as_bytes())
    return read_file(path)


def test_headers_are_metadata(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, mail("Grüße"))
    assert reading.texts(BlockKind.METADATA) == [
        "Subject: Grüße",
        "From: Ops <ops@skerra.example>",
    ]
    assert reading.texts(BlockKind.PARAGRAPH) == ["See below."]


def test_attached_messages_and_files_are_read_where_they_stand(tmp_path: Path) -> None:
    inner = mail("Inspection", "The slew brake must be replaced.")
    inner.add_attachment("a,b\n1,2\n3,4\n", subtype="csv", filename="readings.csv")
    message = mail("FW")
    message.add_attachment(inner)
    message.add_attachment(
        b"\x89PNG\r\n\x1a\n" + bytes(64), maintype="image", subtype="png", filename="photo.png"
    )
    reading = reading_of(tmp_path, message)
    assert reading.texts(BlockKind.HEADING) == [
        "## Attached message: Inspection",
        "## Attachment: readings.csv",
    ]
    assert "The slew brake must be replaced." in reading.text
    assert reading.tables == [(["a", "b"], [["1", "2"], ["3", "4"]])]
    (warning,) = reading.warnings
    assert warning.code is WarningCode.SKIPPED_CONTENT
    assert "photo.png" in warning.message


def test_messages_within_messages_are_read_to_a_depth(tmp_path: Path) -> None:
    message = mail("0")
    for depth in range(1, 8):
        outer = mail(str(depth))
        outer.add_attachment(message)
        message = outer
    reading = reading_of(tmp_path, message)
    assert "Subject: 3" in reading.text
    assert "Subject: 1\n" not in reading.text
    assert [warning.code for warning in reading.warnings] == [WarningCode.SKIPPED_CONTENT]


def test_the_richer_version_of_the_body_is_read(tmp_path: Path) -> None:
    poor = mail("a", "This mail needs HTML.")
    poor.add_alternative("<p>The dues rise to <b>55</b> euros in May.</p>", subtype="html")
    assert "The dues rise to 55 euros in May." in reading_of(tmp_path, poor).text
    same = mail("b", "Dues: 55 euros.\n\n> quoted")
    same.add_alternative("<p>Dues: 55 euros.</p>", subtype="html")
    assert reading_of(tmp_path, same).text.endswith("Dues: 55 euros.\n\n> quoted")


def test_invitations_are_read_as_events(tmp_path: Path) -> None:
    message = mail("Invitation")
    message.add_alternative(CALENDAR, subtype="calendar")
    assert reading_of(tmp_path, message).texts(BlockKind.RECORD) == [EVENT]
    path = tmp_path / "made.ics"
    path.write_text(CALENDAR)
    assert read_file(path).texts(BlockKind.RECORD) == [EVENT]


def test_each_message_of_a_mailbox_begins_a_page(tmp_path: Path) -> None:
    path = tmp_path / "made.mbox"
    letters = [mail("One", "First text."), mail("Two", "Second text.")]
    path.write_bytes(
        b"".join(b"From ops Thu Jan  1 00:00:00 2026\n" + m.as_bytes() + b"\n" for m in letters)
    )
    reading = read_file(path)
    assert [page.text.split("\n")[0] for page in reading.pages] == ["# One", "# Two"]
    assert "Second text." in reading.pages[1].text
