"""Asks the model servers that an operator named what they can, and turns that into findings of `kinoscribe doctor`."""

from collections.abc import Iterator, Mapping
from contextlib import closing

from kinoscribe.cancel import Cancel
from kinoscribe.cli.machine import Finding
from kinoscribe.engines.making import probers
from kinoscribe.engines.openai.abilities import Abilities
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.prober import Prober
from kinoscribe.settings import Settings

# A window of a video with its evidence and an answer needs some thousands of tokens.
_ENOUGH_TOKENS = 16_384


def model_servers(settings: Settings) -> Iterator[Finding]:
    """What is found of every server that can be asked; a minute or two where models are slow.

    Raises `EnginesInvalid`.
    """
    for name, prober in probers(settings).items():
        with closing(prober):
            yield from _engine(f"Engine {name}", prober)


def _engine(what: str, prober: Prober) -> Iterator[Finding]:
    each = prober.look(Cancel())
    faults = [server for server in prober.servers if server.fault]
    others = len(prober.servers) - len(faults)
    for server in faults:
        yield Finding(
            "slow" if others else "lacks",
            what,
            f"{server.url}: {server.fault}",
            "Start it, or correct its settings.",
        )
    for found in each.values():
        where = f"{found.url}: " if len(prober.servers) > 1 else ""
        yield from _abilities(what, where, found, prober.config_of(found.url))
    if len(each) > 1:
        yield _together(what, each, prober.config)


def _together(what: str, each: Mapping[int, Abilities], config: OpenAIConfig) -> Finding:
    """What a question may hold that any of the servers may be asked."""
    told = (
        f"Whichever of the {len(each)} is asked, a question and its answer may have {config.context:,} tokens"
    )
    if config.sees:
        told += f" and {config.sight.most} pictures"
    blind = sum(one.sees is False for one in each.values())
    if config.sees and blind:
        told += f"; those that look at none ({blind}) are asked last"
    return Finding("ok", what, f"{told}.")


def _abilities(what: str, where: str, found: Abilities, config: OpenAIConfig) -> Iterator[Finding]:
    server = found.server or "A server of a kind that is not known"
    told = f"{where}{server} answers with {found.model or config.model}, profile {config.profile}."
    yield Finding("ok", what, told)
    yield _context(what, found, config)
    yield _pictures(what, found, config)
    yield from _answers(what, found)
    for remark in found.remarks:
        yield Finding("slow", what, remark)


def _context(what: str, found: Abilities, config: OpenAIConfig) -> Finding:
    told = f"A question and its answer may have {config.context:,} tokens."
    if found.context_tokens is None:
        told += " The server does not tell; that is the profile's guess."
        return Finding(
            "slow", what, told, "Set KINOSCRIBE_ENGINE_CONTEXT to what the server was started with."
        )
    if config.context < _ENOUGH_TOKENS:
        advice = f"A context of {_ENOUGH_TOKENS:,} tokens or more lets long videos do with fewer windows."
        return Finding("slow", what, told, advice)
    return Finding("ok", what, told)


def _pictures(what: str, found: Abilities, config: OpenAIConfig) -> Finding:
    if not config.sees:
        advice = "Answers are made from speech, screen text and tags. A model with eyes sees more: docs/engines.md."
        return Finding("slow", what, "It looks at no pictures.", advice)
    if found.sees is None:
        return Finding("slow", what, "Whether it looks at pictures could not be told.")
    costs = ", ".join(f"{cost.width}x{cost.height}: {cost.tokens}" for cost in found.pictures)
    told = f"It looks at pictures, for so many tokens: {costs}."
    if found.most_pictures is not None:
        advice = "vLLM: --limit-mm-per-prompt" if found.profile == "vllm" else ""
        return Finding("slow", what, f"{told} It takes at most {found.most_pictures} at once.", advice)
    return Finding("ok", what, told)


def _answers(what: str, found: Abilities) -> Iterator[Finding]:
    match found.constrained:
        case True:
            yield Finding("ok", what, "It keeps to a JSON schema.")
        case False:
            advice = "Answers are checked and mended all the same; some will fail."
            yield Finding("slow", what, "It does not keep to a JSON schema.", advice)
        case None:
            yield Finding("slow", what, "Whether it keeps to a JSON schema could not be told.")
    if found.usage_streamed is False:
        yield Finding("slow", what, "It counts no tokens when it streams: they are estimated.")
