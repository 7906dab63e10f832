"""A sweep as far as it has run, read in pieces: what was read once is not read again."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from w2s_platform.results.coded import as_codes
from w2s_platform.results.ledger import CellRecord, Ledger, read_ledger
from w2s_platform.results.notes import ensemble_note, notes_told
from w2s_platform.results.reading import Row, varied_keys
from w2s_platform.results.rows import COLUMNS, Measurements, cell_rows
from w2s_platform.store import Cost, Manifest, Status, Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class StageFacts:
    """What a finished stage's manifest tells of it."""

    kind: str
    cost: Cost
    commit: str
    """Of the code that made it; empty where that was in no git project."""
    dirty: bool
    created: str
    inputs: tuple[str, ...]
    """Keys of the stages that it read."""
    note: str = ""
    """Of an ensemble that is not what was asked for: what it is instead."""


@dataclass(frozen=True, eq=False)
class SweepData:
    """A sweep at one moment."""

    ledger: Ledger
    key: str
    """Content key of the ledger: which version of the sweep this is."""
    recorded: str
    """When the sweep was first run: ISO 8601, UTC."""
    frame: "pd.DataFrame"
    """The result rows, those of `results.load`."""
    statuses: Mapping[str, Status]
    """Stage key → where it stands."""
    stages: Mapping[str, StageFacts]
    """Stage key → what is known of it, for the finished ones that were read."""
    unread: int
    """Finished stages that are still to be read."""
    damaged: int
    """Finished stages whose files can't be trusted; they count as absent."""
    version: int
    """Changes whenever anything of this does."""

    @property
    def sweep(self) -> str:
        """The sweep's name."""
        return self.ledger.sweep

    @cached_property
    def coded(self) -> "pd.DataFrame":
        """`frame` with its words as numbers, see `as_codes`: made once, and chosen from often."""
        return as_codes(self.frame)

    @cached_property
    def commits(self) -> tuple[str, ...]:
        """The git commits of the code that made the stages; `+` where files were changed."""
        found = {f.commit[:10] + "+" * f.dirty: None for f in self.stages.values() if f.commit}
        return tuple(found)

    @cached_property
    def unmeasured(self) -> Counter[str]:
        """Why cells have no measurement at all: state → how many."""
        measured = set(self.coded["cell"].unique())
        lacking = (cell for cell in self.ledger.cells if cell.id not in measured)
        return Counter(cell_state([self.statuses[key] for key in c.stages]) for c in lacking)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Where ensembles are not what was asked for, as `results.notes.ensemble_notes` says it."""
        ensembles = (self.stages.get(c.models.get("ensemble", "")) for c in self.ledger.cells)
        found = Counter(facts.note for facts in ensembles if facts and facts.note)
        return tuple(notes_told(found, self.ledger))

    @cached_property
    def cached(self) -> frozenset[str]:
        """The stages that were finished before the sweep was first run: another one made them."""
        return frozenset(key for key, facts in self.stages.items() if facts.created < self.recorded)

    def state_of(self, cell: str) -> tuple[Status, ...]:
        """Where the stages of a cell stand; empty where there is no such cell."""
        found = (each.stages for each in self.ledger.cells if each.id == cell)
        return tuple(self.statuses[key] for key in next(found, ()))

    @property
    def stamp(self) -> str:
        """Where numbers come from: sweep, key and commit."""
        commits = ", ".join(self.commits[:3]) or "unknown"
        more = f" and {len(self.commits) - 3} more" if len(self.commits) > 3 else ""
        return f"{self.sweep} · sweep key {self.key[:12]} · git {commits}{more}"


class _ReadSoFar(Measurements):
    """The measurements of stages that were read; the others wait for their turn."""

    def __init__(self, store: Store, stages: Container[str]) -> None:
        super().__init__(store)
        self._stages = stages

    def of(self, key: str) -> list[Row]:
        """See `Measurements.of`."""
        return super().of(key) if key in self._stages else []


class SweepReader:
    """Reads one sweep again and again; each time only what is new.

    Args:
        store: Where it ran; nothing is written there.
        sweep: Its name.
        clock: Tells seconds.
    """

    def __init__(
        self, store: Store, sweep: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._sweep, self._clock = store, sweep, clock
        self._stages: dict[str, StageFacts] = {}
        self._measurements = _ReadSoFar(store, self._stages)
        self._cells_of: dict[str, list[int]] = {}
        self._data: SweepData | None = None
        self._fresh: list[str] = []
        """Stages whose rows are still to be made; they outlast a look that an error ends."""

    def refresh(self, budget: float | None = None) -> SweepData:
        """Read what has finished since.

        Args:
            budget: Seconds after which no further artifact is opened; what is left is counted in
                `unread`, and a next call goes on. None reads all.

        Raises:
            InputError: The store has no such sweep, can't be read, or is of a newer version.
            StoreError: Its device fails, or a record of it is damaged.
        """
        until = math.inf if budget is None else self._clock() + budget
        before = self._data
        ledger, key, recorded = self._newest_ledger()
        keys = dict.fromkeys(stage for cell in ledger.cells for stage in cell.stages)
        statuses = self._statuses(keys)
        wanted = [k for k in keys if statuses[k] == "done" and k not in self._stages]
        read, damaged = self._read(wanted, until)
        unread = len(wanted) - read - damaged
        same = before is not None and not self._fresh and before.key == key
        if before is None or not same or (before.statuses, before.damaged) != (statuses, damaged):
            self._data = SweepData(
                ledger=ledger,
                key=key,
                recorded=recorded,
                frame=self._frame(ledger, self._fresh),
                statuses=statuses,
                stages=before.stages if same and before else dict(self._stages),
                unread=unread,
                damaged=damaged,
                version=before.version + 1 if before else 1,
            )
            self._fresh.clear()
        assert self._data is not None
        return self._data

    def _newest_ledger(self) -> tuple[Ledger, str, str]:
        """The newest ledger, its content key, and when the sweep was first recorded."""
        versions = self._store.sweep_versions(self._sweep)
        key, recorded = (versions[-1].key, versions[0].recorded) if versions else ("", "")
        if self._data is not None and self._data.key == key:
            return self._data.ledger, key, recorded
        ledger = read_ledger(self._store, self._sweep)
        self._cells_of = _cells_by_measure(ledger.cells)
        return ledger, key, recorded

    def _statuses(self, keys: Iterable[str]) -> dict[str, Status]:
        """Finished stages stay finished: only the others are asked for."""
        found = self._store.statuses(key for key in keys if key not in self._stages)
        return {key: found.get(key, "done") for key in keys}

    def _read(self, wanted: Iterable[str], until: float) -> tuple[int, int]:
        """Read manifests and measurements: how many were read, and how many are damaged."""
        read = damaged = 0
        for key in wanted:
            if read and self._clock() >= until:
                break
            manifest = self._manifest(key)
            if manifest is None:
                damaged += 1
                continue
            self._stages[key] = self._facts(manifest)
            self._fresh.append(key)
            read += 1
        return read, damaged

    def _manifest(self, key: str) -> Manifest | None:
        """A finished stage's manifest; measurements are verified, and taken at once."""
        if key not in self._cells_of:
            return self._store.manifest(key)
        artifact = self._store.find(key)
        if artifact is None:
            return None
        self._measurements.take(artifact)
        return artifact.manifest

    def _facts(self, manifest: Manifest) -> StageFacts:
        git = manifest.provenance.git
        is_ensemble = manifest.kind == "ensemble"
        return StageFacts(
            kind=manifest.kind,
            cost=manifest.cost,
            commit=git.commit if git else "",
            dirty=bool(git and git.dirty),
            created=manifest.created,
            inputs=tuple(manifest.preimage.get("inputs", {}).values()),
            note=ensemble_note(self._store, manifest.key) if is_ensemble else "",
        )

    def _frame(self, ledger: Ledger, read: Iterable[str]) -> "pd.DataFrame":
        """The rows of cells with something new, beside those of the others."""
        before = self._data
        new = {index for key in read for index in self._cells_of.get(key, ())}
        if before is None or before.ledger is not ledger:
            known = {cell.id: cell for cell in before.ledger.cells} if before else {}
            new |= {i for i, cell in enumerate(ledger.cells) if known.get(cell.id) != cell}
        fresh = self._rows(ledger, [ledger.cells[index] for index in sorted(new)])
        if before is None or before.frame.empty:
            return fresh
        place = {cell.id: index for index, cell in enumerate(ledger.cells)}
        kept = place.keys() - {ledger.cells[index].id for index in new}
        return _together(before.frame, kept, fresh, place)

    def _rows(self, ledger: Ledger, cells: Iterable[CellRecord]) -> "pd.DataFrame":
        import pandas as pd

        made = [r for cell in cells for r in cell_rows(ledger.sweep, cell, self._measurements)]
        fresh = pd.DataFrame(made, columns=[*COLUMNS, *varied_keys(ledger)])
        return fresh.astype({"value": float, "stderr": float, "n": "Int64"})


def _together(
    old: "pd.DataFrame", kept: set[str], fresh: "pd.DataFrame", place: Mapping[str, int]
) -> "pd.DataFrame":
    """The old rows of the kept cells and the fresh ones, cells in the order of their places.

    Mostly all are kept and the fresh ones come last: then nothing is copied in vain.
    """
    import pandas as pd

    cells = old["cell"].unique()
    rows = old if kept.issuperset(cells) else old[old["cell"].isin(kept)]
    both = pd.concat([rows, fresh], ignore_index=True) if len(fresh) else rows
    order = both["cell"].map(place)
    if not order.is_monotonic_increasing:
        both = both.iloc[order.argsort(kind="stable")]
    return both.reset_index(drop=True)[list(fresh.columns)]


def _cells_by_measure(cells: Iterable[CellRecord]) -> dict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for index, cell in enumerate(cells):
        for key in dict.fromkeys(measure.key for measure in cell.measures):
            found[key].append(index)
    return dict(found)


def cell_state(statuses: Sequence[str]) -> str:
    """A cell's state in a word, from its stages': failed, running, done, else waiting."""
    if "failed" in statuses:
        return "failed"
    if "running" in statuses:
        return "running"
    return "done" if all(status == "done" for status in statuses) else "waiting"
