"""A video of any length is answered about in one last ask, with the pictures and the words that it needs."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.analysis.pretended_sight import A_PICTURE, SIGHT, Cinema, events_of, sees

from kinoscribe.analysis import run
from kinoscribe.analysis.budget import padded
from kinoscribe.analysis.job import Job, KeptHere
from kinoscribe.analysis.pictures import Reference
from kinoscribe.cancel import Canceled
from kinoscribe.contract.errors import ContextTooLong, EngineFailed
from kinoscribe.contract.events import Ended, Event, Progress, TextPart
from kinoscribe.engines.engine import Ask, Finished, Missed, Piece, Sight, Text
from kinoscribe.media.pieces import Cutout
from kinoscribe.tokens import count_tokens

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
SUMMARY = "Summarise all of it."


def helps(ask: Ask) -> bool:
    return ask.prompt.startswith(("Describe this part", "Join these accounts"))


def play(ask: Ask) -> str:
    return events_of(ask) if helps(ask) else '{"a": 1}' if ask.json_schema else "The answer."


def answered(cinema: Cinema, job: Job) -> tuple[str, Ended, list[Event]]:
    cinema.parts.gatherer.notes = cinema.notes
    said = list(run.events(job, cinema.tools))
    assert isinstance(said[-1], Ended)
    return "".join(one.text for one in said if isinstance(one, TextPart)), said[-1], said


def last(cinema: Cinema) -> Ask:
    return cinema.engine.asked[-1]


def test_what_fits_is_looked_at_in_one_go() -> None:
    cinema = Cinema(sees(play), 120.0)
    text, ended, _ = answered(cinema, cinema.job("Why?"))
    assert (text, ended.finish_reason, ended.warning) == ("The answer.", "stop", None)
    (ask,) = cinema.engine.asked
    assert len(ask.frames) == 120
    assert "number n5." in ask.brief
    assert (ask.prompt, ask.start, ask.end) == ("Why?", 0.0, 120.0)
    assert (ask.content, ask.salt) == (cinema.job().looked.content, cinema.cache.salt("one"))
    assert "one" not in ask.salt


def test_a_part_of_a_long_video_is_looked_at_alone() -> None:
    cinema = Cinema(sees(play), 7_200.0)
    answered(cinema, cinema.job("Why?", start=1_680.0, end=1_800.0))
    (ask,) = cinema.engine.asked
    assert all(1_680.0 <= frame.time <= 1_800.0 for frame in ask.frames)
    assert "number n84." in ask.brief
    assert "number n83." not in ask.brief


@pytest.mark.parametrize("context", [4_096, 8_192, 32_768, 131_072])
@pytest.mark.parametrize("prompt", [SUMMARY, "Who says n77?", "What is at 1:02:03?", "Who smiles?"])
def test_no_ask_is_longer_than_the_context(context: int, prompt: str) -> None:
    cinema = Cinema(sees(play, context=context), 7_200.0)
    text, ended, said = answered(cinema, cinema.job(prompt, max_tokens=2_048))
    assert (text, ended.finish_reason) == ("The answer.", "stop")
    for ask in cinema.engine.asked:
        used = (
            padded(count_tokens(ask.prompt)) + padded(count_tokens(ask.brief)) + A_PICTURE * len(ask.frames)
        )
        assert used + ask.max_tokens <= context
        times = [frame.time for frame in ask.frames]
        assert times == sorted(set(times))
    assert not any(helps(ask) for ask in cinema.engine.asked[-1:])
    done = [event.done for event in said if isinstance(event, Progress) and event.stage == "answer"]
    assert done == sorted(done, key=lambda share: share or 0.0)


def test_a_question_about_the_whole_is_answered_from_every_window() -> None:
    cinema = Cinema(sees(play), 7_200.0)
    answered(cinema, cinema.job(SUMMARY))
    windows = [(ask.start, ask.end) for ask in cinema.engine.asked if helps(ask)]
    assert windows[0][0] == 0.0
    assert windows[-1][1] == 7_200.0
    assert all(a[1] == b[0] for a, b in itertools.pairwise(windows))
    assert all(end % 30.0 == 0.0 for _, end in windows), "windows end at cuts"
    ask = last(cinema)
    for start, end in windows:
        assert f"Part from {start:.0f} to {end:.0f}" in ask.brief
    assert (ask.frames[0].time < 300.0, ask.frames[-1].time > 6_900.0) == (True, True)


def test_a_question_that_the_evidence_answers_is_looked_into_where_it_points() -> None:
    cinema = Cinema(sees(play), 7_200.0)
    job = cinema.job("Who says n77?")
    answered(cinema, job)
    (ask,) = cinema.engine.asked
    near = [frame for frame in ask.frames if 1_500.0 <= frame.time <= 1_800.0]
    assert len(near) > len(ask.frames) / 2
    gaps = [b.time - a.time for a, b in itertools.pairwise(near)]
    assert max(gaps) - min(gaps) < 0.01, "pictures of the whole do not come on top of those"
    assert ask.frames[0].time < 300.0, "there are a few pictures of the whole, too"
    assert ask.frames[-1].time > 6_900.0
    assert "number n77." in ask.brief
    assert job.ledger.close == [(1_500.0, 1_800.0)]


def test_what_a_window_shows_decides_where_to_look_closely() -> None:
    def told(ask: Ask) -> str:
        if not helps(ask):
            return "The answer."
        event = {"start_time": ask.start, "end_time": ask.end, "what": "A walk"}
        if ask.start <= 3_000.0 < ask.end:
            event["shown"] = "a zebra"
        return json.dumps({"events": [event]})

    cinema = Cinema(sees(told), 7_200.0)
    job = cinema.job("Where is the zebra?")
    answered(cinema, job)
    ((start, end),) = job.ledger.close
    assert start <= 3_000.0 < end
    assert "a zebra" in last(cinema).brief


@pytest.mark.parametrize(("context", "most"), [(8_192, 1), (32_768, 2), (131_072, 6)])
def test_no_more_windows_are_looked_at_closely_than_there_are_pictures_for(context: int, most: int) -> None:
    def zebras(ask: Ask) -> str:
        event = {"start_time": ask.start, "end_time": ask.end, "what": "A zebra walks"}
        return json.dumps({"events": [event]}) if helps(ask) else "The answer."

    cinema = Cinema(sees(zebras, context=context), 7_200.0)
    job = cinema.job("Where is the zebra?")
    answered(cinema, job)
    assert len(job.ledger.close) == most
    for start, end in job.ledger.close:
        inside = [frame for frame in last(cinema).frames if start <= frame.time <= end]
        assert len(inside) >= (end - start) / 6.0


def test_a_second_question_about_the_same_video_asks_once() -> None:
    cinema = Cinema(sees(play), 7_200.0)
    answered(cinema, cinema.job(SUMMARY))
    asked = len(cinema.engine.asked)
    job = cinema.job("Summarise everything in one word.")
    answered(cinema, job)
    assert len(cinema.engine.asked) == asked + 1
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    assert body["cache"]["windows"] == asked - 1


def test_the_shape_of_the_answer_is_the_clients_own_and_its_tokens_are_counted() -> None:
    cinema = Cinema(sees(play), 7_200.0)
    text, ended, _ = answered(cinema, cinema.job(SUMMARY, json_schema=SCHEMA))
    assert text == '{"a":1}'
    assert last(cinema).json_schema == SCHEMA
    assert ended.usage.output_tokens < 10
    assert ended.usage.input_tokens > 500_000, "all that was read counts"


def test_the_tokens_of_a_server_that_counts_are_believed() -> None:
    def counted(ask: Ask) -> Finished | str:
        return play(ask)

    cinema = Cinema(sees(counted), 600.0)
    inner = cinema.engine.play

    def counting(ask: Ask, cancel: Any) -> Any:
        for piece in inner(ask, cancel):
            yield Finished("stop", 1_000, 10) if isinstance(piece, Finished) else piece

    cinema.engine.play = counting
    _, ended, _ = answered(cinema, cinema.job(SUMMARY))
    assert ended.usage.input_tokens == 1_000 * len(cinema.engine.asked)
    assert ended.usage.output_tokens == 10


def test_one_window_that_fails_costs_a_warning_and_not_the_answer() -> None:
    def mostly(ask: Ask) -> Any:
        return EngineFailed(reason="no power.") if helps(ask) and ask.start == 300.0 else play(ask)

    cinema = Cinema(sees(mostly), 3_600.0)
    text, ended, _ = answered(cinema, cinema.job(SUMMARY))
    assert text == "The answer."
    assert ended.finish_reason == "length"
    assert ended.warning is not None
    assert ended.warning.startswith("output truncated:")
    assert "300.0 to 600.0" in ended.warning
    assert "no power" in ended.warning
    assert "[300.0 s - 600.0 s] (nobody could look at this part)" in last(cinema).brief
    windows = cinema.parts.receipts.bodies["an-id"]["looked_at"]["windows"]
    assert [one["how"] for one in windows].count("missing") == 1


@pytest.mark.parametrize("seconds", [120.0, 3_600.0])
def test_a_context_smaller_than_believed_is_halved_until_it_fits(seconds: float) -> None:
    def small(ask: Ask) -> Any:
        used = padded(count_tokens(ask.brief)) + A_PICTURE * len(ask.frames) + ask.max_tokens
        return ContextTooLong() if used > 7_000 else play(ask)

    cinema = Cinema(sees(small, context=32_768), seconds)
    text, ended, _ = answered(cinema, cinema.job(SUMMARY))
    assert (text, ended.finish_reason) == ("The answer.", "stop")
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    assert body["contexts_too_long"] == [32_768, 16_384, 8_192][: len(body["contexts_too_long"])]
    assert len(body["contexts_too_long"]) >= 2
    asked = sum(one["frames"] for one in body["windows"] if one["how"] == "asked")
    assert body["frames"]["used"] == asked + len(last(cinema).frames)  # none of what was too much
    assert body["frames"]["tokens"] == A_PICTURE * body["frames"]["used"]


@pytest.mark.parametrize("sent", [0, 3])
def test_the_receipt_counts_the_pictures_that_went_out_and_says_what_the_server_did(sent: int) -> None:
    def fewer(ask: Ask) -> Any:
        shown = " ".join(f"{frame.time:.3f}" for frame in ask.frames[:sent])
        said = {"shown": shown, "pictures": "few", "input": "miscounted", "server": "2"}
        return Finished(notes=said)

    cinema = Cinema(sees(fewer), 60.0)
    answered(cinema, cinema.job(SUMMARY))
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    assert body["frames"]["times"] == [frame.time for frame in last(cinema).frames[:sent]]
    assert (body["frames"]["used"], body["frames"]["tokens"]) == (sent, A_PICTURE * sent)
    assert body["notes"] == {"input": "miscounted", "pictures": "few"}
    assert (body["servers"], body["tried_again"]) == (["2"], 0)


def test_windows_cut_for_a_context_that_was_too_long_are_forgotten() -> None:
    def later(ask: Ask) -> Any:
        return ContextTooLong() if ask.start >= 600.0 and len(ask.frames) > 150 else play(ask)

    cinema = Cinema(sees(later), 3_600.0)
    answered(cinema, cinema.job(SUMMARY))
    windows = cinema.parts.receipts.bodies["an-id"]["looked_at"]["windows"]
    assert all(a["end"] == b["start"] for a, b in itertools.pairwise(windows))
    assert (windows[0]["start"], windows[-1]["end"]) == (0.0, 3_600.0)


def test_a_context_that_nothing_fits_is_an_error_after_a_few_tries() -> None:
    cinema = Cinema(sees(lambda _ask: ContextTooLong()), 7_200.0)
    with pytest.raises(ContextTooLong):
        answered(cinema, cinema.job(SUMMARY))
    assert len(cinema.engine.asked) <= 5


def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    def breaks(_ask: Ask, _cancel: Any) -> Any:
        yield Text("Half ")
        raise ContextTooLong()

    cinema = Cinema(sees(play), 60.0)
    cinema.engine.play = breaks
    with pytest.raises(ContextTooLong):
        answered(cinema, cinema.job("Why?"))
    assert len(cinema.engine.asked) == 1


def test_a_model_that_takes_no_pictures_reads_all_of_the_evidence() -> None:
    blind = Sight(0, 448, lambda _width, _height: A_PICTURE)
    cinema = Cinema(sees(play, sight=blind, context=8_192), 7_200.0)
    answered(cinema, cinema.job(SUMMARY))
    assert cinema.frames.asked == []
    assert all(ask.frames == () for ask in cinema.engine.asked)
    read = "".join(ask.brief for ask in cinema.engine.asked if helps(ask))
    assert all(f"number n{n}." in read for n in range(360))


def test_a_server_that_takes_few_pictures_gets_no_more() -> None:
    few = Sight(8, 448, SIGHT.tokens)
    cinema = Cinema(sees(play, sight=few), 3_600.0)
    answered(cinema, cinema.job("What about n77, n12 and n150?"))
    answered(cinema, cinema.job(SUMMARY))
    assert max(len(ask.frames) for ask in cinema.engine.asked) <= 8


def test_another_attempt_does_not_describe_again_what_the_last_one_did() -> None:
    kept = KeptHere()

    def dies(ask: Ask) -> Any:
        return EngineFailed(reason="it was killed.") if ask.start >= 3_000.0 or not helps(ask) else play(ask)

    first = Cinema(sees(dies), 7_200.0)
    with pytest.raises(EngineFailed):
        answered(first, first.job(SUMMARY, kept=kept))
    again = Cinema(sees(play), 7_200.0)
    text, ended, _ = answered(again, again.job(SUMMARY, kept=kept))
    assert (text, ended.finish_reason) == ("The answer.", "stop")
    assert min(ask.start for ask in again.engine.asked if helps(ask)) == 3_000.0
    whole = Cinema(sees(play), 7_200.0)
    answered(whole, whole.job(SUMMARY))
    assert last(again) == last(whole)


def test_whoever_loses_interest_ends_it_between_windows() -> None:
    cinema = Cinema(sees(play), 7_200.0)
    cinema.parts.gatherer.notes = cinema.notes
    job = cinema.job(SUMMARY)
    said = run.events(job, cinema.tools)
    while len(cinema.engine.asked) < 3:
        next(said)
    job.cancel.throw()
    with pytest.raises(Canceled):
        list(said)
    assert len(cinema.engine.asked) == 3
    assert cinema.engine.closed == 3


def test_json_that_was_cut_is_closed_after_its_last_complete_element() -> None:
    lists = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}}
    cinema = Cinema(sees(lambda _ask: ""), 60.0)

    def cut(_ask: Ask, _cancel: Any) -> Any:
        yield Text('{"a": [1, 2, 3')
        yield Finished("length")

    cinema.engine.play = cut
    text, ended, _ = answered(cinema, cinema.job("Why?", json_schema={**lists, "required": ["a"]}))
    assert text == '{"a":[1,2]}'
    assert ended.finish_reason == "length"
    assert ended.warning is not None


def test_reference_pictures_take_their_share_of_the_context() -> None:
    cutout = Cutout(448, 252, b"")
    found = []
    for pictures in ((), (Reference("one", "ab", b"jpeg", cutout),) * 4):
        cinema = Cinema(sees(play, context=8_192), 60.0)
        answered(cinema, replace(cinema.job("Why?", max_tokens=2_048), pictures=pictures))
        (ask,) = cinema.engine.asked
        assert len(ask.images) == len(pictures)
        found.append(A_PICTURE * (len(ask.frames) + len(ask.images)) + padded(count_tokens(ask.brief)))
        assert found[-1] + ask.max_tokens + padded(count_tokens(ask.prompt)) <= 8_192


def test_the_receipt_says_which_server_answered_at_the_how_manieth_try() -> None:
    def tries(ask: Ask) -> Finished:
        ask.missed(Missed("1", "could not be reached", again=True))
        ask.missed(Missed("2", "answered with status 500", again=True, wait=0.5))
        return Finished(notes={"server": "2"})

    cinema = Cinema(sees(tries), 60.0)
    answered(cinema, cinema.job("Why?"))
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    assert (body["servers"], body["tried_again"]) == (["2"], 2)
    assert [one["server"] for one in body["asked_in_vain"]] == ["1", "2"]


def test_the_receipt_of_a_failure_says_which_servers_were_asked_how_often_and_why_in_vain() -> None:
    def fails(ask: Ask) -> EngineFailed:
        ask.missed(Missed("1", "answered with status 500", again=True, wait=0.5))
        ask.missed(Missed("1", "answered with status 500", again=True, wait=1.0))
        ask.missed(Missed("1", "answered with status 500"))
        return EngineFailed(reason="its model server answered with status 500.")

    cinema = Cinema(sees(fails), 60.0)
    with pytest.raises(EngineFailed) as caught:
        answered(cinema, cinema.job("Why?"))
    assert caught.value.receipt == "an-id"
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    assert (body["servers"], body["tried_again"]) == ([], 2)
    assert body["asked_in_vain"] == [
        {
            "server": "1",
            "reason": "answered with status 500",
            "count": 3,
            "asked_again": 2,
            "waited_seconds": 1.5,
        }
    ]


@pytest.mark.parametrize(
    ("told", "contexts"), [(4_096, [131_072]), (None, [131_072, 65_536, 32_768, 16_384])]
)
def test_a_server_that_tells_its_context_gets_that_much_at_once(
    told: int | None, contexts: list[int]
) -> None:
    def short(ask: Ask) -> ContextTooLong | str:
        used = padded(count_tokens(ask.brief)) + A_PICTURE * len(ask.frames) + ask.max_tokens
        if used > (told or 8_192):
            ask.missed(Missed("1", "found it too long"))
            return ContextTooLong(most=told, prompt=used)
        return play(ask)

    cinema = Cinema(sees(short, context=131_072), 600.0)
    answered(cinema, cinema.job("Why?"))
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    assert body["contexts_too_long"] == contexts
    (missed,) = body["asked_in_vain"]
    assert missed["count"] == missed["asked_again"] == body["tried_again"] >= len(contexts)


def test_a_window_that_is_too_long_counts_as_asked_again_when_all_is_looked_at_anew() -> None:
    def short(ask: Ask) -> ContextTooLong | str:
        used = padded(count_tokens(ask.brief)) + A_PICTURE * len(ask.frames) + ask.max_tokens
        if used > 8_192:
            ask.missed(Missed("1", "found it too long"))
            return ContextTooLong(most=8_192)
        return play(ask)

    cinema = Cinema(sees(short, context=32_768), 3_600.0)
    answered(cinema, cinema.job(SUMMARY))
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    assert body["contexts_too_long"] == [32_768]
    assert [(one["count"], one["asked_again"]) for one in body["asked_in_vain"]] == [(1, 1)]


@pytest.mark.parametrize("told", [1, 511, 10**8])
def test_a_context_that_cannot_be_one_is_not_believed(told: int) -> None:
    cinema = Cinema(sees(lambda _ask: ContextTooLong(most=told), context=32_768), 60.0)
    with pytest.raises(ContextTooLong):
        answered(cinema, cinema.job("Why?"))
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    assert body["contexts_too_long"] == [32_768, 16_384, 8_192, 4_096, 2_048]


def test_windows_say_how_many_pictures_of_them_the_server_took() -> None:
    def few(ask: Ask) -> Iterator[Piece]:
        yield Text(play(ask))
        yield Finished(notes={"shown": " ".join(f"{frame.time:.3f}" for frame in ask.frames[:4])})

    cinema = Cinema(sees(play), 1_800.0)
    cinema.engine.play = lambda ask, _cancel: few(ask)
    answered(cinema, cinema.job(SUMMARY))
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    assert len(body["windows"]) > 3
    assert {one["frames"] for one in body["windows"]} == {4}
    answered(cinema, cinema.job("Why?"))
    kept = cinema.parts.receipts.bodies["an-id"]["looked_at"]["windows"]
    assert {(one["how"], one["frames"]) for one in kept} == {("cached", 4)}


def test_pictures_of_an_ask_that_nobody_answered_were_not_looked_at() -> None:
    def mostly(ask: Ask) -> Any:
        if helps(ask) and ask.start <= 600.0 < ask.end:
            return EngineFailed(reason="no power.")
        return play(ask)

    cinema = Cinema(sees(mostly), 1_800.0)
    answered(cinema, cinema.job(SUMMARY))
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    asked = sum(one["frames"] for one in body["windows"])
    assert body["frames"]["used"] == asked + len(last(cinema).frames)
    assert body["frames"]["tokens"] == A_PICTURE * body["frames"]["used"]
    cinema = Cinema(sees(lambda _ask: EngineFailed(reason="no power.")), 60.0)
    with pytest.raises(EngineFailed):
        answered(cinema, cinema.job("Why?"))
    frames = cinema.parts.receipts.bodies["an-id"]["looked_at"]["frames"]
    assert (frames["used"], frames["tokens"]) == (0, 0)


def test_pictures_of_an_answer_that_broke_off_were_looked_at() -> None:
    def breaks(ask: Ask, _cancel: object) -> Iterator[Piece]:
        ask.begun("1")
        yield Text("A dog")
        raise EngineFailed(reason="no power.")

    cinema = Cinema(sees(play), 60.0)
    cinema.engine.play = breaks
    with pytest.raises(EngineFailed):
        answered(cinema, cinema.job("Why?"))
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    assert body["frames"]["used"] == 60
    assert body["servers"] == [], "it did not answer"


def test_a_server_whose_answer_is_cut_off_here_has_answered() -> None:
    def endless(ask: Ask, _cancel: object) -> Iterator[Piece]:
        ask.begun("2")
        while True:
            yield Text("word ")

    cinema = Cinema(sees(play), 60.0)
    cinema.engine.play = endless
    _, ended, _ = answered(cinema, cinema.job("Why?", max_tokens=2_048))
    assert ended.finish_reason == "length"
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    assert (body["servers"], body["frames"]["used"]) == (["2"], 60)


def test_what_windows_failed_of_adds_up_and_is_bounded() -> None:
    def fails(ask: Ask) -> Finished | str:
        if ask.prompt != "Why?":
            ask.missed(Missed("1", f"found it too long, {ask.start} tokens as it counts", again=True))
            return events_of(ask)
        return Finished()

    cinema = Cinema(sees(fails, context=4_096), 7_200.0)
    answered(cinema, cinema.job("Why?"))
    assert len(cinema.engine.asked) > 60
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    assert 10 < len(body["asked_in_vain"]) <= 41
    assert sum(one["count"] for one in body["asked_in_vain"]) == body["tried_again"] > 60


def test_an_answer_that_is_no_json_of_the_shape_is_told_and_its_tokens_are_counted() -> None:
    turns = iter(["No.", "Never."])
    cinema = Cinema(sees(lambda _ask: next(turns)), 60.0)
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    with pytest.raises(EngineFailed):
        answered(cinema, cinema.job("Why?", json_schema=schema))
    body = cinema.parts.receipts.bodies["an-id"]["looked_at"]
    (told,) = body["asked_in_vain"]
    assert (told["reason"], told["count"]) == ("answered with what is no JSON of the wanted shape", 2)
    assert body["asks"]["repair"]["count"] == body["asks"]["answer"]["count"] == 1


def test_the_receipt_tells_what_was_looked_at() -> None:
    cinema = Cinema(sees(play), 3_600.0)
    job = cinema.job("Who smiles?")
    answered(cinema, job)
    receipt = cinema.parts.receipts.bodies["an-id"]
    body = receipt["looked_at"]
    shown = [frame for ask in cinema.engine.asked for frame in ask.frames]
    assert body["frames"]["used"] == len(shown)
    assert body["frames"]["times"] == [frame.time for frame in shown]
    assert body["frames"]["sizes"] == ["448x252"]
    assert body["frames"]["dropped"] == len(cinema.frames.asked)
    assert body["asks"]["windows"]["count"] == 12
    assert body["asks"]["answer"]["count"] == 1
    total = sum(stage["input_tokens"] for stage in body["asks"].values())
    assert total == receipt["tokens"]["input_tokens"]
    assert set(receipt["seconds"]) >= {"evidence", "frames", "windows", "answer"}
    json.dumps(receipt, allow_nan=False)
