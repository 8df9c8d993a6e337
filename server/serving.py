"""A uvicorn server that drains before it stops."""

import socket
from types import FrameType

import uvicorn

from server.drain import Drain
from services.container import Services


class Server(uvicorn.Server):
    """Server that drains before it closes anything; a second signal cuts that short."""

    def __init__(self, config: uvicorn.Config, drain: Drain) -> None:
        super().__init__(config)
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self._drain.cut_short()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        services: Services = self.lifespan.state["services"]
        services.chat.refuse_questions()
        await self._drain.run(lambda: services.chat.writing)
        await super().shutdown(sockets)
