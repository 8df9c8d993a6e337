"""A small client of the public GraphQL API: HTTP, multipart uploads and graphql-transport-ws."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Self

import httpx2
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

Json = dict[str, Any]

READY_SECONDS = 10
"""How long a server may take to say that it is ready: what is frozen or no Lectern says nothing."""


class ApiError(Exception):
    """The API refused an operation; the message is its own."""


class Client:
    """Speaks to the API at `url`, a base address without a path. Raises `ApiError`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.access_token: str | None = None
        self._http = httpx2.AsyncClient(timeout=60, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def is_ready(self) -> bool:
        try:
            response = await self._http.get(f"{self.url}/readyz", timeout=READY_SECONDS)
            return response.status_code == 200
        except httpx2.TransportError:
            return False

    async def execute(self, query: str, **variables: object) -> Json:
        """The operation's data."""
        body = {"query": query, "variables": variables}
        return _data(await self._http.post(self._endpoint, json=body, headers=self._headers))

    async def upload(self, query: str, path: Path) -> Json:
        """`query` takes the file as `$file: Upload!` (graphql-multipart-request-spec)."""
        with path.open("rb") as file:
            response = await self._http.post(
                self._endpoint,
                data={
                    "operations": json.dumps({"query": query, "variables": {"file": None}}),
                    "map": json.dumps({"0": ["variables.file"]}),
                },
                files={"0": (path.name, file)},
                headers=self._headers | {"graphql-preflight": "1"},
            )
        return _data(response)

    async def subscribe(self, query: str, **variables: object) -> AsyncGenerator[Json]:
        """The data of each event; closing the generator ends the subscription."""
        async with connect(
            f"ws{self._endpoint.removeprefix('http')}",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            max_size=None,
            proxy=None,
        ) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": self._headers}))
            async for frame in socket:
                message = json.loads(frame)
                match message["type"]:
                    case "connection_ack":
                        payload = {"query": query, "variables": variables}
                        subscribe = {"id": "1", "type": "subscribe", "payload": payload}
                        await socket.send(json.dumps(subscribe))
                    case "next":
                        yield _checked(message["payload"])
                    case "error":
                        raise ApiError(message["payload"][0]["message"])
                    case "ping":
                        await socket.send(json.dumps({"type": "pong"}))
                    case "complete":
                        return

    @property
    def _endpoint(self) -> str:
        return f"{self.url}/graphql"

    @property
    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.access_token}"} if self.access_token else {}


def _data(response: httpx2.Response) -> Json:
    try:
        return _checked(response.json())
    except json.JSONDecodeError:
        raise ApiError(f"HTTP {response.status_code}: {response.text[:200]}") from None


def _checked(result: Json) -> Json:
    if result.get("errors"):
        raise ApiError(result["errors"][0]["message"])
    data: Json = result["data"]
    return data
