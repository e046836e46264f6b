"""Nothing that a thread says is lost or turned round on its way to the event loop, however little it is woken."""

import asyncio
import gc
import threading
from collections.abc import Callable

import pytest

from kinoscribe.api import handover
from kinoscribe.api.alarm import Alarm
from kinoscribe.api.handover import Handover

WAIT = 20.0


def apart(first: str, second: str) -> str | None:
    return None


def joined(first: str, second: str) -> str | None:
    return first + second if len(first) + len(second) <= 100 else None


async def all_of(box: Handover[str], last: str) -> list[str]:
    found: list[str] = []
    while not found or not found[-1].endswith(last):
        assert await box.wait(WAIT), "nothing came any more"
        found += box.take()
    return found


def test_all_that_many_threads_say_at_once_comes_in_the_order_each_has_said_it() -> None:
    async def main() -> None:
        boxes = [Handover[str](apart) for _ in range(20)]

        def say(box: Handover[str]) -> None:
            for number in range(500):
                box.put(f"{number}")
            box.put("end")

        threads = [threading.Thread(target=say, args=(box,)) for box in boxes]
        for thread in threads:
            thread.start()
        for found in await asyncio.gather(*(all_of(box, "end") for box in boxes)):
            assert found == [*map(str, range(500)), "end"]
        for thread, box in zip(threads, boxes, strict=True):
            thread.join(WAIT)
            box.close()

    asyncio.run(asyncio.wait_for(main(), WAIT * 3))


def test_one_wake_is_enough_for_all_that_is_said_before_it_comes() -> None:
    async def main() -> None:
        woken: list[Callable[..., object]] = []
        loop = asyncio.get_running_loop()
        through = loop.call_soon_threadsafe

        def count(call: Callable[..., object], *args: object) -> asyncio.Handle:
            woken.append(call)
            return through(call, *args)

        loop.call_soon_threadsafe = count  # type: ignore[method-assign,assignment]
        first, second = Handover[str](apart), Handover[str](apart)
        for box in (first, second, first, first):
            box.put("a")
        assert len(woken) == 1
        assert await first.wait(WAIT)
        assert await second.wait(WAIT)
        assert (first.take(), second.take()) == (["a"] * 3, ["a"])
        await asyncio.sleep(0)
        first.put("b")
        assert len(woken) == 2
        assert await all_of(first, "b") == ["b"]

    asyncio.run(main())


def test_what_nobody_fetches_is_put_together() -> None:
    async def main() -> None:
        box = Handover[str](joined)
        for number in range(20_000):
            box.put(str(number % 10))
        found = box.take()
        assert "".join(found) == "0123456789" * 2_000
        assert len(found) < 500

    asyncio.run(main())


def test_a_wait_ends_without_anything_when_its_time_is_over() -> None:
    async def main() -> None:
        box = Handover[str](apart)
        assert not await box.wait(0.05)
        assert not await box.wait(-1.0)
        box.put("a")
        assert await box.wait(-1.0)
        assert box.take() == ["a"]
        await box.wait(0.05)  # the wake for what was taken already may end this one
        assert box.take() == []
        assert not await box.wait(0.05)
        box.close()

    asyncio.run(asyncio.wait_for(main(), WAIT))


def test_a_wait_that_is_given_up_takes_nothing_away() -> None:
    async def main() -> None:
        box = Handover[str](apart)
        waiting = asyncio.ensure_future(box.wait(WAIT))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        box.put("a")
        assert await box.wait(WAIT)
        assert box.take() == ["a"]

    asyncio.run(asyncio.wait_for(main(), WAIT))


def test_a_loop_that_has_gone_is_not_held() -> None:
    before = len(handover._bells)
    for _ in range(5):
        test_what_nobody_fetches_is_put_together()
    gc.collect()
    assert len(handover._bells) <= before


class _Clock:
    """A loop whose time a test moves on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[_Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, call: Callable[[], None]) -> "_Timer":
        self.timers.append(_Timer(at, call))
        return self.timers[-1]

    def move(self, to: float) -> None:
        self.now = to
        for timer in [one for one in self.timers if one.at <= to and not one.over]:
            timer.over = True
            timer.call()


class _Timer:
    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at, self.call, self.over = at, call, False

    def when(self) -> float:
        return self.at

    def cancel(self) -> None:
        self.over = True


def test_an_alarm_is_called_once_it_has_not_been_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clock)
    called: list[float] = []
    one = Alarm(lambda: called.append(clock.now))
    one.set(10.0)
    for moment in range(1, 30):
        clock.move(moment)
        one.set(10.0)
    assert not called
    assert len(clock.timers) <= 4, "it is not for every time that it is put off"
    clock.move(38.9)
    assert not called
    clock.move(39.0)
    assert called == [39.0]
    clock.move(100.0)
    assert called == [39.0]
    one.set(50.0)
    one.set(5.0)
    clock.move(105.0)
    assert called == [39.0, 105.0]
    one.set(5.0)
    one.stop()
    clock.move(120.0)
    one.set(5.0)
    one.close()
    clock.move(200.0)
    assert called == [39.0, 105.0]
    assert all(timer.over for timer in clock.timers)
