"""Fills a JSON schema from the evidence, so that the result fits the schema by construction."""

import json
import re
from typing import Any

from kinoscribe.contract.json_empty import nearest_number
from kinoscribe.contract.json_ends import name_of
from kinoscribe.engines.embedded import pictured
from kinoscribe.engines.embedded.choices import choice
from kinoscribe.engines.embedded.fields import (
    Field,
    items_of,
    number_value,
    short_answer,
    text_value,
    words_of,
)
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.records import Record, records, sort_of, spans_of
from kinoscribe.engines.embedded.request import count_in
from kinoscribe.engines.embedded.times import hms
from kinoscribe.engines.embedded.truths import yes_value
from kinoscribe.engines.fitted import fitted, text_that_fits

_DEEPEST = 12
_MOST_ROWS = 200
_Schema = dict[str, Any]


def fill(schema: _Schema, prompt: str, material: Material, words: int) -> str:
    """The JSON text: compact, keys in the order of the schema, about `words` words at most."""
    filler = _Filler(schema, prompt, material, words)
    text = filler.text(schema)
    while len(text.split()) + text.count('"') / 4 > words and filler.rows > 3:
        filler.rows = max(3, filler.rows // 2)
        shorter = filler.text(schema)
        if len(shorter) >= len(text) and filler.rows == 3:
            break
        text = shorter
    return text


class _Filler:
    def __init__(self, schema: _Schema, prompt: str, material: Material, words: int) -> None:
        self._defined: dict[str, _Schema] = schema.get("$defs") or {}
        self._inside: list[str] = []
        self._prompt = prompt[:12_000]
        self._material = material
        self._words = words
        self._told = _told_in(self._prompt)
        self.rows = _MOST_ROWS

    def text(self, schema: _Schema) -> str:
        """The JSON text of the whole answer."""
        value = fitted(self.value(schema, Field("", "", self._prompt), None, 0), schema)
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def value(self, schema: _Schema, field: Field, row: Record | None, depth: int) -> Any:
        """A value for one place of the schema; `row` is the record that an array of objects is filled from."""
        if depth > _DEEPEST:
            return None
        if "$ref" in schema:
            return self._again(name_of(schema["$ref"]), field, row, depth)
        field = Field(
            field.name,
            str(schema.get("description") or field.text or self._told.get(field.name, "")),
            self._prompt,
        )
        if schema.get("enum"):
            hint = (
                row.kind
                if row is not None and re.search(r"\b(?:kind|type|category|class)\b", field.name)
                else row.name
                if row is not None
                else ""
            )
            return choice(list(schema["enum"]), field, self._material, hint)
        if row is None:
            seen = pictured.value(schema, field.name, field.text, self._prompt, self._material.notes)
            if seen is not pictured.NOT_PICTURED:
                return seen
        if "anyOf" in schema:
            return self._branch(schema["anyOf"], field, row, depth)
        match schema.get("type"):
            case "object":
                return self._object(schema, field, row, depth)
            case "array":
                return self._array(schema, field, row, depth)
            case "integer":
                return nearest_number(self._number(field, row) or 0.0, schema)
            case "number":
                return nearest_number(self._number(field, row) or 0.0, schema)
            case "boolean":
                return (
                    bool(row.count)
                    if row is not None and not field.text
                    else yes_value(field, self._material)
                )
            case "timestamp":
                return self._time(schema, field, row)
            case "null":
                return None
        return self._text(schema, field, row)

    def _again(self, name: str, field: Field, row: Record | None, depth: int) -> Any:
        """A definition that leads back to itself is filled once; below that there is nothing to tell."""
        if name in self._inside:
            return None
        self._inside.append(name)
        try:
            return self.value(self._defined[name], field, row, depth + 1)
        finally:
            self._inside.pop()

    def _branch(self, branches: list[_Schema], field: Field, row: Record | None, depth: int) -> Any:
        """The first branch for which there is evidence; null, or the first one, when there is for none."""
        first = None
        for branch in branches:
            if branch.get("type") == "null":
                continue
            value = self.value(branch, field, row, depth + 1)
            if not _says_nothing(value):
                return value
            first = value if first is None else first
        return None if any(branch.get("type") == "null" for branch in branches) else first

    def _object(self, schema: _Schema, field: Field, row: Record | None, depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        return {
            name: self.value(
                part, Field(words_of(name), self._told.get(name, ""), self._prompt), row, depth + 1
            )
            for name, part in properties.items()
        }

    def _array(self, schema: _Schema, field: Field, row: Record | None, depth: int) -> list[Any]:
        given = schema.get("items")
        items: _Schema = given if isinstance(given, dict) else {}
        if "$ref" in items:
            name = name_of(items["$ref"])
            if name in self._inside:
                return []
            self._inside.append(name)
            try:
                return self._array({**schema, "items": self._defined[name]}, field, row, depth + 1)
            finally:
                self._inside.pop()
        if "anyOf" in items:
            plain = [branch for branch in items["anyOf"] if branch.get("type") != "null"]
            items = plain[0] if plain else {"type": "null"}
        least = int(schema.get("minItems") or 0)
        most = min(self.rows, int(schema.get("maxItems", _MOST_ROWS)))
        if items.get("type") == "object" or "properties" in items:
            rows = self._records(field, items)[:most]
            filled = [self.value(items, field, one, depth + 1) for one in rows]
        elif items.get("enum"):
            filled = self._choices(items["enum"], field)[:most]
        elif items.get("type") in ("timestamp", "number", "integer"):
            rows = self._records(field, items)[:most]
            filled = [self.value(items, field, one, depth + 1) for one in rows]
        elif items.get("type") in (None, "string"):
            texts = [row.name] if row is not None else items_of(field, self._material, count_in(self._prompt))
            filled = [self._shaped(t, items) for t in dict.fromkeys(texts)][:most]
        else:
            filled = []
        while len(filled) < least:
            filled.append(self.value(items, field, row, depth + 1))
        return filled

    def _choices(self, options: list[Any], field: Field) -> list[Any]:
        found = " ".join(items_of(field, self._material, None)).lower()
        named = [o for o in options if isinstance(o, str) and o.lower().replace("_", " ") in found]
        return named or [choice(options, field, self._material)]

    def _records(self, field: Field, items: _Schema) -> list[Record]:
        seen = pictured.rows(field.name, field.text, self._prompt, self._material.notes)
        if seen is not None:
            return seen
        names = " ".join(words_of(n) for n in (items.get("properties") or {}))
        spans = (
            spans_of(self._prompt, self._material)
            if re.search(
                r"\b(?:spans?|appearances?|occurrences?|times?|intervals?|ranges?|sightings?)\b", field.name
            )
            else []
        )
        if spans:
            return spans
        sort = sort_of(field.name) or sort_of(field.text) or ""
        if (re.search(r"\bscore\b", names) and sort in ("", "moments", "scores", "chapters")) or (
            re.search(r"\bchanges?\b", field.name) and "score" in self._prompt.lower()
        ):
            sort = "scores"
        return records(
            sort or sort_of(names) or sort_of(self._prompt) or "chapters",
            f"{field.text} {self._prompt}".lower(),
            self._material,
        )

    def _number(self, field: Field, row: Record | None) -> float | None:
        if row is None:
            if re.fullmatch(r"(?:start|begin|from)(?: time| seconds?| s)?", field.name):
                return round(self._material.notes.start, 3)
            if re.fullmatch(r"(?:end|to|until)(?: time| seconds?| s)?", field.name):
                return round(self._material.notes.end, 3)
            return number_value(field, self._material)
        name = field.name
        if re.search(r"\b(?:end|to|until|stop)\b", name):
            return round(row.end, 3)
        if re.search(r"\b(?:start|from|time|at|begin|seconds|timestamp|second)\b", name) and not re.search(
            r"\bduration\b", name
        ):
            return round(row.start, 3)
        if re.search(r"\b(?:duration|length)\b", name):
            return round(row.end - row.start, 3)
        if re.search(r"\b(?:confidence|score|probability)\b", name):
            return round(row.score, 2)
        if re.search(r"\bcount\b|\bnumber\b|\bhow many\b|\bquantity\b", name) and row.value is None:
            return float(row.count)
        return row.value if row.value is not None else float(row.count)

    def _time(self, schema: _Schema, field: Field, row: Record | None) -> Any:
        words = f"{field.name} {field.text}".lower()
        is_end = bool(re.search(r"\b(?:end|to|until|stop|finish)\b", field.name)) or bool(
            re.search(r"\bends?\b|\blast\b", field.text.lower())
        )
        if row is None:
            found = spans_of(field.text, self._material) or spans_of(self._prompt, self._material)
            notes = self._material.notes
            row = found[-1 if is_end else 0] if found else Record(notes.start, notes.end, words)
        seconds = row.end if is_end else row.start
        match schema.get("format"):
            case "hh:mm:ss":
                return hms(seconds)
            case "hh:mm:ss.fff":
                return hms(seconds, thousandths=True)
        return round(seconds, 3)

    def _text(self, schema: _Schema, field: Field, row: Record | None) -> str:
        return self._shaped(
            self._row_text(field, row) if row is not None else text_value(field, self._material, self._words),
            schema,
        )

    def _row_text(self, field: Field, row: Record) -> str:
        name = field.name
        if re.search(r"\b(?:time|timestamp|start|end|from|to|at)\b", name) and not re.search(
            r"\bwhat\b", name
        ):
            return hms(row.end if re.search(r"\b(?:end|to)\b", name) else row.start)
        if re.search(r"\bcolou?r\b", name):
            return row.colour or "unknown"
        if re.search(r"\b(?:kind|type|category|class)\b", name):
            return row.kind or "unknown"
        if re.search(
            r"\b(?:descriptions?|summary|details?|context|explanation|what happens|content|quote|sentence|gist|text)\b",
            name,
        ):
            return row.detail or row.name
        if re.search(r"\b(?:speaker|who|role)\b", name) and row.kind not in ("person",):
            return "unknown"
        return row.name

    def _shaped(self, text: str, schema: _Schema) -> str:
        """The text in the pattern or format a string must have, as far as that can be made."""
        found = text_that_fits(text, schema)
        return text if found is None else found


def _says_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return value in ("", "unknown") or value.startswith("not said or shown")
    return value is None or value in ([], {})


def _told_in(prompt: str) -> dict[str, str]:
    """What the prompt says about fields: lines such as `price: What is the price?`."""
    found: dict[str, str] = {}
    for line in prompt.splitlines():
        match = re.match(
            r"^\s*(?:[-*•]\s*|\d{1,2}[.)]\s*)?[\"`']?([A-Za-z_]\w{0,60})[\"`']?\s*[:=]\s+(\S.*)$", line
        )
        if match:
            found.setdefault(match.group(1), match.group(2).strip())
            found.setdefault(words_of(match.group(1)), match.group(2).strip())
    return found


__all__ = ["fill", "short_answer"]
