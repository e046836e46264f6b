"""Fills a JSON schema from the evidence, so that the result fits the schema by construction."""

import json
import re
from typing import Any

import jsonschema_rs

from kinoscribe.engines.embedded.choices import choice
from kinoscribe.engines.embedded.fields import (
    Field,
    items_of,
    number_value,
    short_answer,
    text_value,
    words_of,
    yes_value,
)
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.records import Record, records, sort_of, spans_of
from kinoscribe.engines.embedded.request import count_in
from kinoscribe.engines.embedded.times import hms

_DEEPEST = 12
_MOST_ROWS = 200
_Schema = dict[str, Any]


def fill(schema: _Schema, prompt: str, material: Material, words: int) -> str:
    """The JSON text: compact, keys in the order of the schema, about `words` words at most."""
    filler = _Filler(schema, prompt, material, words)
    value = filler.value(schema, Field("", "", prompt), None, 0)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    while len(text.split()) + text.count('"') / 4 > words and filler.rows > 3:
        filler.rows = max(3, filler.rows // 2)
        shorter = json.dumps(
            filler.value(schema, Field("", "", prompt), None, 0), ensure_ascii=False, separators=(",", ":")
        )
        if len(shorter) >= len(text) and filler.rows == 3:
            break
        text = shorter
    return text


class _Filler:
    def __init__(self, schema: _Schema, prompt: str, material: Material, words: int) -> None:
        self._defined = schema.get("$defs") or schema.get("definitions") or {}
        self._prompt = prompt[:12_000]
        self._material = material
        self._words = words
        self._told = _told_in(self._prompt)
        self.rows = _MOST_ROWS

    def value(self, schema: Any, field: Field, row: Record | None, depth: int) -> Any:
        """A value for one place of the schema; `row` is the record that an array of objects is filled from."""
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return None
        if isinstance(schema.get("$ref"), str):
            return self.value(self._defined.get(schema["$ref"].rsplit("/", 1)[-1], {}), field, row, depth + 1)
        if "const" in schema:
            return schema["const"]
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
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches:
            return self._branch(branches, field, row, depth)
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((k for k in kind if k != "null"), "null")
        match kind or ("object" if "properties" in schema else "array" if "items" in schema else "string"):
            case "object":
                return self._object(schema, field, row, depth)
            case "array":
                return self._array(schema, field, row, depth)
            case "integer":
                return _within(self._number(field, row), schema, whole=True)
            case "number":
                return _within(self._number(field, row), schema, whole=False)
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

    def _branch(self, branches: list[Any], field: Field, row: Record | None, depth: int) -> Any:
        plain = [b for b in branches if isinstance(b, dict) and b.get("type") != "null"]
        value = self.value(plain[0], field, row, depth + 1) if plain else None
        nullable = len(plain) < len(branches)
        empty = value in ("", "unknown", "not said or shown") or (
            isinstance(value, str) and value.startswith("not said or shown")
        )
        return None if nullable and empty else value

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
        while isinstance(items.get("$ref"), str) and depth < _DEEPEST:
            items, depth = self._defined.get(items["$ref"].rsplit("/", 1)[-1], {}), depth + 1
        least = int(schema.get("minItems") or 0)
        most = min(self.rows, int(schema.get("maxItems") or _MOST_ROWS))
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
        most = schema.get("maxLength")
        if isinstance(most, int) and len(text) > most:
            text = text[:most].rstrip()
        pattern = schema.get("pattern")
        if isinstance(pattern, str):
            return _to_pattern(text, pattern)
        match schema.get("format"):
            case "date":
                return _first(r"\d{4}-\d{2}-\d{2}", text) or "1970-01-01"
            case "time":
                return _first(r"\d{2}:\d{2}:\d{2}Z?", text) or "00:00:00Z"
            case "date-time":
                return _first(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", text) or "1970-01-01T00:00:00Z"
            case "uuid":
                return "00000000-0000-0000-0000-000000000000"
        return text


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


def _within(value: float | None, schema: _Schema, *, whole: bool) -> float | int:
    """A number inside the bounds; without evidence the one nearest to zero."""
    number = value if value is not None and abs(value) < 1e15 else 0.0
    step = 1.0 if whole else 1e-6
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    lowest = max([*_bound(low, 0.0), *_bound(above, step)], default=None)
    highest = min([*_bound(high, 0.0), *_bound(below, -step)], default=None)
    if lowest is not None:
        number = max(number, lowest)
    if highest is not None:
        number = min(number, highest)
    if not whole:
        return number
    rounded = round(number)
    if lowest is not None and rounded < lowest:
        rounded += 1
    if highest is not None and rounded > highest:
        rounded -= 1
    return rounded


def _bound(value: Any, shift: float) -> list[float]:
    return [float(value) + shift] if isinstance(value, int | float) else []


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group() if found else ""


def _to_pattern(text: str, pattern: str) -> str:
    """The text changed as little as possible so that it fits, else something short that does."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")
    found = re.search(r"\d+(?:[.,:-]\d+)*", text)
    try:
        matcher = jsonschema_rs.validator_for({"type": "string", "pattern": pattern})
    except (jsonschema_rs.ValidationError, ValueError):
        return text
    for candidate in (
        text,
        plain,
        plain.replace("-", "_"),
        plain.upper(),
        plain.upper().replace("-", "_"),
        text.split(maxsplit=1)[0] if text.split() else "",
        found.group() if found else "",
        "unknown",
        "Unknown",
        "none",
        "a",
        "A",
        "0",
        "1",
        "00:00:00",
        "00:00",
        "0.0",
        "#000000",
        "000",
        "0000",
        "2000-01-01",
        "",
    ):
        if matcher.is_valid(candidate):
            return candidate
    return text


__all__ = ["fill", "short_answer"]
