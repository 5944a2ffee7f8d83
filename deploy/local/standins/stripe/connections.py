"""Connections that can be cut: a reply that is lost on the way looks like this to a client."""

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


class Connections:
    """The open connections by the client's address."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}

    def protocol(self) -> type[H11Protocol]:
        """The server's HTTP protocol, with every connection entered here while it lasts."""
        transports = self._transports

        class Entered(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                if self.client is not None:
                    transports[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                if self.client is not None:
                    transports.pop(self.client, None)
                super().connection_lost(exc)

        return Entered

    def cut(self, client: tuple[str, int]) -> None:
        self._transports[client].abort()


class HangUp(Response):
    """No response: the connection is closed instead."""

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._connections.cut(tuple(scope["client"]))
        # The server learns of the cut in its next turn, and then expects no response any more.
        await asyncio.sleep(0)
