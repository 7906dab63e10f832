"""A search problem whose objective has a known optimum, computed by real stages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from run_helpers import GraphMaker

from w2s_platform.running.searching import Configuration
from w2s_platform.store import Store
from w2s_platform.sweepfile.search import SearchSettings


@dataclass(frozen=True)
class Parabola:
    """After round t of T, a seed's value is t/T · (1 − (x − 0.3)²) plus a little of the seed."""

    settings: SearchSettings
    marks: Path
    seeds: int = 2
    rounds: int = 4
    study: str = "parabola"
    failing: tuple[float, ...] = ()
    seconds: float = 0.0
    base: Mapping[str, Any] = field(default_factory=dict)
    varied: Mapping[str, Any] = field(default_factory=dict)

    @property
    def most_steps(self) -> int:
        return self.rounds

    def value_of(self, key: str) -> Any:
        return self.base[key]

    def configuration(self, values: Mapping[str, Any]) -> Configuration:
        x, maker = float(values["x"]), GraphMaker(self.marks)
        steps: list[list[str]] = [[] for _ in range(self.rounds)]
        for seed in range(self.seeds):
            rounds: list[str] = []
            for t in range(1, self.rounds + 1):
                name = f"{x:.6f}-{seed}-{t}"
                extra = {"fail": "no good"} if x in self.failing and t == 2 else {}
                rounds.append(
                    maker.stage(
                        f"round {name}", *rounds[-1:], kind="round", seconds=self.seconds, **extra
                    )
                )
                value = t / self.rounds * (1 - (x - 0.3) ** 2) + 0.001 * seed
                judged = maker.stage(f"judge {name}", rounds[-1], kind="evaluate", value=value)
                steps[t - 1].append(judged)
            test = maker.stage(f"test {x:.6f}-{seed}", rounds[-1], kind="evaluate")
            maker.cell(f"cell {x:.6f}-{seed}", test, rounds=rounds, seed=seed)
        return Configuration(maker.graph(), tuple(tuple(step) for step in steps))

    def objective(self, store: Store, configuration: Configuration, step: int) -> float:
        keys = configuration.steps[step - 1]
        return fmean(float(store.require(key).path("value.txt").read_text()) for key in keys)


def settings_for(trials: int, **search: Any) -> SearchSettings:
    space = search.pop("space", {"x": {"type": "float", "low": 0.0, "high": 1.0}})
    objective = {"metric": "accuracy"}
    return SearchSettings.model_validate(
        {"space": space, "trials": trials, "objective": objective, **search}
    )
