"""What a model was shown reads as a few lines, however many windows there were."""

from typing import Any

from kinoscribe.analysis.ledger import Ledger, Seen
from kinoscribe.cli.looked_at import looked_at_lines
from kinoscribe.engines.engine import Frame, Missed


def ledger(windows: int = 2) -> Ledger:
    made = Ledger(dropped=3, picture_tokens=250, strips_kept=1, contexts=[32_768])
    made.show((Frame(0.0, 448, 252, b""), Frame(3_605.5, 448, 252, b"")))
    made.answered()
    made.windows = [Seen(n * 300.0, (n + 1) * 300.0, "asked", 120) for n in range(windows)]
    made.windows[-1] = Seen(windows * 300.0 - 300.0, windows * 300.0, "missing", reason="It broke.")
    made.close = [(300.0, 600.0)]
    made.servers = {"1", "2"}
    made.miss(Missed("2", "answered with status 500", again=True, wait=0.5))
    made.miss(Missed("2", "answered with status 500", again=True, wait=1.0))
    made.miss(Missed("1", "could not be reached"))
    made.ask("windows", 4_000, 300)
    made.ask("windows", 4_000, 300)
    made.ask("answer", 2_000, 150)
    return made


def lines(made: Ledger) -> list[tuple[str, str]]:
    return list(looked_at_lines(made.body()))


def test_pictures_windows_questions_and_servers_are_told() -> None:
    assert lines(ledger()) == [
        (
            "looked at",
            "2 pictures of 448x252 from 0:00 to 1:00:05.5; 250 tokens; 3 like the one before left out; "
            "1 stretch kept from before",
        ),
        ("  windows", "2: 1 asked for this answer, 1 nobody could look at it"),
        ("    0:00", "to 5:00, 120 pictures, asked for this answer"),
        ("    5:00", "to 10:00, nobody could look at it: It broke."),
        ("  closely", "5:00 to 10:00"),
        ("  for windows", "2 questions to the model, 8000 tokens in, 600 out"),
        ("  for answer", "1 question to the model, 2000 tokens in, 150 out"),
        ("  too long", "the server could not read 32768 tokens at once; fewer were tried"),
        ("  answered", "by server 1 and 2 of the list; 2 questions asked again"),
        ("  server 1", "could not be reached"),
        ("  server 2", "answered with status 500, 2 times; asked again after 1.5 s"),
    ]


def test_of_very_many_windows_only_those_that_are_missing_are_told_one_by_one() -> None:
    told = lines(ledger(240))
    assert [said for name, said in told if name.startswith("    ")] == [
        "to 20:00:00, nobody could look at it: It broke."
    ]
    assert ("  windows", "240: 239 asked for this answer, 1 nobody could look at it") in told


def test_an_answer_from_the_cache_says_so_and_an_old_receipt_says_what_it_has() -> None:
    kept = Ledger(answer_kept=True)
    assert lines(kept) == [("looked at", "nothing: the answer was kept from an earlier question")]
    old: dict[str, Any] = {"frames": {"used": 1, "sizes": ["8x8"], "times": [-1.0]}}
    assert list(looked_at_lines(old)) == [("looked at", "1 picture of 8x8 from -0:01 to -0:01")]
