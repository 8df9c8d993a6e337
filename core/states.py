"""The states that documents, jobs, messages and answers pass through, by the names clients see."""

from enum import StrEnum


class DocumentStatus(StrEnum):
    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    SEARCHABLE = "SEARCHABLE"
    READY = "READY"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class IngestionStage(StrEnum):
    STORED = "STORED"
    PARSING = "PARSING"
    CHUNKING = "CHUNKING"
    INDEXING = "INDEXING"
    EMBEDDING = "EMBEDDING"
    PUBLISHING = "PUBLISHING"
    DONE = "DONE"


class OnSameName(StrEnum):
    """What becomes of a file whose name another document has."""

    KEEP_BOTH = "KEEP_BOTH"
    REPLACE = "REPLACE"
    REJECT = "REJECT"


class JobState(StrEnum):
    """Where an ingestion job stands; DEAD jobs are kept for whoever asks why."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    DEAD = "DEAD"


class MessageRole(StrEnum):
    USER = "USER"
    ASSISTANT = "ASSISTANT"


class MessageStatus(StrEnum):
    STREAMING = "STREAMING"
    COMPLETED = "COMPLETED"
    STOPPED = "STOPPED"
    INTERRUPTED = "INTERRUPTED"
    FAILED = "FAILED"


class EventKind(StrEnum):
    """What an event of an answer's stream tells."""

    STARTED = "STARTED"
    SOURCES = "SOURCES"
    DELTA = "DELTA"
    CITATION = "CITATION"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
