"""Keeps what is known of the model servers behind one engine: asked in the background, never waited for at length."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue

import structlog

from kinoscribe import clock
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.engines.engine import EngineState, Missed
from kinoscribe.engines.openai.abilities import Abilities, fitted
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


class Prober:
    """What a list of servers of one model can. Nothing is asked of them before somebody wants to know.

    `pinned`: the operator named the profile. With several servers the first that answers is examined; all must have the
    model, and the shortest context holds for all.
    """

    def __init__(self, config: OpenAIConfig, *, pinned: bool = False) -> None:
        self._given = config
        self._pinned = pinned
        self._cancel = Cancel()
        self._lock = threading.Lock()
        self._met = threading.Event()
        self._found: Abilities | None = None
        self._fitted: tuple[Abilities | None, OpenAIConfig] = (None, config)
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
        found, (known, config) = self._found, self._fitted
        if found is not known:
            assert found is not None, "what was found is never forgotten"
            config = fitted(self._given, found, pinned=self._pinned)
            self._fitted = found, config
        return config

    @property
    def found(self) -> Abilities | None:
        """What the last look found; None before it."""
        return self._found

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
        servers, found = self._servers, self._found
        about = {} if found is None else found.about()
        if not servers:
            return EngineState(ready=False, reason=f"The model server of {self._given.name} does not answer.")
        faults = [server.fault for server in servers if server.fault]
        if len(faults) == len(servers):
            missed = tuple(Missed(str(number), fault) for number, fault in enumerate(faults, 1))
            return EngineState(False, f"The model server of {self._given.name}: {faults[0]}", missed=missed)
        return EngineState(ready=True, about=about)

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

    def look(self, cancel: Cancel) -> Abilities | None:
        """Looks now and in full, and waits for it. None where no server can be used. Raises `Canceled`."""
        met = self._meet(cancel)
        if met is None:
            return None
        found = self._examine(met, cancel)
        self._listen([one for one in self._able if one.url != met.url], cancel)
        return found

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
            known, before = self._found, self._servers
            met = found = self._meet(self._cancel)
            self._tell_faults(before)
            doubted = self._doubted and clock.steady() >= self._listened + AGAIN
            unheard = [one for one in self._able if doubted or self._unfit.get(one.url)]
            if met is not None and not _is_known(met, known):
                found = self._examine(met, self._cancel)
                self._tell(found)
                unheard = [one for one in unheard if one.url != met.url]
            self._listen(unheard, self._cancel)
            wait = self._wait(found)
        except Canceled:
            return
        finally:
            with self._lock:
                self._looking = False
                self._ended = clock.steady()
                self._due = self._ended + wait

    def _wait(self, found: Abilities | None) -> float:
        """Seconds until the next look; twice as many each time that a server is there and answers nothing."""
        silent = any(self._unfit.values())
        self._silences = self._silences + 1 if silent else 0
        if silent:
            return min(ANEW, AGAIN * 2.0 ** min(self._silences - 1, 10))
        if found is None or self.unwell or self._doubted:
            return AGAIN
        return KEPT if found.looked_at is not None else ANEW

    def _listen(self, able: Sequence[Abilities], cancel: Cancel) -> None:
        """Asks servers that were met one short question each. Raises `Canceled`."""
        if not able:
            return
        self._doubted = False
        before, sees = self._servers, None if self._found is None else self._found.sees
        for one in able:
            self._judge(one.url, listen(self._given, replace(one, sees=sees), cancel))
        self._listened = clock.steady()
        self._tell_faults(before)

    def _judge(self, url: str, fault: str) -> None:
        """Keeps why nobody can use a server that was met; empty where it can be used."""
        self._unfit[url] = fault
        self._servers = tuple(Server(url, fault) if server.url == url else server for server in self._servers)

    def _tell_faults(self, before: tuple[Server, ...]) -> None:
        """Logs what has changed: servers that are away or say nothing, and those that are back."""
        well = {server.url for server in before if not server.fault}
        for number, server in enumerate(self._servers, 1):
            if server.fault and server not in before:
                _log.warning("model_server_away", engine=self._given.name, number=number, fault=server.fault)
            elif not server.fault and before and server.url not in well:
                _log.info("model_server_back", engine=self._given.name, number=number)

    def _examine(self, met: Abilities, cancel: Cancel) -> Abilities | None:
        """What a server that was met can; None where it cannot be used after all. Raises `Canceled`."""
        found, fault = None, ""
        try:
            self._found = found = examine(self._given, met, cancel)
        except Unfit as error:
            fault = str(error)
        self._judge(met.url, fault)
        return found

    def _tell(self, found: Abilities | None) -> None:
        if found is None:
            faults = [server.fault for server in self._servers]
            _log.warning("model_server_unusable", engine=self._given.name, faults=faults)
            return
        _log.info("model_server", engine=self._given.name, **found.about())
        for remark in found.remarks:
            _log.warning("model_server_remark", engine=self._given.name, remark=remark)

    def _meet(self, cancel: Cancel) -> Abilities | None:
        """Asks all servers at once what they are. What they have in common is kept at once. Raises `Canceled`."""
        answers: SimpleQueue[Abilities | Server] = SimpleQueue()
        urls = tuple(dict.fromkeys(self._given.urls))
        for url in urls:
            threading.Thread(
                target=self._meet_one, args=(url, cancel, answers), daemon=True, name="meet"
            ).start()
        met: dict[str, Abilities | Server] = {}
        first = None
        while len(met) < len(urls):
            answer = answers.get()
            cancel.check()
            met[answer.url] = answer
            if len(met) == len(urls) or not self._met.is_set():
                first = self._take([met[url] for url in urls if url in met])
        self._met.set()
        return first

    def _meet_one(self, url: str, cancel: Cancel, answers: "SimpleQueue[Abilities | Server]") -> None:
        answer: Abilities | Server = Server(url, "It was not asked.")
        try:
            answer = meet(self._given, url, cancel, pinned=self._pinned)
        except Unanswered as error:
            answer = Server(url, f"It {error}.")
        except Unfit as error:
            answer = Server(url, str(error))
        except Canceled:
            return  # whoever waits for the answer is told so as well
        finally:
            answers.put(answer)

    def _take(self, met: list[Abilities | Server]) -> Abilities | None:
        """Keeps what is known of the servers that were met. With one that can be used nobody need wait for the rest."""
        self._servers = tuple(
            one if isinstance(one, Server) else Server(one.url, self._unfit.get(one.url, "")) for one in met
        )
        able = [one for one in met if isinstance(one, Abilities)]
        able.sort(key=lambda one: bool(self._unfit.get(one.url)))
        self._able = tuple(able)
        if not able:
            return None
        contexts = [one.context_tokens for one in able if one.context_tokens is not None]
        first = replace(able[0], context_tokens=min(contexts) if contexts else None)
        if not _is_known(first, self._found):
            self._found = first
        self._met.set()
        return first


def _is_known(met: Abilities, known: Abilities | None) -> bool:
    """Whether the same server with the same model was examined before, and is not yet due to be examined again."""
    if known is None or known.looked_at is None:
        return False
    if (clock.now() - known.looked_at).total_seconds() > KEPT:
        return False
    return (met.url, met.profile, met.server, met.model, met.weights) == (
        known.url,
        known.profile,
        known.server,
        known.model,
        known.weights,
    )
