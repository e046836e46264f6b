"""Says whether the server lives, whether it is ready to answer, and which model truly answers."""

from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kinoscribe import __version__
from kinoscribe.api.door import Call, House
from kinoscribe.contract.errors import DatabaseUnavailable
from kinoscribe.engines.chosen import Chosen
from kinoscribe.engines.engine import Engine
from kinoscribe.storage.task_rows import Backlog


async def healthz(_request: Request) -> Response:
    """`GET /healthz`: the process answers. Asks nothing of anybody."""
    return JSONResponse({"status": "ok", "version": __version__})


async def readyz(_request: Request, house: House) -> Response:
    """`GET /readyz`: 200 when an analysis and a task can be done now, else 503 and what is missing."""
    missing = await to_thread.run_sync(lambda: _missing(house), limiter=house.small)
    status = "not ready" if missing else "ready"
    return JSONResponse({"status": status, "missing": missing}, status_code=503 if missing else 200)


def _missing(house: House) -> list[str]:
    tools = house.tools
    state = tools.engines.state()
    found = [] if state.ready else [state.reason]
    try:
        found += tools.gatherer.missing()
        found += house.keys.missing()
        found += _workers_lack([worker.missing for worker in tools.processes.live("worker")])
        found += _queue_lacks(tools.tasks.backlog(), tools.settings.queue_most)
    except DatabaseUnavailable as error:
        found.append(error.message)
    return list(dict.fromkeys(found))


def _workers_lack(workers: list[tuple[str, ...]]) -> list[str]:
    """One worker that lacks nothing is enough; else the one that lacks least says what it lacks."""
    if not workers:
        return [
            "No worker is seen: tasks and the evidence of new videos wait. Start one with `kinoscribe work`."
        ]
    return list(sorted(workers, key=len)[0])


def _queue_lacks(backlog: Backlog, most: int) -> list[str]:
    if backlog.waiting + backlog.running < most:
        return []
    return [f"The queue is full: {most} tasks wait or run, and no more are taken in until some have ended."]


async def models(call: Call) -> Response:
    """`GET /models`: the names clients may send, and what truly answers to each of them here and now."""
    engines = call.house.tools.engines

    def told() -> dict[str, Any]:
        rows = [_model(name, chosen, engines.of(name)) for name, chosen in engines.models.items()]
        return {"engine": _engine(engines.default), "data": rows}

    return JSONResponse(await to_thread.run_sync(told, limiter=call.house.small))


def _model(name: str, chosen: Chosen, engine: Engine) -> dict[str, Any]:
    state = engine.state()
    return {
        "model_name": name,
        "rules": chosen.rules,
        "answered_by": engine.model,
        "ready": state.ready,
        **({} if state.ready else {"reason": state.reason}),
        "engine": _engine(engine),
        "engines": [one.name for one in chosen.engines],
    }


def _engine(engine: Engine) -> dict[str, Any]:
    about = engine.state().about
    return {
        "name": engine.name,
        "model": engine.model,
        "version": engine.version,
        "context_tokens": engine.context_tokens,
        "sees_video": engine.sight is not None and engine.sight.most > 0,
        **({"server": dict(about)} if about else {}),
    }
