"""The numbered events of an answer's stream, and how the database keeps them.

The database keeps a run of deltas as one row, and of a citation only its position: the words that
it quotes stand in its own row, which loses them with its document.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, ClassVar, Self, TypeAlias, assert_never
from uuid import UUID

from sqlalchemy import text

from core.errors import ErrorCode
from core.states import EventKind
from db import citations
from db.citations import Citation, Step
from db.engine import ReadSession, Row, WriteSession

Payload: TypeAlias = dict[str, Any]
"""What JSON can hold."""


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    """The question stands in its conversation, and its answer is being written."""

    kind: ClassVar = EventKind.STARTED

    question_id: UUID
    conversation_id: UUID

    def to_payload(self) -> Payload:
        return {"question": str(self.question_id), "conversation": str(self.conversation_id)}

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(UUID(payload["question"]), UUID(payload["conversation"]))


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """The answer has been given `count` passages so far; `step` found the newest."""

    kind: ClassVar = EventKind.SOURCES

    count: int
    step: Step | None = None

    def to_payload(self) -> Payload:
        return asdict(self)

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        step = payload["step"]
        return cls(payload["count"], Step(**step) if step else None)


@dataclass(frozen=True, slots=True)
class DeltaWritten:
    """The text of the answer has grown by `text`."""

    kind: ClassVar = EventKind.DELTA

    text: str

    def to_payload(self) -> Payload:
        return {"text": self.text}

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(payload["text"])


@dataclass(frozen=True, slots=True)
class CitationMade:
    """A sentence of the answer cites a place in a document."""

    kind: ClassVar = EventKind.CITATION

    citation: Citation

    def to_payload(self) -> Payload:
        ids = {name: str(getattr(self.citation, name)) for name in ("document_id", "version_id")}
        return asdict(self.citation) | ids

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        ids = {name: UUID(payload[name]) for name in ("document_id", "version_id")}
        return cls(Citation(**payload | ids))


@dataclass(frozen=True, slots=True)
class AnswerCompleted:
    """The answer is as long as it will get, by itself or because somebody stopped it."""

    kind: ClassVar = EventKind.COMPLETED

    grounded: bool

    def to_payload(self) -> Payload:
        return {"grounded": self.grounded}

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(payload["grounded"])


@dataclass(frozen=True, slots=True)
class AnswerFailed:
    """The answer ends before its time; what is written stays."""

    kind: ClassVar = EventKind.FAILED

    code: ErrorCode
    message: str
    retryable: bool = True

    def to_payload(self) -> Payload:
        return asdict(self)

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(ErrorCode(payload["code"]), payload["message"], payload["retryable"])


Content: TypeAlias = (
    AnswerStarted | SourcesFound | DeltaWritten | CitationMade | AnswerCompleted | AnswerFailed
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an answer's stream; sequences begin at 1 and have no gaps."""

    sequence: int
    content: Content

    @property
    def is_last(self) -> bool:
        return isinstance(self.content, AnswerCompleted | AnswerFailed)


def content_of(kind: EventKind, payload: Payload) -> Content:
    """The content whose `to_payload` gave `payload`."""
    match kind:
        case EventKind.STARTED:
            return AnswerStarted.from_payload(payload)
        case EventKind.SOURCES:
            return SourcesFound.from_payload(payload)
        case EventKind.DELTA:
            return DeltaWritten.from_payload(payload)
        case EventKind.CITATION:
            return CitationMade.from_payload(payload)
        case EventKind.COMPLETED:
            return AnswerCompleted.from_payload(payload)
        case EventKind.FAILED:
            return AnswerFailed.from_payload(payload)
        case _:
            assert_never(kind)


# A commit whose confirmation was lost is written again, hence ON CONFLICT.
_INSERT = text("""
    INSERT INTO answer_events (owner_id, message_id, sequence, kind, payload)
    VALUES (:owner_id, :message_id, :sequence, :kind, :payload)
    ON CONFLICT DO NOTHING
    """)
_AFTER = text("""
    SELECT sequence, kind, payload FROM answer_events
    WHERE owner_id = :owner_id AND message_id = :message_id AND sequence > :after
    ORDER BY sequence LIMIT :limit
    """)
_LAST_SEQUENCE = text("""
    SELECT coalesce(max(sequence), 0) AS n FROM answer_events
    WHERE owner_id = :owner_id AND message_id = :message_id
    """)


async def append(session: WriteSession, message_id: UUID, events: Sequence[Event]) -> None:
    """Keep gapless events in order; those of a lost commit may be among them again."""
    contents = [event.content for event in events]
    cited = [content.citation for content in contents if isinstance(content, CitationMade)]
    await citations.insert_citations(session, message_id, cited)
    ids = {"owner_id": session.owner_id, "message_id": message_id}
    await session.run_many(_INSERT, [{**ids, **row} for row in _rows(events)])


async def after(session: ReadSession, message_id: UUID, sequence: int, limit: int) -> list[Event]:
    """At most `limit` events that follow `sequence`, in order."""
    rows = await session.all(
        _AFTER, owner_id=session.owner_id, message_id=message_id, after=sequence, limit=limit
    )
    cited: list[Citation] = []
    if any(row["kind"] == EventKind.CITATION for row in rows):
        cited = (await citations.citations(session, [message_id])).get(message_id, [])
    by_position = {citation.position: citation for citation in cited}
    return list(_events(rows, sequence, by_position))[:limit]


async def last_sequence(session: ReadSession, message_id: UUID) -> int:
    """The sequence of an answer's newest event, 0 when it has none."""
    row = await session.one(_LAST_SEQUENCE, owner_id=session.owner_id, message_id=message_id)
    return int(row["n"])


def _rows(events: Sequence[Event]) -> Iterator[dict[str, object]]:
    """`sequence`, `kind` and `payload` of each row; a run of deltas is numbered as its last."""
    for kind, run in groupby(events, lambda event: event.content.kind):
        texts = []
        for event in run:
            match event.content:
                case DeltaWritten(text=delta):
                    texts.append(delta)
                    last = event.sequence
                case CitationMade(citation=citation):
                    payload: Payload = {"position": citation.position}
                    yield {"sequence": event.sequence, "kind": kind, "payload": payload}
                case content:
                    payload = content.to_payload()
                    yield {"sequence": event.sequence, "kind": kind, "payload": payload}
        if texts:
            yield {"sequence": last, "kind": kind, "payload": {"texts": texts}}


def _events(rows: Sequence[Row], after: int, cited: Mapping[int, Citation]) -> Iterator[Event]:
    """The events after this one. Runs overlap where a commit was lost and written again."""
    for row in rows:
        match EventKind(row["kind"]):
            case EventKind.DELTA:
                texts = row["payload"]["texts"]
                for sequence, delta in enumerate(texts, row["sequence"] - len(texts) + 1):
                    if sequence > after:
                        yield Event(sequence, DeltaWritten(delta))
                after = row["sequence"]
            case EventKind.CITATION:
                citation = cited.get(row["payload"]["position"])
                content = CitationMade(citation) if citation else DeltaWritten("")
                yield Event(row["sequence"], content)
            case kind:
                yield Event(row["sequence"], content_of(kind, row["payload"]))
