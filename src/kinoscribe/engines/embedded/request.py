"""Reads a prompt: what is asked for, part by part, and in which form."""

import re
from dataclasses import dataclass

from kinoscribe.engines.embedded.numbers import numbers
from kinoscribe.engines.embedded.rules import Rules
from kinoscribe.engines.embedded.words import sentences, tokens

_LONGEST = 12_000
_MOST_PARTS = 40

_INTENTS = Rules("request")
_ARTEFACTS = (
    "title",
    "summary",
    "hashtags",
    "keywords",
    "chapters",
    "highlights",
    "points",
    "quotes",
    "transcript",
    "screen_text",
    "genre",
    "mood",
)
_FORM_ONLY = re.compile(
    r"^(?:please )?(?:answer|reply|respond|use|write|keep|be|format|return|output"
    r"|do not|don't|make sure|only|no|each|limit|start|end|avoid|put"
    r"|include (?:the )?(?:time|start)|give (?:only|just|the (?:start|end|time)"
    r"|(?:start|end) times?|times?\b|each)|without|separate|the answer"
    r"|your (?:answer|response)|formatting|style|tone|if (?:nothing|there|you|it"
    r"|no))\b"
)
_ORDER_HEAD = re.compile(
    r"^(?:please )?(?:answer|reply|respond)[^:?]{0,60}:\s*(?=\S)"
    r"|^(?:please |can you |could you |i (?:want|would like) to know "
    r"|do you know )*(?:explain|tell me|say|know)? ?(?:to me )?"
    r"(?=(?:why|how many|how much|how long|who|where|when|which)\b)",
    re.I,
)
_KEYS = re.compile(
    r"\b(?:keys?|fields?|properties|attributes)\b[^\"'`\n]{0,30}((?:[\"'`][\w -]{1,40}[\"'`][,\s]*(?:and\s+)?)+)",
    re.I,
)
_LABELLED = re.compile(
    r"^\s*(?:[-*•]\s*|\(?\d{1,2}[.):]\s+|\(?[a-z][.)]\s+)?(?:\"?([A-Za-z][\w /-]{0,38}?)\"?\s*[:=]\s+)?(\S.*)$"
)
_LISTED = re.compile(
    r"^\s*(?:[-*•]\s+|\(?\d{1,2}[.)]\s+|\(?[a-z][.)]\s+|\"?[A-Za-z][\w /-]{0,38}\"?\s*:\s+\S)"
)
# `Describe this video: what is seen, what is said, and when?` lists what one description shall hold.
_ONE_DESCRIPTION = re.compile(
    r"^(?:please |can you |could you )*(?:describe|summari[sz]e)\b[^?]*[:,(–-]", re.I
)
_INLINE_NUMBERS = re.compile(r"(?:(?<=\s)|^)\(?([1-9])[.)]\s+")


@dataclass(frozen=True, slots=True)
class Part:
    """One thing a prompt asks for. `intent` is `question` when it is an ordinary question."""

    intent: str
    text: str
    label: str = ""
    count: int | None = None


