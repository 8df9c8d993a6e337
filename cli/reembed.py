"""`lectern reembed`: give every passage a vector of the configured embedding model."""

from contextlib import aclosing

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.configuration import UsageError, require
from cli.instance import find_running
from core.errors import DomainError
from core.settings import Settings
from db.engine import Database
from providers.embedding.factory import open_embedder
from services.ingestion.reembedding import Reembedding


async def reembed(settings: Settings, prune: bool) -> None:
    """Beside a running product or without it. Raises `UsageError`."""
    running = find_running(settings.data_dir)
    if settings.database_url is None and running is not None:
        settings = settings.model_copy(update={"database_url": running.database_url})
    require(settings, "database_url")
    embedder = open_embedder(settings)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    try:
        async with Database(str(settings.database_url)) as database, aclosing(embedder):
            reembedding = Reembedding(database, embedder)
            with Progress(*columns, TimeRemainingColumn()) as bar:
                task = bar.add_task(f"Passages for {embedder.model}", total=None)
                async with aclosing(reembedding.run()) as steps:
                    async for step in steps:
                        bar.update(task, completed=step.done, total=step.total)
            if prune:
                await reembedding.prune()
    except DomainError as error:
        raise UsageError(f"{error.message} Run it again to go on.") from error
