"""Takes the thing out of a question that asks about it: `the cat` of `When does the cat appear?`."""

import re

_CUT = {
    "about": (
        re.compile(r"\b(?:about|regarding|concerning)\s+(.+)$", re.I),
        re.compile(r"\b(?:said|say|says|claim|claims|think|thinks)\s+(?:of|on)\s+(.+)$", re.I),
        re.compile(r"\bexplain\s+(.+)$", re.I),
    ),
    "when": (
        re.compile(r"\b(?:talk(?:s|ed|ing)?|spoken|speak(?:s|ing)?|hear|heard)\s+(?:about|of)\s+(.+)$", re.I),
        re.compile(r"\b(?:moments?|times?|timestamps?|timecodes?|parts?|scenes?)\s+(?:when|where"
r"|in which|with|of|that (?:show|have|contain)|at which)\s+(?:there (?:is"
r"|are)\s+)?(.+?)(?:\s+(?:is|are|was|were)\s+(?:seen|shown|visible|mentioned"
r"|said|displayed|on (?:the )?screen))?(?:\s+appears?)?$", re.I),
        re.compile(r"\b(?:does|do|did|can)\s+(?:the (?:speaker|presenter|narrator|host|man|woman"
r"|video)|he|she|they|we|you|i|one|someone|somebody|anyone)\s+(?:first |last "
r"|ever )?(?:mention|say|see|hear|show|find|talk about|speak (?:of|about)"
r"|discuss|use the word|refer to)\s+(.+)$", re.I),
        re.compile(r"\b(?:is|are|was|were|does|do|did|will|has"
r"|have)\s+(?:there\s+)?(.+?)\s+(?:first |last |ever |actually |also |being |be "
r"|been |to be )*(?:seen|shown|shows?|appears?|appeared|visible|mention(?:ed)?"
r"|said|spoken|on (?:the )?screen|displayed|come up|comes up|discussed|occur"
r"|heard|in (?:the )?(?:picture|frame|view|shot)|start|begin|happen|talked about"
r"|spoken about|show up|come in(?:to)?|comes in|enters?|walks?|drives?"
r"|pass(?:es)?|leaves?)\b", re.I),
        re.compile(r"\bsee\s+(.+)$", re.I),
    ),
    "summary": (re.compile(r"\b(?:of|about) (?:what (?:is|was) said (?:about|on) )(.+)$"
r"|\bsummari[sz]e (?:the )?(?:part|section|discussion|talk) (?:about|on) (.+)$", re.I),),
}  # fmt: skip
_TAIL = re.compile(
    r"\s*(?:(?:in|during|throughout|from|within) (?:the|this|that) (?:\w+ )?(?:video"
    r"|clip|film|movie|footage|recording|picture|lecture|talk|lesson|scene)"
    r"|on (?:the )?screen|in (?:it|detail|total|full)|at all|exactly|please"
    r"|and (?:when|what|why|who|how)\b.*|if (?:it|at) .*|for the (?:first|last) time"
    r"|first|anywhere|[?.!,;:])+\s*$",
    re.I,
)
_HEAD = re.compile(
    r"^(?:the (?:word|term|topic|subject|name|text|phrase|object)s?"
    r"|there (?:is|are)|any(?:thing about)?|the|a|an|some|any|of|about"
    r"|something like|his|her|their|its|our|my)\s+",
    re.I,
)


def thing_asked(text: str, intent: str) -> str:
    """The words for the thing, without articles and quotation marks; empty when the question names none."""
    line = " ".join(text.replace("’", "'").split())[:400]
    quoted = re.search(r"[\"“']([^\"”']{2,60})[\"”'](?!\w)", line)
    if quoted and intent in ("about", "when"):
        return quoted.group(1).strip()
    line = _TAIL.sub("", line)
    for pattern in _CUT.get(intent, ()):
        found = pattern.search(line)
        if found:
            thing = next((g for g in found.groups() if g), "")
            return _bare(thing)
    return ""


def _bare(thing: str) -> str:
    thing = re.sub(r"^(?:how|why|what|that)\s+", "", re.sub(r"\s+works?\W*$", "", thing.strip()), flags=re.I)
    thing = _TAIL.sub("", thing).strip(" \"“”'.,;:?!")
    before = None
    while before != thing:
        before = thing
        thing = _HEAD.sub("", thing).strip()
    return (
        thing
        if thing.lower()
        not in ("it", "this", "that", "them", "video", "the video", "everything", "this video")
        else ""
    )
