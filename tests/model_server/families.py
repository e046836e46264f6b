"""How the servers that people run differ on the wire: rows of one table, from their documentation and their users' reports."""

from dataclasses import dataclass
from typing import Any

from tests.model_server.chat import Chat
from tests.model_server.script import Nature

ADDED: dict[str, frozenset[str]] = {
    "vllm": frozenset(
        {
            "cache_salt",
            "priority",
            "chat_template_kwargs",
            "mm_processor_kwargs",
            "media_io_kwargs",
            "repetition_penalty",
        }
    ),
    "sglang": frozenset(
        {"cache_salt", "priority", "chat_template_kwargs", "repetition_penalty", "separate_reasoning"}
    ),
    "llamacpp": frozenset(
        {"cache_prompt", "id_slot", "timings_per_token", "reasoning_format", "chat_template_kwargs"}
    ),
    "ollama": frozenset({"keep_alive"}),
    "generic": frozenset(),
}
"""Top-level fields beyond OpenAI's that mean something there. The rest is dropped quietly, except by `generic`."""

NAMES = tuple(ADDED)


@dataclass(frozen=True)
class Refusal:
    """An answer that is an error."""

    status: int
    body: Any


def refused(family: str, status: int, message: str, kind: str = "") -> Refusal:
    """An error body in the form of the family."""
    match family:
        case "sglang":  # flat, without an outer "error"
            kind = kind or ("BadRequestError" if status == 400 else "InternalServerError")
            return Refusal(
                status, {"object": "error", "message": message, "type": kind, "param": None, "code": status}
            )
        case "llamacpp":
            kind = kind or {400: "invalid_request_error", 503: "unavailable_error"}.get(
                status, "server_error"
            )
            return Refusal(status, {"error": {"code": status, "message": message, "type": kind}})
        case "ollama":  # the code is null even for a status that has a name
            kind = kind or ("invalid_request_error" if status == 400 else "api_error")
            return Refusal(status, {"error": {"message": message, "type": kind, "param": None, "code": None}})
        case "vllm":
            kind = kind or ("BadRequestError" if status == 400 else "InternalServerError")
            return Refusal(
                status, {"error": {"message": message, "type": kind, "param": None, "code": status}}
            )
    kind = kind or ("invalid_request_error" if status == 400 else "server_error")
    return Refusal(status, {"error": {"message": message, "type": kind, "param": None, "code": None}})


def too_long(family: str, nature: Nature, prompt: int, most: int | None) -> Refusal | None:
    """What is said where prompt and answer do not fit the context; None where they do, or are cut quietly."""
    context = nature.context
    match family:
        case "vllm":
            if prompt + (most or 1) <= context:
                return None
            return refused(
                family,
                400,
                f"You passed {prompt} input tokens and requested {most or 1} output tokens. However, the model's "
                f"context length is only {context} tokens, resulting in a maximum input length of "
                f"{max(0, context - (most or 1))} tokens. Please reduce the length of the input prompt. "
                f"(parameter=input_tokens, value={prompt})",
            )
        case "sglang":
            if prompt < context:
                if prompt + (most or 1) <= context:
                    return None
                return refused(
                    family,
                    400,
                    f"Requested token count exceeds the model's maximum context length of {context} tokens. You "
                    f"requested a total of {prompt + (most or 1)} tokens: {prompt} tokens from the input messages and "
                    f"{most or 1} tokens for the completion.",
                )
            return refused(
                family,
                400,
                f"The input ({prompt} tokens) is longer than the model's context length ({context} tokens).",
            )
        case "llamacpp":  # only the prompt counts; an answer that runs into the end is cut
            if prompt < context:
                return None
            body = refused(
                family,
                400,
                f"request ({prompt} tokens) exceeds the available context size ({context} tokens), try increasing it",
                "exceed_context_size_error",
            )
            body.body["error"] |= {"n_prompt_tokens": prompt, "n_ctx": context}
            return body
        case "ollama":  # the oldest part of the prompt is dropped without a word
            return None
    if prompt + (most or 1) <= context:
        return None
    refusal = refused(
        family,
        400,
        f"This model's maximum context length is {context} tokens. However, you requested {prompt + (most or 1)} "
        f"tokens ({prompt} in the messages, {most or 1} in the completion).",
    )
    refusal.body["error"]["code"] = "context_length_exceeded"
    return refusal


def blind(family: str) -> Refusal:
    """What a server without eyes says to pictures."""
    match family:
        case "llamacpp":
            return refused(
                family,
                500,
                "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
            )
        case "ollama":
            return refused(family, 500, "this model is missing data required for image input")
        case "sglang":
            return refused(family, 400, "The model does not support image input.")
        case "vllm":
            return refused(family, 400, "At most 0 image(s) may be provided in one prompt.")
    return refused(family, 400, "Invalid content type. image_url is only supported by certain models.")


