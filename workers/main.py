"""The worker process: arq wakes it, PostgreSQL says what to do.

A wake-up ends at once and the work goes on outside of arq. So no arq lock outlives a killed
worker, no arq time-out ends a long document, and without Redis work is found by polling.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Sequence
from typing import Any

import structlog
from arq.worker import Worker, func

from core.errors import DatabaseUnavailable
from core.periodic import repeat
from core.settings import Settings
from core.telemetry import CONFINEMENT, describe
from providers.parsing.confinement import INDISPENSABLE, Wall
from providers.parsing.factory import open_parser
from providers.parsing.sandbox import walls
from services.container import Services, open_services
from services.ingestion.jobs import Ingestion
from services.ingestion.pipeline import Pipeline
from services.queue import JOB, decode_job, encode_job
from services.redis import LOST
from workers.graphs import PAUSE_SECONDS, Graphs
from workers.scratch import scratch_folder
from workers.sweeper import SWEEP_SECONDS, Sweeper

logger = structlog.get_logger()
NICENESS = 10
"""How far workers give way on a shared machine to the API, which people wait for."""
WAKE_POLL_SECONDS = 0.02
WORK_POLL_SECONDS = 2.0
"""How long a lost wake-up or an expired lease can go unnoticed."""
WAKE_SECONDS = 5
RECONNECT_SECONDS = 2.0


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then hand back what is unfinished."""
    os.nice(NICENESS)
    with scratch_folder():
        asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_services(settings) as services:
        pipeline = Pipeline(
            services.storage,
            open_parser(settings),
            services.embedder,
            settings.max_attempts,
            settings.max_versions,
        )
        ingestion = Ingestion(
            services.database, services.hints, services.queue, pipeline, settings.lease_seconds
        )
        wakes = [asyncio.Event() for _ in range(settings.worker_concurrency)]
        duties = [
            stop.wait(),
            _hear(services, wakes),
            repeat(Sweeper(services.database, services.storage).sweep, SWEEP_SECONDS),
            repeat(Graphs(services.database, settings.graph_chunks).extend, PAUSE_SECONDS),
            *(_work(ingestion, wake, number) for number, wake in enumerate(wakes)),
        ]
        tasks = [asyncio.create_task(duty) for duty in duties]
        await _tell_walls()
        logger.info("worker ready")
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in ended:
            task.result()  # a duty that broke ends the worker, for its supervisor to see


async def _tell_walls() -> None:
    """Say in the log and in a metric how parsers are confined on this machine."""
    held = await walls()
    for wall in Wall:
        CONFINEMENT.labels(wall=wall).set(wall in held)
    tell = logger.info if held >= INDISPENSABLE else logger.warning
    tell("parsers confined", walls=sorted(held), missing=sorted(set(Wall) - held))


async def _work(ingestion: Ingestion, wake: asyncio.Event, number: int) -> None:
    """Finish one job after the other; rest while there is none."""
    name = f"{socket.gethostname()}:{os.getpid()}:{number}"
    while True:
        wake.clear()
        try:
            if await ingestion.run_next(name):
                continue
        except DatabaseUnavailable as error:
            logger.warning("no work claimed", cause=describe(error.__cause__))
        except Exception:
            logger.exception("claiming work broke")
        try:
            async with asyncio.timeout(WORK_POLL_SECONDS):
                await wake.wait()
        except TimeoutError:
            continue


async def _hear(services: Services, wakes: Sequence[asyncio.Event]) -> None:
    """Run arq's worker, which wakes ours; it is begun again after Redis was lost."""

    async def ingest(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> None:
        for wake in wakes:
            wake.set()

    while True:
        worker = Worker(
            [func(ingest, name=JOB, keep_result=0, timeout=WAKE_SECONDS)],
            redis_pool=services.queue.redis,
            poll_delay=WAKE_POLL_SECONDS,
            job_serializer=encode_job,
            job_deserializer=decode_job,
            handle_signals=False,
            log_results=False,
        )
        try:
            await worker.async_run()
        except LOST as error:
            logger.warning("redis lost; looking for work without it", error=describe(error))
        await asyncio.sleep(RECONNECT_SECONDS)
