"""Turns a stretch of sound into words with times and the language they are in, with Whisper by faster-whisper."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.vad import VadOptions, get_speech_timestamps
from numpy.typing import NDArray

from kinoscribe.evidence.speech import Heard
from kinoscribe.notes import Word

RATE = 16_000

# Languages that Whisper was taught well enough to be believed when it hears them in a few seconds.
_NAMES = "en es fr de it pt nl pl ru uk tr ja ko zh ar hi id vi sv da no fi cs el he ro hu ca th"
_WELL_KNOWN = frozenset(_NAMES.split())
_DOUBT = 0.15
_MOST_REPEATED = 2.4
_LEAST_SURE = -1.2
_CLEAR = -0.8
_PERHAPS_NO_SPEECH = 0.6
_UNSURE = -0.6
# What Whisper is known to write over music and noise. Dropped only when it stands alone and is not sure.
_PHANTOMS = frozenset(
    {
        "you",
        "thank you",
        "thanks for watching",
        "thank you for watching",
        "thank you very much",
        "please subscribe",
        "bye",
        "music",
        "applause",
    }
)


class Recogniser:
    """A loaded Whisper model. One thread at a time."""

    def __init__(self, folder: Path, threads: int, beam: int = 5) -> None:
        self._model = _Remembering(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
        )
        self._beam = beam

    def voices(self, sound: NDArray[np.float32]) -> list[tuple[float, float]]:
        """The seconds in which a voice is heard."""
        options = VadOptions(min_silence_duration_ms=250, speech_pad_ms=120, min_speech_duration_ms=120)
        found = get_speech_timestamps(sound, options)
        return [(part["start"] / RATE, part["end"] / RATE) for part in found]

    def languages(self, sound: NDArray[np.float32]) -> list[tuple[str, float]]:
        """Languages and how likely each is, the likeliest first; little known ones count less."""
        if not self._model.model.is_multilingual:
            return [("en", 1.0)]
        encoded = self._model.encode(pad_or_trim(self._model.feature_extractor(sound)))
        guesses = [(token[2:-2], float(p)) for token, p in self._model.model.detect_language(encoded)[0]]
        weighed = [(name, p if name in _WELL_KNOWN else p * _DOUBT) for name, p in guesses]
        return sorted(weighed, key=lambda pair: -pair[1])

    def hear(
        self,
        sound: NDArray[np.float32],
        language: str,
        *,
        names: str = "",
        strict: bool = False,
        carefully: bool = False,
    ) -> Heard:
        """What is said in at most half a minute of sound. `names` are words that may well be said.

        `strict` believes only what is clear; `carefully` forbids the model to repeat itself.
        """
        segments, _ = self._model.transcribe(
            sound,
            language=language,
            beam_size=self._beam,
            temperature=0.0,
            initial_prompt=names or None,
            condition_on_previous_text=False,
            max_new_tokens=200,
            word_timestamps=True,
            no_repeat_ngram_size=3 if carefully else 0,
        )
        taken = list(segments)
        repeats = any(s.compression_ratio > _MOST_REPEATED for s in taken) or _stutters(taken)
        return Heard(tuple(_words(taken, _CLEAR if strict else _LEAST_SURE)), language, repeats)


class _Remembering(WhisperModel):  # type: ignore[misc]
    """Encodes the same features only once in a row: language detection and transcription share the work."""

    _features: NDArray[np.float32] | None = None
    _encoded: Any = None

    def encode(self, features: NDArray[np.float32]) -> Any:
        if self._features is None or not np.array_equal(self._features, features):
            self._features, self._encoded = features, super().encode(features)
        return self._encoded


def _words(segments: Iterable[Any], least: float) -> Iterable[Word]:
    for segment in segments:
        if _believed(segment, least):
            for word in segment.words or ():
                yield Word(
                    float(word.start), float(word.end), str(word.word), round(float(word.probability), 3)
                )


def _believed(segment: Any, least: float) -> bool:
    if segment.compression_ratio > _MOST_REPEATED or segment.avg_logprob < least:
        return False
    if segment.no_speech_prob > _PERHAPS_NO_SPEECH and segment.avg_logprob < _UNSURE:
        return False
    if re.search(r"(.)\1{5}", segment.text):
        return False
    alone = segment.text.strip().strip(".!?,…").lower()
    return not (alone in _PHANTOMS and (segment.no_speech_prob > 0.3 or segment.avg_logprob < -0.5))


def _stutters(segments: Sequence[Any]) -> bool:
    """Whether one and the same sentence comes three times or more."""
    texts = [s.text.strip().lower() for s in segments]
    return any(texts.count(text) >= 3 and len(text) > 8 for text in set(texts))
