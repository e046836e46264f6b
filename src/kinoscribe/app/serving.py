"""Makes the application that answers HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinoscribe.analysis.tools import Tools
from kinoscribe.app.working import asset_queue, build_erasing, build_retention, intake_of
from kinoscribe.storage.api_key_rows import pepper_of
from kinoscribe.storage.store import is_shared
from kinoscribe.tasks.sweeper import Sweeper
from kinoscribe.tasks.worker import new_owner

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def build_asgi(tools: Tools) -> ASGIApp:
    """The server's application. The tools are closed when it shuts down.

    The web framework is imported here: a command that serves nothing need not wait for it.
    """
    from anyio import CapacityLimiter, to_thread

    from kinoscribe.api.application import make_application
    from kinoscribe.api.auth import Keys
    from kinoscribe.api.chunk_urls import ChunkUrls
    from kinoscribe.api.door import READERS, House
    from kinoscribe.api.first_look import FirstLook
    from kinoscribe.api.places import Slots
    from kinoscribe.api.rate_limit import RateLimits
    from kinoscribe.api.thumbnail_urls import ThumbnailUrls

    settings = tools.settings
    intake = intake_of(tools, tools.gatherer.start)
    first_look = FirstLook(intake, asset_queue(tools), new_owner(), tools.wake.ring)
    house = House(
        tools=tools,
        keys=Keys(tools.api_keys),
        first_look=first_look,
        slots=Slots(settings.sync_slots),
        thumbnail_urls=ThumbnailUrls(pepper_of(tools.folder.path)),
        chunk_urls=ChunkUrls(pepper_of(tools.folder.path), settings.upload_url_seconds),
        bodies=Slots(settings.large_bodies, "large bodies"),
        analyses=CapacityLimiter(settings.sync_slots + READERS),
        limits=RateLimits(tools.rates),
    )

    sweepers = (Sweeper(build_retention(tools).run), build_erasing(tools))

    async def start() -> None:
        """Nothing waits for the server: what an earlier one left undone is the workers'."""
        if is_shared(settings):  # what this machine has copies of, no worker may see
            for sweeper in sweepers:
                sweeper.start()

    async def stop() -> None:
        for sweeper in sweepers:
            await to_thread.run_sync(sweeper.stop)
        await to_thread.run_sync(first_look.close)
        await to_thread.run_sync(tools.close)

    return make_application(house, start, stop)
