"""Asks a model server small questions and turns its answers into what it truly can.

Servers drop what they do not know without a word, so nothing is believed that can be seen: pictures are counted by
the tokens they cost, and a schema by an answer that no model gives unless it is held to it.
"""

import re
from dataclasses import replace
from typing import Any

from kinoscribe import clock
from kinoscribe.cancel import Cancel
from kinoscribe.engines.openai.abilities import LEAST_PICTURE, Abilities, PictureCost
from kinoscribe.engines.openai.chat_request import wanted
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.identify import Unfit, identify, loaded_context, refuse_key
from kinoscribe.engines.openai.profiles import ProfileName
from kinoscribe.engines.openai.refusals import read_refusal
from kinoscribe.engines.openai.schema import response_format
from kinoscribe.engines.openai.small_picture import data_url
from kinoscribe.engines.openai.stream import Heard, ToldError, Unreadable, events, hear, is_done
from kinoscribe.engines.openai.talk import Talk, Told, Unanswered

_FEW_TOKENS = 16
_JSON_TOKENS = 64
_WORD = "quartz-9417"
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"word": {"const": _WORD}},
    "required": ["word"],
    "additionalProperties": False,
}
_TINY = (56, 56)
_SMALL = (224, 224)
# So many pictures are asked about at once: many, where a tiny one costs little.
_MANY, _FEW = 64, 4
_CHEAP = 32
# What says that a server is there, and has too much to do.
BUSY = (429, 503, 529)
_MUTE = "It lists its models, and answers no question."
_MOST_TOLD = re.compile(rb"[Aa]t most (\d{1,5}) image")


def meet(config: OpenAIConfig, url: str, cancel: Cancel, *, pinned: bool) -> Abilities:
    """What a server says of itself; asks nothing of the model.

    Raises `Unanswered`, `Unfit` and `Canceled`.
    """
    talk = Talk(url, config.api_key, cancel)
    try:
        met = identify(talk, config.model, config.profile if pinned else None)
    finally:
        talk.close()
    return Abilities(
        url=url,
        profile=met.profile,
        server=met.server,
        model=met.model,
        weights=met.weights,
        context_tokens=met.context_tokens,
    )


def examine(config: OpenAIConfig, met: Abilities, cancel: Cancel) -> Abilities:
    """What the model behind a server that was met does with pictures, schemas and streams: some ten short requests.

    What cannot be told stays None, and a remark says why; `looked_at` does where the server was too busy to be
    examined. Raises `Unfit` where nothing can be asked, and `Canceled`.
    """
    talk = Talk(met.url, config.api_key, cancel)
    found = replace(met, looked_at=clock.now())
    try:
        model = _Model(talk, found.model)
        first = _first(model)
        _refuse(first)
        if first.status in BUSY:
            raise Unanswered(f"answered with status {first.status}")
        found = _pictures(config, model, found, first)
        found = _schema(model, found)
        if found.profile == "ollama":  # it has loaded the model by now
            found = replace(found, context_tokens=loaded_context(talk, found.model) or found.context_tokens)
    except Unanswered as error:
        remark = f"It {error} while it was examined."
        found = replace(found, looked_at=None, remarks=(*found.remarks, remark))
    finally:
        talk.close()
    return found


def listen(config: OpenAIConfig, met: Abilities, cancel: Cancel) -> str:
    """Why no question to the model behind a server that was met is answered; empty where a short one is, or it is busy.

    Raises `Canceled`.
    """
    talk = Talk(met.url, config.api_key, cancel)
    try:
        told = _Model(talk, met.model).ask(
            *((data_url(*_TINY),) if met.sees and config.sees else ()), stream=True
        )
        _refuse(told)
    except Unanswered as error:
        return f"{_MUTE} It {error}."
    except Unfit as error:
        return str(error)
    finally:
        talk.close()
    return f"{_MUTE} What it says cannot be read." if told.well and not _heard(told) else ""


class _Model:
    """Short questions to one model."""

    def __init__(self, talk: Talk, name: str) -> None:
        self._talk = talk
        self._name = name
        self._unwanted: set[str] = set()

    def ask(self, *pictures: str, stream: bool = False) -> Told:
        shown = [{"type": "image_url", "image_url": {"url": picture}} for picture in pictures]
        streamed = {"stream": True} if stream else {}
        body = self._body([*shown, _text("Say yes.")])
        return self._chat({**body, "max_tokens": _FEW_TOKENS, **streamed})

    def ask_for_json(self, profile: ProfileName) -> Told:
        words = "Tell me, in one sentence, what the weather is like on the Moon."
        return self._chat(
            {
                **self._body([_text(words)]),
                "max_tokens": _JSON_TOKENS,
                "stream": True,
                "stream_options": {"include_usage": True},
                "response_format": response_format(_SCHEMA),
            }
        )

    def _chat(self, body: dict[str, Any]) -> Told:
        """The answer, in words that the server takes: it may have refused others."""
        while True:
            told = self._talk.chat(wanted(body, self._unwanted))
            unwanted = None if told.well else read_refusal(told.status, told.body, None).unwanted
            if unwanted is None or unwanted in self._unwanted:
                return told
            self._unwanted.add(unwanted)

    def _body(self, content: list[dict[str, Any]]) -> dict[str, Any]:
        messages = [{"role": "user", "content": content}]
        return {"model": self._name, "messages": messages, "temperature": 0}