def read_parts(prompt: str) -> list[Part]:
    """What a prompt asks for, in order; at least one part."""
    text = prompt.strip()
    if len(text) > _LONGEST:
        text = text[: _LONGEST // 2] + "\n" + text[-_LONGEST // 2 :]
    found = _from_list(text) or _from_keys(text)
    if not found:
        found = _from_sentences(text)
    return found[:_MOST_PARTS] or [Part("summary", text)]


def intent_of(text: str) -> str:
    """What one sentence asks for."""
    low = " ".join(text.lower().replace("’", "'").split())
    return _INTENTS.first(low) or "question"


def _from_list(text: str) -> list[Part]:
    """The parts of a prompt that lists them line by line, or `1) ... 2) ...` in one line."""
    lines = [line for line in text.splitlines() if line.strip()]
    listed = [line for line in lines if _LISTED.match(line)]
    if len(lines) < 2 or len(listed) < 2:
        pieces = _INLINE_NUMBERS.split(text)
        if len(pieces) < 5 or pieces[1] != "1":
            return []
        listed = [piece for piece in pieces[2::2] if piece.strip()]
    found = []
    for line in listed:
        match = _LABELLED.match(line.strip())
        if match is None:
            continue
        label, body = match.group(1) or "", match.group(2).strip()
        found.append(_labelled(label, body))
    return found


def _from_keys(text: str) -> list[Part]:
    """The parts of `JSON with the keys "title" and "summary"`."""
    keys = _KEYS.search(text)
    names = (
        re.findall(r"[\"'`]([\w -]{1,40})[\"'`]", keys.group(1)) if keys and "json" in text.lower() else []
    )
    return [_labelled(name, "") for name in names]


def _labelled(label: str, body: str) -> Part:
    """A line such as `Title: ...` or `q1: Who speaks?`; a body in brackets only says what is wanted."""
    if not body:
        by_label = intent_of(label)
        return Part(by_label, label if by_label != "question" else f"What is the {label.lower()}?", label)
    plain = body.strip(" .<>[](){}\"'…")
    intent = intent_of(plain) if plain else "question"
    if label and ((intent == "question" and not plain.endswith("?") and len(plain.split()) < 6) or not plain):
        by_label = intent_of(label)
        if by_label != "question":
            return Part(by_label, f"{label} {plain}".strip(), label, count_in(plain))
        plain = f"{label} {plain}".strip()
    return Part(intent, plain or label, label, count_in(plain))


def _from_sentences(text: str) -> list[Part]:
    found: list[Part] = []
    for stated in _statements(text):
        sentence = _ORDER_HEAD.sub("", stated)
        low = sentence.lower()
        intent = intent_of(sentence)
        if (
            intent == "question"
            and found
            and not sentence.rstrip().endswith("?")
            and (_FORM_ONLY.match(low) or not _asks(low))
        ):
            continue
        if found and _FORM_ONLY.match(low) and not sentence.rstrip().endswith("?"):
            continue
        found += (
            _several(sentence) or _asked_apart(sentence) or [Part(intent, sentence, "", count_in(sentence))]
        )
    found = [one for part in found for one in _expanded(part)]
    if len(found) > 1:
        asking = [p for p in found if p.intent != "question" or _asks(p.text.lower())]
        found = asking or found
    return found


def _expanded(part: Part) -> list[Part]:
    if part.intent != "title_summary":
        return [part]
    return [Part("title", part.text, "Title"), Part("summary", part.text, "Summary")]


def _statements(text: str) -> list[str]:
    found: list[str] = []
    for line in text.splitlines():
        found += sentences(line)
    return [s for s in found if any(c.isalnum() for c in s)][:200]


def _asks(low: str) -> bool:
    return low.rstrip().endswith("?") or bool(
        re.match(
            r"^(?:please |and |also |then |now |can you |could you |would you |i (?:want"
            r"|need|would like)(?: you to)? )*(?:who|whom|whose|what|which|when|where|why"
            r"|how|is|are|was|were|do|does|did|has|have|can|could|will|name|list|give|tell"
            r"|describe|find|count|show|write|identify|explain|state|mention|summari|create"
            r"|generate|make|extract|provide|suggest|quote|translate|propose|return"
            r"|enumerate|read|in which|on which|at which|by how|to whom|from where"
            r"|for how)\b",
            low,
        )
    )


def _asked_apart(sentence: str) -> list[Part]:
    """`Who speaks and what is the video about?` holds two questions of different kinds."""
    if not sentence.rstrip().endswith("?") or _ONE_DESCRIPTION.match(sentence):
        return []
    pieces = [
        p.strip()
        for p in re.split(r",?\s+and\s+(?=(?:who|what|which|when|where|why|how)\b)", sentence, flags=re.I)
    ]
    found = [Part(intent_of(p), p, "", count_in(p)) for p in pieces if p]
    return found if len(found) > 1 and any(p.intent != "question" for p in found) else []


def _several(sentence: str) -> list[Part]:
    """`Give me a title, a two-sentence summary and five hashtags` asks for three things."""
    low = sentence.lower()
    if low.rstrip().endswith("?") or not re.match(
        r"^(?:please )?(?:give|write|create|generate|make|provide|suggest|propose|return"
        r"|i (?:want|need)|produce|extract|list|tell|draft|compose|output)\b",
        low,
    ):
        return []
    body = re.sub(
        r"^(?:please )?(?:give|write|create|generate|make|provide|suggest|propose|return"
        r"|i (?:want|need)|produce|extract|list|tell|draft|compose|output)(?: me| us)?\b",
        "",
        sentence,
        flags=re.I,
    )
    if re.search(r"\bwith (?:the |their |its )?(?:start|end|time|title)", body, re.I):
        body = re.split(r"\bwith\b", body, flags=re.I)[0]
    pieces = [
        p
        for p in re.split(
            r",\s*(?:and\s+)?|\s+and\s+(?=(?:an?|the|\d+|one|two|three|four|five|six|seven|eight|nine|ten|some|its?)\b)|;\s*|\s+plus\s+",
            body,
        )
        if p.strip()
    ]
    found = [
        Part(intent_of(p), p.strip(), intent_of(p).replace("_", " ").capitalize(), count_in(p))
        for p in pieces
    ]
    found = [p for p in found if p.intent in _ARTEFACTS]
    return found if len(found) > 1 and len({p.intent for p in found}) == len(found) else []


def count_in(text: str) -> int | None:
    """How many items a sentence asks for: `five keywords`, `the top 3 moments`."""
    words = tokens(text)
    for number in numbers(words):
        after = words[number.last + 1].low if number.last + 1 < len(words) else ""
        if after in (
            "sentence",
            "sentences",
            "word",
            "words",
            "characters",
            "paragraph",
            "paragraphs",
            "second",
            "seconds",
            "minute",
            "minutes",
            "percent",
            "lines",
        ):
            continue
        if 1 <= number.value <= 100 and number.value == int(number.value) and number.clock is None:
            return int(number.value)
    return None
