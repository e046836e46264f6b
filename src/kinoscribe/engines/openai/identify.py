"""Finds out which server answers at a URL, which models it has and how much they read at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kinoscribe.engines.openai.profiles import ProfileName
from kinoscribe.engines.openai.talk import Talk, Told, Unanswered, number, part, text

# What servers call the length of a model's context, in their lists of models.
_CONTEXT_NAMES = ("max_model_len", "context_length", "context_window", "max_context_length")
_OWNERS: dict[str, ProfileName] = {
    "vllm": "vllm",
    "sglang": "sglang",
    "llamacpp": "llamacpp",
    "library": "ollama",
}
_TITLES = {"vllm": "vLLM", "sglang": "SGLang", "llamacpp": "llama.cpp", "ollama": "Ollama"}


class Unfit(Exception):
    """The server answers, and cannot be used as it is; the message is a whole sentence."""


@dataclass(frozen=True, slots=True)
class Identity:
    """`weights` is what the server says it loaded under the model's name, without a folder."""

    profile: ProfileName
    server: str
    model: str
    weights: str
    context_tokens: int | None


def identify(talk: Talk, model: str, profile: ProfileName | None) -> Identity:
    """`model` may be empty: then it is the only one there is. `profile` of None is found out.

    Raises `Unanswered`, `Unfit` and `Canceled`.
    """
    told = talk.get(f"{talk.url}/models")
    refuse_key(told)
    if told.status == 429 or told.status >= 500:
        raise Unanswered(f"answers with status {told.status}")
    rows = _rows(told.value) if told.well else {}
    kind = profile or _by_owner(rows) or _by_routes(talk)
    name = _named(model, rows, kind)
    row = rows.get(name, {})
    version, context = _aside(talk, kind, name)
    told_context = (number(row.get(key)) for key in _CONTEXT_NAMES)
    return Identity(
        profile=kind,
        server=f"{_TITLES.get(kind, '')} {version}".strip(),
        model=name,
        weights=text(row.get("root")).rstrip("/").rpartition("/")[2]
        if text(row.get("root")).startswith(("/", "."))
        else text(row.get("root")),
        context_tokens=next((length for length in told_context if length), None) or context,
    )


def refuse_key(told: Told) -> None:
    """Raises `Unfit` where the server did not accept the key."""
    if told.status in (401, 403):
        raise Unfit("It wants another API key than it is given.")


def _rows(value: Any) -> dict[str, dict[str, Any]]:
    """The rows of a list of models, by their names."""
    rows = part(value, "data")
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {text(row.get("id")): row for row in found if text(row.get("id"))}


def _by_owner(rows: dict[str, dict[str, Any]]) -> ProfileName | None:
    owners = {_OWNERS.get(text(row.get("owned_by"))) for row in rows.values()}
    return owners.pop() if len(owners) == 1 else None


def _by_routes(talk: Talk) -> ProfileName:
    """By the addresses that only one kind of server has."""
    if text(part(_value(talk, "/props"), "build_info")):
        return "llamacpp"
    if text(part(_value(talk, "/api/version"), "version")):
        return "ollama"
    if part(_value(talk, "/get_model_info"), "model_path"):
        return "sglang"
    if text(part(_value(talk, "/version"), "version")):
        return "vllm"
    return "generic"


def _named(model: str, rows: dict[str, dict[str, Any]], kind: ProfileName) -> str:
    """The model's name as the server has it. Raises `Unfit` where it has none of the name."""
    names = tuple(rows)
    if not model:
        if len(names) == 1:
            return names[0]
        raise Unfit(f"It has {_listed(names)}: the settings must name the one to use.")
    if not names or model in rows:
        return model
    if f"{model}:latest" in rows:
        return f"{model}:latest"
    if kind == "llamacpp" and len(names) == 1:  # it answers with the one it has, whatever it is called
        return model
    raise Unfit(f"It has no model {model!r}; it has {_listed(names)}.")


def _listed(names: tuple[str, ...]) -> str:
    if not names:
        return "no model"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"


def _aside(talk: Talk, kind: ProfileName, model: str) -> tuple[str, int | None]:
    """The version and the context that a server tells of outside of the protocol."""
    match kind:
        case "vllm":
            return text(part(_value(talk, "/version"), "version")), None
        case "sglang":
            told = _value(talk, "/server_info") or _value(talk, "/get_server_info")  # the older name
            return text(part(told, "version")), number(part(told, "context_length"))
        case "llamacpp":
            told = _value(talk, "/props")
            context = number(part(told, "default_generation_settings", "n_ctx"))
            return text(part(told, "build_info")), context
        case "ollama":
            return text(part(_value(talk, "/api/version"), "version")), loaded_context(talk, model)
    return "", None


def loaded_context(talk: Talk, model: str) -> int | None:
    """What Ollama really reads at once; it tells so of models that are loaded only."""
    rows = part(_value(talk, "/api/ps"), "models")
    return next(_contexts(rows if isinstance(rows, list) else [], model), None)


def _contexts(rows: list[Any], model: str) -> Iterator[int]:
    for row in rows:
        length = number(part(row, "context_length"))
        if part(row, "name") in (model, f"{model}:latest") and length:
            yield length


def _value(talk: Talk, path: str) -> Any:
    """What an address says as JSON; None where nothing does. Raises `Canceled`."""
    try:
        told = talk.get(talk.root + path)
    except Unanswered:
        return None
    return told.value if told.well else None
