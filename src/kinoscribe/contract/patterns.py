"""Turns the `pattern` of a JSON schema into short texts that match it, so that what is promised can be given.

Patterns are ECMA regular expressions (JSON Schema 2020-12, 6.3.3), searched for anywhere in a text. What looks
around, or back in an unusual way, has no text made for it: the caller refuses it.
"""

import functools
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import jsonschema_rs

from kinoscribe.contract.limits import SCHEMA_PATTERN

_DEEPEST = 40
_MOST_REPEATS = 300
_LONGEST_EXAMPLE = 2_000
_MATCHER = jsonschema_rs.FancyRegexOptions(
    backtrack_limit=100_000, size_limit=4 << 20, dfa_size_limit=4 << 20
)

_DIGITS = frozenset(string.digits)
_WORDS = frozenset(string.ascii_letters + string.digits + "_")
_SPACES = frozenset(" \t\n\r\f\v")
# The order in which a character is looked for: the plainest first.
_PLAIN = (
    "a0A1b-_. /"
    + string.ascii_lowercase
    + string.ascii_uppercase
    + string.digits
    + string.punctuation
    + "é\t\n"
)
_CLASSES = {"d": _DIGITS, "w": _WORDS, "s": _SPACES}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_PROPERTIES: dict[str, frozenset[str]] = {
    "L": frozenset(string.ascii_letters),
    "Letter": frozenset(string.ascii_letters),
    "Lu": frozenset(string.ascii_uppercase),
    "Uppercase_Letter": frozenset(string.ascii_uppercase),
    "Ll": frozenset(string.ascii_lowercase),
    "Lowercase_Letter": frozenset(string.ascii_lowercase),
    "N": _DIGITS,
    "Nd": _DIGITS,
}


def compiles(pattern: str) -> bool:
    """Whether `pattern` is a regular expression that the validator can search for."""
    try:
        matcher(pattern)
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


