"""Names on the screen reach the recogniser by the number of pictures, whichever thread is faster."""

import threading
import time

from kinoscribe.evidence.screen_text import Line
from kinoscribe.evidence.vocabulary import MOST_WORDS, Vocabulary, names
from kinoscribe.notes import Box

BOX = Box(0.1, 0.1, 0.5, 0.1)


def lines(*texts: str) -> list[Line]:
    return [Line(text, 0.97, BOX) for text in texts]


def test_names_are_words_with_a_capital() -> None:
    found = list(
        names([*lines("LIONS 1 - 0 WOLVES", "Karl von Frisch, Nobel Prize 1973"), Line("Blur", 0.5, BOX)])
    )
    assert found == ["Lions", "Wolves", "Karl", "Frisch", "Nobel", "Prize"]


def test_only_the_pictures_named_count_however_many_have_been_read() -> None:
    vocabulary = Vocabulary()
    vocabulary.note(lines("Zephyr"))
    vocabulary.note(lines("Zephyr Ellisport"))
    assert vocabulary.after(0) == ""
    assert vocabulary.after(1) == "Zephyr."
    assert vocabulary.after(2) == "Zephyr, Ellisport."


def test_who_asks_early_waits_for_the_reader() -> None:
    vocabulary, got = Vocabulary(), []
    asking = threading.Thread(target=lambda: got.append(vocabulary.after(1)), daemon=True)
    asking.start()
    time.sleep(0.05)
    assert got == []
    vocabulary.note(lines("Marbury"))
    asking.join(5)
    assert got == ["Marbury."]


def test_nobody_waits_for_a_reader_that_has_ended() -> None:
    vocabulary = Vocabulary()
    vocabulary.note(lines("Marbury"))
    vocabulary.close()
    assert vocabulary.after(5) == "Marbury."


def test_the_latest_words_are_kept() -> None:
    vocabulary = Vocabulary()
    for number in range(3 * MOST_WORDS):
        vocabulary.note(lines("Word" + "abcdefghij"[number % 10] * (1 + number // 10)))
    told = vocabulary.after(3 * MOST_WORDS).split(", ")
    assert len(told) == MOST_WORDS
    assert told[-1] == "Word" + "j" * 12 + "."
