"""Upkeep of the graphs through which large libraries are searched."""

from db import vectors
from db.engine import Database

PAUSE_SECONDS = 60.0
"""How long new vectors may wait; until then searches compare them one by one."""
RECENT_DAYS = 2


class Graphs:
    def __init__(self, database: Database, graph_chunks: int) -> None:
        self._database = database
        self._graph_chunks = graph_chunks

    async def extend(self) -> None:
        """Go on until every large library that has changed is in the graph as a whole."""
        async with self._database.read(None) as session:
            owners = await vectors.owners(session, RECENT_DAYS)
        for owner_id in owners:
            more = True
            while more:
                async with self._database.write(owner_id) as write:
                    more = await vectors.enter_graph(write, self._graph_chunks)