@functools.lru_cache(maxsize=256)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Says of a text whether the pattern is found in it, in bounded time. Raises when it is no pattern."""
    checked = jsonschema_rs.validator_for({"type": "string", "pattern": pattern}, pattern_options=_MATCHER)

    def matches(text: str) -> bool:
        try:
            return checked.is_valid(text)
        except ValueError:  # the search took too many steps
            return False

    return matches


def examples(pattern: str) -> Iterator[str]:
    """Texts that match, the shortest first; none where none could be made."""
    if len(pattern) > SCHEMA_PATTERN:
        return
    try:
        tree = _Reader(pattern).read()
        matches = matcher(pattern)
        seen: set[str] = set()
        for extra in (0, 1, 2, 3, 5, 8, 16, 32, 64):
            text = _Maker(extra).make(tree)
            if text not in seen and matches(text):
                seen.add(text)
                yield text
    except (_NotMade, jsonschema_rs.ValidationError, ValueError):
        return


class _NotMade(Exception):
    """This pattern, or this part of it, is beyond what is made here."""


@dataclass(frozen=True, slots=True)
class _One:
    """One character of a set, or of all but the set."""

    among: frozenset[str]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class _All:
    parts: tuple["_Node", ...]
    group: int | None = None


@dataclass(frozen=True, slots=True)
class _Any:
    branches: tuple["_Node", ...]


@dataclass(frozen=True, slots=True)
class _Again:
    part: "_Node"
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class _Same:
    """A reference back to a group."""

    group: int


_Node = _One | _All | _Any | _Again | _Same


@dataclass(slots=True)
class _Maker:
    """Writes a text for a tree, repeating what may be repeated `extra` times more than it must."""

    extra: int
    _groups: dict[int, str] = field(default_factory=dict)
    _length: int = 0

    def make(self, node: _Node) -> str:
        match node:
            case _One(among, negated):
                text = next((c for c in _PLAIN if (c in among) != negated), None)
                text = min(among) if text is None and among and not negated else text
                if text is None:
                    raise _NotMade
            case _All(parts, group):
                text = "".join(self.make(part) for part in parts)
                if group is not None:
                    self._groups[group] = text
                return text
            case _Any(branches):
                return self.make(branches[0])
            case _Again(part, least, most):
                times = least + self.extra if most is None else min(most, least + self.extra)
                return "".join(self.make(part) for _ in range(times))
            case _Same(group):
                return self._groups.get(group, "")
        self._length += 1
        if self._length > _LONGEST_EXAMPLE:
            raise _NotMade
        return text


class _Reader:
    """Reads a pattern into a tree. Raises `_NotMade` at what it does not read."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._groups = 0

    def read(self) -> _Node:
        tree = self._branches(0)
        if self._at < len(self._pattern):
            raise _NotMade
        return tree

    def _peek(self, length: int = 1) -> str:
        return self._pattern[self._at : self._at + length]

    def _take(self, wanted: str) -> bool:
        if not self._pattern.startswith(wanted, self._at):
            return False
        self._at += len(wanted)
        return True

    def _next(self) -> str:
        if self._at >= len(self._pattern):
            raise _NotMade
        self._at += 1
        return self._pattern[self._at - 1]

    def _until(self, end: str) -> str:
        stop = self._pattern.find(end, self._at)
        if stop < 0:
            raise _NotMade
        found, self._at = self._pattern[self._at : stop], stop + len(end)
        return found

    def _branches(self, depth: int) -> _Node:
        if depth > _DEEPEST:
            raise _NotMade
        branches = [self._sequence(depth)]
        while self._take("|"):
            branches.append(self._sequence(depth))
        return branches[0] if len(branches) == 1 else _Any(tuple(branches))

    def _sequence(self, depth: int) -> _Node:
        parts: list[_Node] = []
        while (head := self._peek()) and head not in "|)":
            if self._take("^") or self._take("$"):
                continue
            parts.append(self._repeated(self._atom(depth)))
        return _All(tuple(parts))

    def _repeated(self, atom: _Node) -> _Node:
        bounds = self._bounds()
        if bounds is None:
            return atom
        least, most = bounds
        self._take("?")
        if least > _MOST_REPEATS or (most is not None and most < least):
            raise _NotMade
        return _Again(atom, least, most)

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        if self._peek() != "{":
            return None
        low, comma, high = self._pattern[self._at + 1 :].partition("}")[0].partition(",")
        if not low.isdecimal() or not (high == "" or high.isdecimal()) or len(low + high) > 8:
            return None
        self._until("}")
        return int(low), (int(low) if not comma else None if not high else int(high))

    def _atom(self, depth: int) -> _Node:
        head = self._next()
        match head:
            case "(":
                return self._group(depth)
            case "[":
                return self._set()
            case ".":
                return _One(frozenset("\n\r"), negated=True)
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise _NotMade
        return _One(frozenset(head))

    def _group(self, depth: int) -> _Node:
        number = None
        if self._take("?"):
            if self._take("<"):
                if self._peek() in ("=", "!"):
                    raise _NotMade
                self._groups += 1
                number = self._groups
                self._until(">")
            elif not self._take(":"):
                raise _NotMade
        else:
            self._groups += 1
            number = self._groups
        inner = self._branches(depth + 1)
        if not self._take(")"):
            raise _NotMade
        return _All((inner,), number)

    def _escape(self) -> _Node:
        sign = self._next()
        if sign in "bB":
            return _All(())
        if sign in "123456789":
            return _Same(int(sign))
        return self._character_class(sign) or _One(frozenset(self._character(sign)))

    def _character_class(self, sign: str) -> _One | None:
        if sign.lower() in _CLASSES:
            return _One(_CLASSES[sign.lower()], negated=sign.isupper())
        if sign in "pP" and self._take("{"):
            name = self._until("}").rpartition("=")[2]
            if name not in _PROPERTIES:
                raise _NotMade
            return _One(_PROPERTIES[name], negated=sign == "P")
        return None

    def _character(self, sign: str) -> str:
        if sign in _ESCAPES:
            return _ESCAPES[sign]
        if sign == "u" and self._take("{"):
            return _of_code(self._until("}"))
        if sign in "xu":
            length = 2 if sign == "x" else 4
            code, self._at = self._peek(length), self._at + length
            return _of_code(code)
        if sign.isalnum():
            raise _NotMade
        return sign

    def _set(self) -> _Node:
        negated, among = self._take("^"), set[str]()
        while not self._take("]"):
            first = self._member(among)
            if self._peek() != "-" or self._peek(2) in ("-]", "-"):
                continue
            self._next()
            last = self._member(among)
            if first is None or last is None or not 0 <= ord(last) - ord(first) < 70_000:
                raise _NotMade
            among.update(chr(code) for code in range(ord(first), min(ord(last), ord(first) + 500) + 1))
        return _One(frozenset(among), negated)

    def _member(self, among: set[str]) -> str | None:
        """Adds the next member; the character, when it may begin or end a range."""
        head = self._next()
        if head == "[" and self._peek() in ("[", ":"):
            raise _NotMade
        if head == "\\":
            sign = self._next()
            of_class = self._character_class(sign)
            if of_class is not None:
                among |= (frozenset(_PLAIN) - of_class.among) if of_class.negated else of_class.among
                return None
            head = "\b" if sign == "b" else self._character(sign)
        among.add(head)
        return head


def _of_code(digits: str) -> str:
    try:
        code = int(digits, 16)
        if 0xD800 <= code <= 0xDFFF:
            raise _NotMade
        return chr(code)
    except (ValueError, OverflowError) as error:
        raise _NotMade from error
