"""The console's app under a scripted client, driven by keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from scripted_client import ScriptedClient
from textual.pilot import Pilot
from textual.widgets import Static

from vla_core.console.app import ConsoleApp

SMALL, LARGE = (80, 24), (130, 40)


class Console:
    """An app, the client under it, and what is on its screen."""

    def __init__(self, pilot: Pilot, client: ScriptedClient) -> None:
        self.pilot, self.client = pilot, client
        self.app: ConsoleApp = pilot.app

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def draw(self) -> None:
        self.app.draw()
        await self.pilot.pause()

    def says(self, panel: str) -> str:
        return str(self.app.query_one(f"#{panel}", Static).content)

    def screen(self) -> str:
        """All characters that are on the terminal."""
        lines = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in lines)


def drive(script: Callable[[Console], Awaitable[None]], size=SMALL, **given) -> ScriptedClient:
    client = ScriptedClient()

    async def run() -> None:
        app = ConsoleApp(client, clock_s=client.clock_s, **given)
        async with app.run_test(size=size) as pilot:
            await script(Console(pilot, client))

    asyncio.run(run())
    return client
