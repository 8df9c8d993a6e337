"""Whose turn it is, who may write, and that no document can get stuck between two states."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from itertools import product
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from cli.embedded import EmbeddedPostgres
from core.errors import (
    DomainError,
    ErrorCode,
    InvalidState,
    NotFound,
    ParseFailure,
    ProviderUnavailable,
)
from core.ids import new_id
from core.principal import Principal
from core.settings import Settings
from core.states import DocumentStatus, IngestionStage
from db import chunks, documents, jobs, progress
from db.documents import Document, NewVersion
from db.jobs import Claim, LeaseLost
from services.container import Services, open_services
from services.ingestion.attempt import Attempt
from services.ingestion.jobs import Ingestion
from services.uploads import Upload
from support.library import open_ingestion

T = TypeVar("T")

STATUSES = ("PENDING", "PROCESSING", "SEARCHABLE", "READY", "FAILED", "CANCELLED")
UNFINISHED = STATUSES[:3]
LEGAL = {
    ("PENDING", "PROCESSING"),
    ("PENDING", "SEARCHABLE"),
    ("PENDING", "FAILED"),
    ("PENDING", "CANCELLED"),
    ("PROCESSING", "PENDING"),
    ("PROCESSING", "SEARCHABLE"),
    ("PROCESSING", "READY"),
    ("PROCESSING", "FAILED"),
    ("PROCESSING", "CANCELLED"),
    ("SEARCHABLE", "PENDING"),
    ("SEARCHABLE", "READY"),
    ("SEARCHABLE", "FAILED"),
    ("SEARCHABLE", "CANCELLED"),
    ("READY", "PENDING"),
    ("FAILED", "PENDING"),
    ("CANCELLED", "PENDING"),
}


@pytest.fixture
async def superuser(postgres: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres.url("postgres"))
    yield connection
    await connection.close()


async def queue(services: Services, owner: Principal, count: int) -> list[UUID]:
    """Documents whose files nobody will read."""
    queued = []
    for number in range(count):
        async with services.database.write(owner.user_id) as session:
            document_id = await documents.insert_document(session, f"{number}.txt")
            new = NewVersion(new_id().bytes * 2, 1, "text/plain", new_id().hex, None)
            version_id, _ = await documents.insert_version(session, document_id, new)
            await jobs.insert(session, version_id, document_id, 5)
            await progress.advance(
                session, document_id, DocumentStatus.PENDING, IngestionStage.STORED, 0, 0
            )
        queued.append(document_id)
    return queued


async def claim(services: Services, lease_seconds: float = 60) -> Claim | None:
    async with services.database.write(None) as session:
        return await jobs.claim(session, "test", lease_seconds)


async def finish(services: Services, claim: Claim) -> None:
    async with services.database.write(claim.owner_id) as session:
        await jobs.finish(session, claim)


async def another(services: Services) -> Principal:
    session = await services.accounts.register(
        f"{new_id().hex}@example.org", "correct horse battery", None
    )
    principal = await services.authenticate(f"Bearer {session.access.token}")
    assert principal is not None
    return principal


@pytest.mark.parametrize(("before", "after"), list(product(STATUSES, STATUSES)))
async def test_only_legal_transitions_can_be_written(
    services: Services,
    principal: Principal,
    superuser: asyncpg.Connection,
    before: str,
    after: str,
) -> None:
    """By nobody: not even the superuser passes the trigger."""
    (document_id,) = await queue(services, principal, 1)
    path = {"READY": ["PROCESSING", "READY"], "PENDING": []}.get(before, [before])
    move = (
        "UPDATE documents SET progress_version = progress_version + 1,"
        " status = CAST(CAST($2 AS text) AS document_status),"
        " failure_code = CASE WHEN CAST($2 AS text) = 'FAILED' THEN 'MALFORMED' END WHERE id = $1"
    )
    for status in path:
        await superuser.execute(move, document_id, status)
    if before == after or (before, after) in LEGAL:
        await superuser.execute(move, document_id, after)
    else:
        with pytest.raises(asyncpg.CheckViolationError):
            await superuser.execute(move, document_id, after)


@pytest.mark.parametrize(
    "change",
    [
        "progress_version = progress_version + 2",
        "progress_version = progress_version - 1",
        "status = 'PROCESSING'",
        "fraction = 0.5",
        "message = 'unseen'",
    ],
)
async def test_no_snapshot_without_its_number(
    services: Services, principal: Principal, superuser: asyncpg.Connection, change: str
) -> None:
    (document_id,) = await queue(services, principal, 1)
    with pytest.raises(asyncpg.CheckViolationError):
        await superuser.execute(f"UPDATE documents SET {change} WHERE id = $1", document_id)


async def test_snapshots_are_numbered_without_gaps_whoever_writes_them(
    services: Services, principal: Principal
) -> None:
    (document_id,) = await queue(services, principal, 1)

    async def advance(number: int) -> None:
        async with services.database.write(principal.user_id) as session:
            await progress.advance(
                session,
                document_id,
                DocumentStatus.PENDING,
                IngestionStage.STORED,
                0,
                0,
                f"{number}",
            )
            if number % 5 == 0:
                raise InvalidState("rolled back")

    await asyncio.gather(*(advance(number) for number in range(50)), return_exceptions=True)
    async with services.database.read(principal.user_id) as session:
        snapshots = await progress.after(session, document_id, 0)
    assert [snapshot.version for snapshot in snapshots] == list(range(1, 42))


async def test_one_document_has_one_job_at_a_time(
    services: Services, principal: Principal, superuser: asyncpg.Connection
) -> None:
    (document_id,) = await queue(services, principal, 1)
    async with services.database.write(principal.user_id) as session:
        new = NewVersion(new_id().bytes * 2, 1, "text/plain", new_id().hex, None)
        version_id, _ = await documents.insert_version(session, document_id, new)
    insert = (
        "INSERT INTO ingestion_jobs (version_id, owner_id, document_id, give_up_after)"
        " VALUES ($1, $2, $3, 5)"
    )
    with pytest.raises(asyncpg.UniqueViolationError):
        await superuser.execute(insert, version_id, principal.user_id, document_id)


async def test_a_lease_that_ran_out_is_taken_over_and_fences_its_former_holder(
    services: Services, principal: Principal, superuser: asyncpg.Connection
) -> None:
    await queue(services, principal, 1)
    first = await claim(services, lease_seconds=0)
    second = await claim(services)
    assert first is not None
    assert second is not None
    assert (first.version_id, first.attempt + 1) == (second.version_id, second.attempt)
    assert await claim(services) is None
    async with services.database.write(principal.user_id) as session:
        with pytest.raises(LeaseLost):
            await jobs.fence(session, first)
        with pytest.raises(LeaseLost):
            await jobs.heartbeat(session, first, 60)
        await jobs.fence(session, second)


async def test_five_hundred_uploads_of_one_delay_another_by_one_at_most(
    services: Services, principal: Principal, superuser: asyncpg.Connection
) -> None:
    await queue(services, principal, 500)
    running = [await claim(services), await claim(services)]
    other = await another(services)
    (wanted,) = await queue(services, other, 1)
    served: list[UUID] = []
    while wanted not in served:
        oldest = running.pop(0)
        assert oldest is not None
        await finish(services, oldest)
        newest = await claim(services)
        assert newest is not None
        running.append(newest)
        served.append(newest.document_id)
    assert len(served) <= 2


async def test_owners_take_turns(
    services: Services, principal: Principal, superuser: asyncpg.Connection
) -> None:
    owners = [principal, await another(services), await another(services)]
    for owner, count in zip(owners, (9, 6, 3), strict=True):
        await queue(services, owner, count)
    served = []
    while (next_ := await claim(services)) is not None:
        served.append(next_.owner_id)
        await finish(services, next_)
    rounds = [set(served[start : start + 3]) for start in range(0, 9, 3)]
    assert rounds == [{owner.user_id for owner in owners}] * 3


async def test_workers_do_not_let_one_owner_starve_another(
    services: Services, principal: Principal, superuser: asyncpg.Connection, settings: Settings
) -> None:
    ingestion = open_ingestion(settings, services)
    many = [await upload(services, principal, f"{n}.txt", f"Letter {n}.") for n in range(12)]
    workers = [asyncio.create_task(ingestion.run_next(f"{n}")) for n in range(2)]
    other = await another(services)
    single = await upload(services, other, "single.txt", "A single letter.")
    await asyncio.gather(*workers)
    await asyncio.gather(*(ingestion.run_next(f"{n}") for n in range(2)))
    assert (await services.documents.document(other, single.id)).progress.status == "READY"
    found = await services.documents.by_ids(principal, [document.id for document in many])
    assert sum(document.progress.status == "READY" for document in found.values()) == 3


async def upload(services: Services, owner: Principal, name: str, text: str) -> Document:
    async def once() -> AsyncIterator[bytes]:
        yield text.encode()

    return (await services.uploads.upload(owner, Upload(name, None, once()))).document


SCRIPT = [
    (DocumentStatus.PROCESSING, IngestionStage.PARSING),
    (DocumentStatus.SEARCHABLE, IngestionStage.EMBEDDING),
]


class ScriptedPipeline:
    """Does in the database what the real one does, as far as it is told."""

    def __init__(self) -> None:
        self.steps = 0
        self.failure: DomainError | None = None

    async def run(self, attempt: Attempt) -> str:
        claim = attempt.claim
        for status, stage in SCRIPT[: self.steps]:
            async with attempt.fenced() as session:
                document = await documents.document(session, claim.document_id)
                if document is not None and document.progress.status is DocumentStatus.SEARCHABLE:
                    status = DocumentStatus.SEARCHABLE
                await attempt.advance(session, status, stage, 0.5)
        if self.failure is not None:
            raise self.failure
        async with attempt.fenced() as session:
            document = await documents.document(session, claim.document_id)
            if document is not None and document.progress.status is DocumentStatus.PENDING:
                status, stage = SCRIPT[0]
                await attempt.advance(session, status, stage, 0)
            await chunks.activate(session, claim.document_id, claim.version_id)
            await attempt.advance(session, DocumentStatus.READY, IngestionStage.DONE, 1)
            await jobs.finish(session, claim)
        return "ready"


FAILURES = [
    None,
    ParseFailure(ErrorCode.MALFORMED, "Torn.", "Mend it."),
    ProviderUnavailable(ErrorCode.EMBEDDER_UNAVAILABLE, "Away."),
]
_STATES = """
SELECT d.id, d.status::text, d.progress_version, d.failure_code,
  d.active_version_id = d.latest_version_id AS active,
  (SELECT array_agg(e.version ORDER BY e.version) FROM ingestion_events e
    WHERE e.document_id = d.id) AS versions,
  (SELECT e.status::text FROM ingestion_events e
    WHERE e.document_id = d.id AND e.version = d.progress_version) AS newest,
  (SELECT array_agg(j.version_id = d.latest_version_id) FROM ingestion_jobs j
    WHERE j.document_id = d.id AND j.state IN ('QUEUED', 'RUNNING')) AS unfinished