def models(family: str, nature: Nature) -> Any:
    """The body of `GET /v1/models`."""
    found = []
    for name in nature.models:
        one: dict[str, Any] = {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": family}
        match family:
            case "vllm":
                one |= {"root": name, "parent": None, "permission": []}
                if nature.tells_context:
                    one["max_model_len"] = nature.context
            case "sglang":
                one |= {"root": name}
                if nature.tells_context:
                    one["max_model_len"] = nature.context
            case "llamacpp":
                one |= {
                    "owned_by": "llamacpp",
                    "meta": {"n_ctx_train": 131_072, "n_embd": 128, "n_params": 1_000_000},
                }
            case "ollama":
                one |= {"owned_by": "library"}
        found.append(one)
    body: dict[str, Any] = {"object": "list", "data": found}
    if family == "llamacpp":
        kinds = ["completion", *(["multimodal"] if nature.sees else [])]
        body["models"] = [
            {"name": name, "model": name, "capabilities": kinds, "details": {"format": "gguf"}}
            for name in nature.models
        ]
    return body


def aside(family: str, nature: Nature, method: str, path: str) -> Any | None:
    """The body of an address that only this family has; None where there is none."""
    name = nature.models[0] if nature.models else ""
    match family, method, path:
        case "llamacpp", "GET", "/props" | "/v1/props":
            return {
                "default_generation_settings": {"n_ctx": nature.context, "params": {}},
                "total_slots": 1,
                "model_path": f"{name}.gguf",
                "modalities": {"vision": nature.sees, "audio": False},
                "build_info": "b1-scripted",
            }
        case "llamacpp", "GET", "/health" | "/v1/health":
            return {"status": "ok"}
        case "sglang", "GET", "/get_model_info" | "/model_info":
            return {
                "model_path": name,
                "tokenizer_path": name,
                "is_generation": True,
                "has_image_understanding": nature.sees,
            }
        case "sglang", "GET", other if other == ("/get_server_info" if nature.older else "/server_info"):
            return {"context_length": nature.context, "served_model_name": name, "version": "0.5-scripted"}
        case "ollama", "GET", "/api/version":
            return {"version": "0.12-scripted"}
        case "ollama", "GET", "/api/tags":
            return {"models": [{"name": one, "model": one} for one in nature.models]}
        case "ollama", "GET", "/api/ps":
            return {
                "models": [
                    {"name": one, "model": one, "context_length": nature.context} for one in nature.models
                ]
            }
        case "ollama", "POST", "/api/show":
            return {
                "details": {"family": "scripted", "parameter_size": "1M"},
                "model_info": {"general.architecture": "scripted", "scripted.context_length": 131_072},
                "capabilities": ["completion", *(["vision"] if nature.sees else [])],
            }
        case "vllm", "GET", "/version":
            return {"version": "0.32-scripted"}
    return None


def delta(family: str, thinking: str) -> dict[str, Any]:
    """A piece of thinking in the field that the family has for it."""
    match family:
        case "ollama":
            return {"role": "assistant", "content": "", "reasoning": thinking}
        case "vllm":
            return {"reasoning": thinking, "reasoning_content": thinking}
        case "sglang":
            return {"role": None, "content": None, "reasoning_content": thinking}
    return {"reasoning_content": thinking}


def content(family: str, text: str) -> dict[str, Any]:
    """A piece of text as the family streams it."""
    match family:
        case "ollama":
            return {"role": "assistant", "content": text}
        case "sglang":
            return {"role": None, "content": text, "reasoning_content": None, "tool_calls": None}
    return {"content": text}


def first(family: str) -> dict[str, Any]:
    """The piece that only tells who speaks."""
    return {"role": "assistant", "content": None if family == "llamacpp" else ""}


def end(family: str) -> dict[str, Any]:
    """The piece that only tells that the text is over."""
    return {} if family == "llamacpp" else content(family, "")


def last(family: str) -> dict[str, Any]:
    """What stands beside the reason in the last piece of text."""
    match family:
        case "sglang":
            return {"matched_stop": 151_645}
        case "vllm":
            return {"stop_reason": None}
    return {}


def counts(family: str, usage: dict[str, Any]) -> dict[str, Any]:
    """The counts, and what stands beside them."""
    if family == "llamacpp":
        timings = {
            "prompt_n": usage.get("prompt_tokens", 0),
            "predicted_n": usage.get("completion_tokens", 0),
        }
        return {"usage": usage, "timings": timings}
    return {"usage": usage}


def unknown_fields(family: str, chat: Chat) -> list[str]:
    """The fields beyond OpenAI's that a server strict about them would refuse; the others drop them quietly."""
    every = frozenset().union(*ADDED.values())
    return sorted(name for name in chat.raw if name in every and name not in ADDED[family])
