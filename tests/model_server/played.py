"""Plays one script as the answer to one request, token by token, in the form of the server's family."""

import json
import time
from typing import Any

from tests.model_server import families
from tests.model_server.chat import Chat
from tests.model_server.counting import pieces_of
from tests.model_server.exchange import Answer
from tests.model_server.script import Nature, Script
from tests.model_server.seen import Seen
from tests.model_server.smallest import smallest

_BROKEN = {
    "json": b'data: {"id": "x", "choices": [{"delta": {"content": "ab\n\n',
    "bytes": b"data: \xff\xfe\x00\x80\n\n",
    "half_line": b'data: {"id"',
    "no_data": b"one two three\n\n",
    "html": b"<!doctype html><h1>502 Bad Gateway</h1>",
    "wrong_shape": b'data: {"choices": "none", "object": 7}\n\n',
}
_FOREVER = 3600.0


class Play:
    """One answer under way."""

    def __init__(self, family: str, nature: Nature, script: Script, chat: Chat, seen: Seen) -> None:
        self._family, self._nature, self._script, self._chat, self._seen = family, nature, script, chat, seen
        self._created = int(time.time())
        self._id = f"chatcmpl-{seen.number}"

    async def into(self, answer: Answer) -> None:
        script = self._script
        first = script.first(self._chat) if callable(script.first) else script.first
        await answer.wait(first)
        if script.status != 200:
            refusal = families.refused(self._family, script.status, script.message)
            headers = {} if script.retry_after is None else {"retry_after": script.retry_after}
            body = json.dumps(refusal.body).encode() if script.body is None else script.body
            return answer.whole(script.status, body, **headers)
        thoughts, tokens, reason = self._said()
        if self._chat.body.stream:
            return await self._stream(answer, thoughts, tokens, reason)
        await answer.wait(script.between * (len(tokens) + len(thoughts)))
        return self._whole(answer, thoughts, tokens, reason)

    def _said(self) -> tuple[list[str], list[str], str]:
        """The pieces of thinking and of the answer within `max_tokens`, and why the answer ends."""
        script, most = self._script, self._chat.most_tokens
        thinking, text = script.thinking, self._text()
        if script.thinks_aloud:
            thinking, text = "", f"<think>{thinking}</think>{text}"
        thoughts, tokens = pieces_of(thinking), pieces_of(text)
        if script.endless:
            return thoughts, tokens, "length"
        reason = "stop"
        if most is not None and len(thoughts) + len(tokens) > most:
            thoughts = thoughts[:most]
            tokens, reason = tokens[: most - len(thoughts)], "length"
        return thoughts, tokens, script.finish or reason

    def _text(self) -> str:
        text = self._script.text
        if callable(text):
            return text(self._chat)
        if text is not None:
            return text
        schema = self._chat.schema if self._nature.constrains else None
        return "Nothing much." if schema is None else json.dumps(smallest(schema), separators=(",", ":"))

    async def _stream(self, answer: Answer, thoughts: list[str], tokens: list[str], reason: str) -> None:
        script, sent = self._script, 0
        answer.begin()
        if self._nature.pings:
            answer.chunk(b": ping\n\n")
        if self._family in {"vllm", "llamacpp", "generic", "sglang"}:
            answer.chunk(self._event(self._choice(families.first(self._family))))
        for thought in thoughts:
            answer.chunk(self._event(self._choice(families.delta(self._family, thought))))
            await answer.wait(script.between)
        before, after = self._around()
        while True:
            for token in tokens:
                if await self._mishap(answer, sent):
                    return
                answer.chunk(before + json.dumps(token).encode() + after)
                sent += 1
                self._seen.sent = sent
                if self._seen.first_at is None:
                    self._seen.first_at = time.perf_counter()
                await answer.wait(script.between)
            if not script.endless:
                break
            await answer.wait(max(script.between, 0.0005))
        if await self._mishap(answer, sent):
            return
        usage = self._usage(len(thoughts) + sent)
        last = self._choice(families.end(self._family), reason)
        answer.chunk(self._event(last | {"choices": [last["choices"][0] | families.last(self._family)]}))
        if usage is not None and self._chat.wants_usage:
            answer.chunk(self._event({"choices": [], **families.counts(self._family, usage)}))
        answer.chunk(b"data: [DONE]\n\n")
        answer.end()

    async def _mishap(self, answer: Answer, sent: int) -> bool:
        """Whether the stream ended here, in one of the ways a script has for it."""
        script = self._script
        if script.cut is not None and sent >= script.cut:
            await answer.wait(0.05)  # so that what was sent arrives before the reset
            answer.cut()
            return True
        if script.unfinished is not None and sent >= script.unfinished:
            answer.end()
            return True
        if script.hang is not None and sent >= script.hang:
            await answer.wait(_FOREVER)
        if script.fail is not None and sent >= script.fail:
            refusal = families.refused(self._family, 500, script.message)
            body = refusal.body if "error" in refusal.body else {"error": refusal.body}
            answer.chunk(b"data: " + json.dumps(body).encode() + b"\n\n")
            if self._family in {"vllm", "sglang"}:
                answer.chunk(b"data: [DONE]\n\n")
            answer.end()
            return True
        if script.broken is not None and sent >= script.broken[1]:
            answer.chunk(_BROKEN[script.broken[0]])
            answer.end()
            return True
        return False

    def _whole(self, answer: Answer, thoughts: list[str], tokens: list[str], reason: str) -> None:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(tokens)}
        if thoughts:
            message |= families.delta(self._family, "".join(thoughts)) | {"content": message["content"]}
            message["role"] = "assistant"
        body = self._frame("chat.completion") | {
            "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}]
        }
        usage = self._usage(len(thoughts) + len(tokens))
        if usage is not None:
            body |= families.counts(self._family, usage)
        self._seen.first_at, self._seen.sent = time.perf_counter(), len(tokens)
        answer.json(200, body)

    def _usage(self, output: int) -> dict[str, Any] | None:
        prompt = self._seen.prompt_tokens
        if self._family == "ollama":
            prompt = min(prompt, self._nature.context)
        match self._nature.usage:
            case "missing":
                return None
            case "tenfold":
                prompt, output = prompt * 10, output * 10
            case "zero":
                prompt, output = 0, 0
            case "negative":
                prompt, output = -prompt, -output
            case "words":
                return {"prompt_tokens": "many", "completion_tokens": None, "total_tokens": "more"}
        return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}

    def _frame(self, kind: str) -> dict[str, Any]:
        found = {"id": self._id, "object": kind, "created": self._created, "model": self._chat.body.model}
        return found | ({"system_fingerprint": "fp_ollama"} if self._family == "ollama" else {})

    def _choice(self, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}

    def _event(self, body: dict[str, Any]) -> bytes:
        whole = self._frame("chat.completion.chunk") | body
        return b"data: " + json.dumps(whole, separators=(",", ":")).encode() + b"\n\n"

    def _around(self) -> tuple[bytes, bytes]:
        """What stands before and after the text of every piece, so that a piece costs one short line of work."""
        mark = "\x00"
        before, _, after = self._event(self._choice(families.content(self._family, mark))).partition(
            json.dumps(mark).encode()
        )
        return before, after
