"""Many documents, many kills: `make chaos`, or `run.py --documents 500 --kills 100 --seed 7`."""

import argparse
import asyncio
import random
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import httpx2
from redis import Redis

from chaos.cluster import Cluster, frozen, kill
from chaos.contents import pdf_file, poisoned_file, text_file
from chaos.history import check
from cli.client import ApiError, Client
from core.ids import Kind, decode_id
from core.principal import Principal
from support.accounts import register

OWNERS = 4
WORKERS = 3
UPLOAD = """
mutation ($file: Upload!) {
  uploadDocument(input: { file: $file }) {
    ... on UploadedDocument { document { id } }
    ... on DuplicateDocument { document { id } }
    ... on Error { code message }
  }
}
"""
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lectern'"
)
KILLS = {
    "worker killed": 12,
    "worker terminated": 3,
    "worker frozen": 3,
    "API killed": 4,
    "connections cut": 3,
    "Redis killed": 2,
    "Redis flushed": 1,
    "PostgreSQL crashed": 2,
}
"""What is done, and how often in thirty times."""


class Run:
    def __init__(self, cluster: Cluster, source: random.Random) -> None:
        self.cluster = cluster
        self.source = source
        self.url, self.api = cluster.serve()
        self.done: Counter[str] = Counter()
        self.arrivals = asyncio.Semaphore(0)

    def file(self, number: int) -> tuple[str, bytes]:
        kind = self.source.random()
        if kind < 0.05:
            return poisoned_file(number)
        if kind < 0.2:
            return pdf_file(number, self.source.randint(1, 12))
        return text_file(number, self.source.randint(1, 60))

    async def upload(
        self, client: Client, files: list[tuple[str, bytes]], folder: Path
    ) -> dict[UUID, tuple[str, bytes]]:
        """Ask until each file is acknowledged, whatever it takes."""
        acknowledged = {}
        for name, content in files:
            await self.arrivals.acquire()
            path = folder / name
            path.write_bytes(content)
            id_ = None
            while id_ is None:
                client.url = self.url
                try:
                    result = (await client.upload(UPLOAD, path))["uploadDocument"]
                    id_ = decode_id(Kind.DOCUMENT, result["document"]["id"])
                except (httpx2.TransportError, ApiError) as error:
                    self.done[f"upload repeated after {type(error).__name__}"] += 1
                    await asyncio.sleep(0.3)
            acknowledged[id_] = (name, content)
        return acknowledged

    async def disturb(self, documents: int, kills: int) -> None:
        """Before each kill some documents arrive."""
        plan = self.source.choices(list(KILLS), list(KILLS.values()), k=kills)
        for number, what in enumerate(plan):
            arriving = documents * (number + 1) // kills - documents * number // kills
            for _ in range(arriving):
                self.arrivals.release()
            await asyncio.sleep(self.source.uniform(0.2, 2))
            await self.kill(what)
            self.done[what] += 1
            self.cluster.keep_working(WORKERS)

    async def kill(self, what: str) -> None:
        worker = self.source.choice([w for w in self.cluster.workers if w.is_running()])
        match what:
            case "worker killed":
                kill(worker)
            case "worker terminated":
                worker.ask_to_stop()
            case "worker frozen":
                with frozen(worker.process):
                    await asyncio.sleep(4)
            case "API killed":
                kill(self.api)
                self.url, self.api = self.cluster.serve()
            case "connections cut":
                async with self.cluster.superuser() as connection:
                    await connection.execute(TERMINATE)
            case "Redis killed":
                self.cluster.crash_redis()
                await asyncio.sleep(1)
                self.cluster.redis.start()
            case "Redis flushed":
                with Redis.from_url(self.cluster.redis.url) as redis:
                    redis.flushall()
            case "PostgreSQL crashed":
                self.cluster.crash_postgres()


async def main(documents: int, kills: int, seed: int, folder: Path, cluster: Cluster) -> None:
    source = random.Random(seed)
    run = Run(cluster, source)
    cluster.embeddings.seconds = 0.2
    cluster.keep_working(WORKERS)
    files = [run.file(number) for number in range(documents)]
    started = time.monotonic()
    clients = [Client(run.url) for _ in range(OWNERS)]
    for client in clients:
        await register(client)
    disturbing = asyncio.create_task(run.disturb(documents, kills))
    shares = [files[number::OWNERS] for number in range(OWNERS)]
    acknowledged = await asyncio.gather(
        *(run.upload(client, share, folder) for client, share in zip(clients, shares, strict=True))
    )
    uploaded = time.monotonic() - started
    await disturbing
    cluster.embeddings.seconds = 0
    async with cluster.services() as services:
        endings: Counter[str] = Counter()
        for client, share in zip(clients, acknowledged, strict=True):
            owner = await services.authenticate(f"Bearer {client.access_token}")
            assert isinstance(owner, Principal)
            endings += await check(cluster, services, owner, share)
        async with cluster.superuser() as connection:
            attempts = await connection.fetch(
                "SELECT attempt, count(*) AS n FROM ingestion_jobs GROUP BY 1 ORDER BY 1"
            )
    print(f"{documents} documents of {OWNERS} owners, {kills} disturbances, seed {seed}")
    for what, count in sorted(run.done.items()):
        print(f"  {count:4} x {what}")
    print(f"Every upload acknowledged after {uploaded:.0f} s; endings: {dict(endings)}")
    print("Attempts (clean runs included):", {row["attempt"]: row["n"] for row in attempts})
    print(
        f"After {time.monotonic() - started:.0f} s each document has ended exactly once and holds "
        "what a clean run makes of it; nothing is left over."
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with TemporaryDirectory(prefix="lectern-chaos-") as name, Cluster(Path(name)) as cluster:
        (uploads := Path(name) / "uploads").mkdir()
        asyncio.run(main(arguments.documents, arguments.kills, arguments.seed, uploads, cluster))
