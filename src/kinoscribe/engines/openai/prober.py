"""Keeps what is known of the model servers behind one engine: asked in the background, never waited for at length."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Any

import structlog

from kinoscribe import clock
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.engines.engine import EngineState, Missed
from kinoscribe.engines.openai.abilities import Abilities, about_all, common, fitted
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.identify import Unfit
from kinoscribe.engines.openai.probe import examine, listen, meet
from kinoscribe.engines.openai.talk import Unanswered

_log = structlog.get_logger(__name__)

# Seconds: what was found is believed for so long; a server that is away is looked for so often, one that could not be
# examined so often, which is also the longest that one without answers is left alone; looks that failures call for
# are so far apart; a first question waits so long.
KEPT = 3600.0
AGAIN = 10.0
ANEW = 60.0
SOON = 1.0
FIRST_WAIT = 3.0


@dataclass(frozen=True, slots=True)
class Server:
    """One URL of the list, and why it cannot be used, where it cannot."""

    url: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class _Sum:
    """What follows from what was found: for all servers, and for each."""

    config: OpenAIConfig
    of: Mapping[str, OpenAIConfig] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


class Prober:
    """What a list of servers of one model can. Nothing is asked of them before somebody wants to know.

    `pinned`: the operator named the profile. All must have the model, and each is examined: what is asked fits the one
    that takes least, and goes to each as that one takes it.
    """

    def __init__(self, config: OpenAIConfig, *, pinned: bool = False) -> None:
        self._given = config
        self._pinned = pinned
        self._cancel = Cancel()
        self._lock = threading.Lock()
        self._met = threading.Event()
        self._known: dict[str, Abilities] = {}
        self._sum = _Sum(config)
        self._servers: tuple[Server, ...] = ()
        self._able: tuple[Abilities, ...] = ()
        self._unfit: dict[str, str] = {}
        self._doubted = False
        self._listened = -AGAIN
        self._silences = 0
        self._due = 0.0
        self._ended = 0.0
        self._looking = False

    @property
    def config(self) -> OpenAIConfig:
        """The operator's configuration with what was found so far. Starts a look where it is time for one."""
        self._start_if_due()
        return self._sum.config

    def config_of(self, url: str) -> OpenAIConfig:
        """The same for one server of the list."""
        known = self._sum
        return known.of.get(url, known.config)

    @property
    def servers(self) -> tuple[Server, ...]:
        return self._servers

    @property
    def unwell(self) -> frozenset[str]:
        """The URLs of servers that cannot be used, as far as that is known."""
        return frozenset(server.url for server in self._servers if server.fault)

    def state(self) -> EngineState:
        """Whether a server has the model. Before anybody knows, it is waited for, for a moment and once."""
        self._start_if_due()
        self._met.wait(FIRST_WAIT)
        servers = self._servers
        if not servers:
            return EngineState(ready=False, reason=f"The model server of {self._given.name} does not answer.")
        faults = [server.fault for server in servers if server.fault]
        if len(faults) == len(servers):
            missed = tuple(Missed(str(number), fault) for number, fault in enumerate(faults, 1))
            return EngineState(False, f"The model server of {self._given.name}: {faults[0]}", missed=missed)
        return EngineState(ready=True, about=self._sum.about)

    def failed(self) -> None:
        """A server failed an ask: look soon whether it is there, and whether it answers anything."""
        with self._lock:
            self._doubted = True
            self._due = min(self._due, self._ended + SOON)
        self._start_if_due()

    def answered(self) -> None:
        """A server answered an ask: where none was thought to be well, look soon which one it is."""
        self._doubted = False
        if self._servers and len(self.unwell) == len(self._servers):
            with self._lock:
                self._due = min(self._due, self._ended + SOON)
            self._start_if_due()

    def look(self, cancel: Cancel) -> Mapping[int, Abilities]:
        """Looks now and in full, and waits for it: what each server that can be used can, by its place in the list.

        Raises `Canceled`.
        """
        self._meet(cancel)
        self._examine(self._able, cancel)
        return self._well()

    def close(self) -> None:
        """A look that is under way ends soon."""
        self._cancel.throw()

    def _start_if_due(self) -> None:
        with self._lock:
            if self._looking or self._cancel.thrown or clock.steady() < self._due:
                return
            self._looking = True
        threading.Thread(target=self._look_aside, daemon=True, name="probe").start()

    def _look_aside(self) -> None:
        wait = AGAIN
        try:
            before = self._servers
            self._meet(self._cancel)
            self._tell_faults(before)
            doubted = self._doubted and clock.steady() >= self._listened + AGAIN
            due = [one for one in self._able if not self._is_examined(one)]
            unheard = [one for one in self._able if one not in due and (doubted or self._unfit.get(one.url))]
            self._examine(due, self._cancel)
            if due:
                self._tell(before)
            self._listen(unheard, self._cancel)
            wait = self._wait()
        except Canceled:
            return
        finally:
            with self._lock:
                self._looking = False
                self._ended = clock.steady()
                self._due = self._ended + wait

    def _wait(self) -> float:
        """Seconds until the next look; twice as many each time that a server is there and answers nothing."""
        silent = any(self._unfit.values())
        self._silences = self._silences + 1 if silent else 0
        if silent:
            return min(ANEW, AGAIN * 2.0 ** min(self._silences - 1, 10))
        if not self._able or self.unwell or self._doubted:
            return AGAIN
        return KEPT if all(self._is_examined(one) for one in self._able) else ANEW

    def _listen(self, able: Sequence[Abilities], cancel: Cancel) -> None:
        """Asks servers that were met one short question each. Raises `Canceled`."""
        if not able:
            return
        self._doubted = False
        before = self._servers
        for one in able:
            self._judge(one.url, listen(self._given, self._known[one.url], cancel))
        self._listened = clock.steady()
        self._tell_faults(before)

    def _judge(self, url: str, fault: str) -> None:
        """Keeps why nobody can use a server that was met; empty where it can be used."""
        self._unfit[url] = fault
        self._servers = tuple(Server(url, fault) if server.url == url else server for server in self._servers)
        self._sum_up()

    def _tell_faults(self, before: tuple[Server, ...]) -> None:
        """Logs what has changed: servers that are away or say nothing, and those that are back."""
        well = {server.url for server in before if not server.fault}
        for number, server in enumerate(self._servers, 1):
            if server.fault and server not in before:
                _log.warning("model_server_away", engine=self._given.name, number=number, fault=server.fault)
            elif not server.fault and before and server.url not in well:
                _log.info("model_server_back", engine=self._given.name, number=number)

    def _examine(self, due: Sequence[Abilities], cancel: Cancel) -> None:
        """Finds out what servers that were met can, of all at once. Raises `Canceled`."""
        found = self._of_each(due, lambda one: examine(self._given, one, cancel))
        for _ in due:
            one = found.get()
            cancel.check()
            if isinstance(one, Abilities) and (one.looked_at is not None or not self._is_known(one)):
                self._known[one.url] = one  # one that was too busy can what it could
            self._judge(one.url, "" if isinstance(one, Abilities) else one.fault)

    def _well(self) -> Mapping[int, Abilities]:
        """What is known of the servers that can be used, by their places."""
        return {place: one for place, one in self._there().items() if not self._unfit.get(one.url)}

    def _there(self) -> Mapping[int, Abilities]:
        """The same of all that answered anything."""
        places = {server.url: place for place, server in enumerate(self._servers, 1)}
        return {places[one.url]: self._known[one.url] for one in self._able}

    def _sum_up(self) -> None:
        """Puts together what was found. It is never forgotten while nobody is there."""
        each = self._well() or self._there()
        if not each:
            return
        of = {url: fitted(self._given, one, pinned=self._pinned) for url, one in self._known.items()}
        self._sum = _Sum(common([of[one.url] for one in each.values()]), of, about_all(each))

    def _tell(self, before: tuple[Server, ...]) -> None:
        """Logs what was found."""
        self._tell_faults(before)
        each = self._well()
        if not each:
            faults = [server.fault for server in self._servers]
            _log.warning("model_server_unusable", engine=self._given.name, faults=faults)
        for place, found in each.items():
            _log.info("model_server", engine=self._given.name, number=place, **found.about())
            for remark in found.remarks:
                _log.warning("model_server_remark", engine=self._given.name, number=place, remark=remark)

    def _is_examined(self, met: Abilities) -> bool:
        """Whether the same server with the same model was examined, and is not yet due to be examined again."""
        looked_at = self._known[met.url].looked_at
        return looked_at is not None and (clock.now() - looked_at).total_seconds() <= KEPT

    def _is_known(self, met: Abilities) -> bool:
        """Whether the same server with the same model was examined, however long ago."""
        known = self._known.get(met.url)
        return known is not None and known.looked_at is not None and known.same_as(met)

    def _meet(self, cancel: Cancel) -> None:
        """Asks all servers at once what they are. What is known of some is kept at once. Raises `Canceled`."""
        urls = tuple(dict.fromkeys(self._given.urls))
        asked = tuple(Abilities(url) for url in urls)
        answers = self._of_each(asked, lambda one: meet(self._given, one.url, cancel, pinned=self._pinned))
        met: dict[str, Abilities | Server] = {}
        while len(met) < len(urls):
            answer = answers.get()
            cancel.check()
            met[answer.url] = answer
            if len(met) == len(urls) or not self._met.is_set():
                self._take([met[url] for url in urls if url in met])
        self._met.set()

    def _of_each(
        self, servers: Sequence[Abilities], ask: Callable[[Abilities], Abilities]
    ) -> "SimpleQueue[Abilities | Server]":
        """What comes of asking each of them, in threads of their own, as it comes."""
        answers: SimpleQueue[Abilities | Server] = SimpleQueue()

        def ask_one(one: Abilities) -> None:
            answer: Abilities | Server = Server(one.url, "It was not asked.")
            try:
                answer = ask(one)
            except Unanswered as error:
                answer = Server(one.url, f"It {error}.")
            except Unfit as error:
                answer = Server(one.url, str(error))
            except Canceled:
                return  # whoever waits for the answer is told so as well
            finally:
                answers.put(answer)

        for one in servers:
            threading.Thread(target=ask_one, args=(one,), daemon=True, name="meet").start()
        return answers

    def _take(self, met: list[Abilities | Server]) -> None:
        """Keeps what is known of the servers that were met. With one that can be used nobody need wait for the rest."""
        self._servers = tuple(
            one if isinstance(one, Server) else Server(one.url, self._unfit.get(one.url, "")) for one in met
        )
        self._able = tuple(one for one in met if isinstance(one, Abilities))
        for one in self._able:
            known = self._known[one.url] if self._is_known(one) else one
            self._known[one.url] = replace(known, context_tokens=one.context_tokens or known.context_tokens)
        self._sum_up()
        if self._able:
            self._met.set()
