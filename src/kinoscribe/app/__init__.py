"""Puts the parts together; the only place that picks concrete classes."""

from kinoscribe.app.serving import build_asgi
from kinoscribe.app.tools import build_engines, build_tools
from kinoscribe.app.working import build_retention, build_worker, lacking, presence

__all__ = (
    "build_asgi",
    "build_engines",
    "build_retention",
    "build_tools",
    "build_worker",
    "lacking",
    "presence",
)
