"""The closed lists of words that the composer knows, read once from `vocabulary.toml`."""

import tomllib
from importlib.resources import files
from typing import Any

_DATA: dict[str, Any] = tomllib.loads(
    files("kinoscribe.engines.embedded").joinpath("vocabulary.toml").read_text(encoding="utf-8")
)


def _words(name: str) -> frozenset[str]:
    return frozenset(_DATA[name].split())


def _ordered(name: str) -> tuple[str, ...]:
    return tuple(_DATA[name].split())


WEEKDAYS, MONTHS, SEASONS = _ordered("weekdays"), _ordered("months"), _ordered("seasons")
DAY_PARTS, RELATIVE_DAYS = _ordered("day_parts"), _ordered("relative_days")

DURATION_UNITS = _words("duration_units")
CURRENCY_WORDS, CURRENCY_SIGNS = _words("currency_words"), _words("currency_signs")
LENGTH_UNITS, WEIGHT_UNITS = _words("length_units"), _words("weight_units")
MEASURE_UNITS = LENGTH_UNITS | WEIGHT_UNITS | _words("volume_units") | _words("other_units")

COLOURS = _words("colours")
PLACE_PREPOSITIONS, NOT_PLACES = _words("place_prepositions"), _words("not_places")
FUNCTION_VERBS = _words("function_verbs")
TITLES, ROLES, GIVEN_NAMES = _words("titles"), _words("roles"), _words("given_names")
DULL, LIGHT_VERBS = _words("dull"), _words("light_verbs")

AFTER_NOUNS, KEPT_WORDS = _words("after_nouns"), _words("kept_words")
QUESTION_WORDS, SCOPE_WORDS = _words("question_words"), _words("scope_words")

ANYBODY = _words("anybody")
PARTS_OF_VIDEO = _words("parts_of_video")
ORDINAL_WORDS, NUMBER_WORDS, TENS_WORDS = (
    _ordered("ordinals"),
    _ordered("number_words"),
    _ordered("tens_words"),
)
GENRES: dict[str, str] = _DATA["genres"]
CLAUSE_BREAKS = _words("clause_breaks")
CLAUSE_CUTS = _words("clause_cuts")
CLAUSE_WORDS = _words("clause_words")
KINDS: dict[str, str] = _DATA["kinds"]
SYNONYM_GROUPS = tuple(line for line in _DATA["synonyms"].splitlines() if line)
OBJECT_WORDS: dict[str, str] = _DATA["object_words"]
COCO = frozenset(" ".join(label.split()) for label in _DATA["object_classes"].split(","))

STOP = {language: frozenset(words.split()) for language, words in _DATA["stop"].items()}
SPELLING: dict[str, str] = _DATA["spelling"]
IRREGULAR = {form: base for base, forms in _DATA["irregular"].items() for form in forms.split()}
LANGUAGES: dict[str, str] = _DATA["languages"]
FOREIGN_NUMBERS: dict[str, int] = _DATA["numbers"]