def _text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def _first(model: _Model) -> Told:
    """The answer to a first question. Raises `Unfit` where the server broke it off, and `Unanswered`."""
    try:
        return model.ask()
    except Unanswered as error:
        if error.late:
            raise
        raise Unfit(f"{_MUTE} It {error}.") from error


def _refuse(first: Told) -> None:
    """Raises `Unfit` for an answer that every question would get."""
    refuse_key(first)
    if first.status in (404, 405) or 300 <= first.status < 400:
        raise Unfit("There is nobody to chat with at its address, or the model is not there.")
    if first.status >= 500 and first.status not in BUSY:
        raise Unfit(f"{_MUTE} It answers with status {first.status}.")


def _pictures(config: OpenAIConfig, model: _Model, found: Abilities, first: Told) -> Abilities:
    if not config.sees:
        return replace(found, sees=False)
    bare = _prompt_tokens(first)
    if bare is None:
        reason = (
            "counts no tokens" if first.well else f"answered the first question with status {first.status}"
        )
        return _remarked(found, f"It {reason}: what pictures cost could not be told.")
    costs: list[PictureCost] = []
    side = config.max_side
    for width, height in (_TINY, _SMALL, (side, max(1, side * 9 // 16))):
        told = model.ask(data_url(width, height))
        tokens = _prompt_tokens(told)
        if not told.well and not costs:
            return _remarked(replace(found, sees=False), f"It refuses pictures, with status {told.status}.")
        if tokens is None:
            return _remarked(found, "It does not count the tokens of a request with a picture.")
        costs.append(PictureCost(width, height, tokens - bare))
    if costs[1].tokens < LEAST_PICTURE:
        return _remarked(
            replace(found, sees=False, pictures=tuple(costs)), "It takes pictures and does not look at them."
        )
    return _many(model, replace(found, sees=True, pictures=tuple(costs)), bare)


def _many(model: _Model, found: Abilities, bare: int) -> Abilities:
    """Whether many pictures cost as much as they should; else how many are looked at."""
    one = max(1, found.pictures[0].tokens)
    count = _MANY if one <= _CHEAP else _FEW
    while count > 1:
        told = model.ask(*(data_url(*_TINY, seed) for seed in range(1, count + 1)))
        tokens = _prompt_tokens(told)
        if told.well and tokens is None:
            return found
        if told.well and tokens is not None:
            looked_at = round((tokens - bare) / one)
            if looked_at >= count * 0.75:
                return found if count in (_MANY, _FEW) else replace(found, most_pictures=count)
            return _remarked(
                replace(found, most_pictures=max(1, looked_at)),
                f"Of {count} pictures it looks at {looked_at}.",
            )
        most = _MOST_TOLD.search(told.body)
        if most is not None and 0 < int(most[1]) < count:
            return replace(found, most_pictures=int(most[1]))
        count //= 2
    return replace(found, most_pictures=1)


def _schema(model: _Model, found: Abilities) -> Abilities:
    told = model.ask_for_json(found.profile)
    if not told.well:
        remark = f"It refuses a stream under a JSON schema, with status {told.status}."
        return _remarked(replace(found, constrained=False), remark)
    heard = _heard(told)
    if heard is None:
        return _remarked(found, "What it streams cannot be read.")
    said = "".join(one.text for one in heard)
    counted = any(one.output_tokens is not None for one in heard)
    return replace(found, constrained=_is_held(said), usage_streamed=counted)


def _is_held(said: str) -> bool | None:
    """Whether a text was forced into the schema, also where it was cut; None for no text at all."""
    bare = "".join(said.split())
    if not bare:
        return None
    return f'{{"word":"{_WORD}"}}'.startswith(bare)


def _heard(told: Told) -> list[Heard] | None:
    try:
        if "event-stream" not in told.headers.get("content-type", ""):
            return [hear(told.body)]
        return [hear(event) for event in events([told.body]) if not is_done(event)]
    except (Unreadable, ToldError):
        return None


def _prompt_tokens(told: Told) -> int | None:
    if not told.well:
        return None
    try:
        return hear(told.body).input_tokens
    except (Unreadable, ToldError):
        return None


def _remarked(found: Abilities, remark: str) -> Abilities:
    return replace(found, remarks=(*found.remarks, remark))