FROM documents d WHERE d.owner_id = $1
"""


def state_machine(settings_: Settings, superuser_url: str) -> type[RuleBasedStateMachine]:
    """Everything that people, workers and misfortune can do to documents, in any order."""

    class Library(RuleBasedStateMachine):
        names = Bundle("names")
        claims = Bundle("claims")

        def __init__(self) -> None:
            super().__init__()
            self.runner = asyncio.Runner()
            self.opened = open_services(settings_)
            self.services = self.run(self.opened.__aenter__())
            self.superuser = self.run(asyncpg.connect(superuser_url))
            self.run(self.superuser.execute("DELETE FROM documents"))
            self.owner = self.run(another(self.services))
            self.pipeline = ScriptedPipeline()
            self.ingestion = Ingestion(
                self.services.database,
                self.services.hints,
                self.services.queue,
                self.pipeline,  # type: ignore[arg-type]
                60,
            )
            self.contents = 0

        def run(self, work: Coroutine[Any, Any, T]) -> T:
            return self.runner.run(work)

        @initialize(target=names)
        def begin_with_some(self) -> MultipleResults[UUID]:
            return multiple(*(self.upload_one(number) for number in range(3)))

        @rule(target=names, number=strategies.integers(0, 3))
        def upload(self, number: int) -> UUID:
            """A new document, or a new version of one."""
            return self.upload_one(number)

        def upload_one(self, number: int) -> UUID:
            self.contents += 1
            name, content = f"{number}.txt", f"content {self.contents}"
            document: Document = self.run(upload(self.services, self.owner, name, content))
            return document.id

        @rule(steps=strategies.integers(0, 2), failure=strategies.sampled_from(FAILURES))
        def work(self, steps: int, failure: DomainError | None) -> None:
            self.pipeline.steps, self.pipeline.failure = steps, failure
            self.run(self.ingestion.run_next("worker"))

        @rule(target=claims)
        def begin_and_fall_silent(self) -> Claim | MultipleResults[Claim]:
            silent: Claim | None = self.run(claim(self.services))
            return multiple() if silent is None else silent

        @rule(claim=consumes(claims))
        def speak_up_again(self, claim: Claim) -> None:
            """Whoever holds the lease no more cannot write."""
            holds = self.run(
                self.superuser.fetchval(
                    "SELECT 1 FROM ingestion_jobs"
                    " WHERE version_id = $1 AND attempt = $2 AND state = 'RUNNING'",
                    claim.version_id,
                    claim.attempt,
                )
            )
            attempt = Attempt(self.services.database, self.services.hints, claim)
            try:
                self.run(ScriptedPipeline().run(attempt))
                assert holds
            except LeaseLost:
                assert not holds

        @rule()
        def let_leases_and_delays_run_out(self) -> None:
            self.run(
                self.superuser.execute(
                    "UPDATE ingestion_jobs SET available_at = now(),"
                    " lease_expires_at = CASE WHEN state = 'RUNNING' THEN now() END"
                )
            )

        @rule(document_id=names)
        def cancel(self, document_id: UUID) -> None:
            self.try_to(self.services.documents.cancel(self.owner, document_id))

        @rule(document_id=names)
        def retry(self, document_id: UUID) -> None:
            self.try_to(self.services.documents.retry(self.owner, document_id))

        @rule(document_id=consumes(names))
        def delete(self, document_id: UUID) -> None:
            self.try_to(self.services.documents.delete(self.owner, document_id))

        def try_to(self, work) -> None:  # type: ignore[no-untyped-def]
            try:
                self.run(work)
            except (NotFound, InvalidState):
                pass

        @invariant()
        def nothing_is_stuck_or_half_done(self) -> None:
            for row in self.run(self.superuser.fetch(_STATES, self.owner.user_id)):
                assert row["versions"] == list(range(1, row["progress_version"] + 1)), row
                assert row["newest"] == row["status"], row
                expected = [True] if row["status"] in UNFINISHED else None
                assert row["unfinished"] == expected, row
                assert (row["failure_code"] is not None) == (row["status"] == "FAILED"), row
                assert row["active"] or row["status"] != "READY", row

        def teardown(self) -> None:
            self.run(self.superuser.close())
            self.run(self.opened.__aexit__(None, None, None))
            self.runner.close()

    return Library


def test_no_order_of_events_leaves_a_document_stuck(
    settings: Settings, postgres: EmbeddedPostgres
) -> None:
    run_state_machine_as_test(state_machine(settings, postgres.url("postgres")), settings=STATEFUL)


STATEFUL = settings(
    max_examples=12,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
