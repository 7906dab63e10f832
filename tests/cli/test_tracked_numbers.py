"""What trackers show of a search's configuration: its seeds' means, the same as in the rows."""

import pytest

from w2s_platform.cli.inputs import Study
from w2s_platform.results.rows import load
from w2s_platform.running.tracking.numbers import measurements
from w2s_platform.store import Store


def test_a_configuration_shows_the_means_of_its_seeds(finished: Study, store: Store) -> None:
    cells = [c for c in finished.graph.cells if c.varied == {"experts.combine": "vote"}]
    assert [cell.seed for cell in cells] == [0, 1]
    shown = measurements(store, "study", cells)
    frame = load(store, "study")
    mine = frame[frame["experts.combine"] == "vote"].dropna(subset="value")
    means = mine.groupby(["role", "subject", "metric"])["value"].mean()
    assert shown == pytest.approx({"/".join(key): value for key, value in means.items()})
    assert "id/student/pgr" in shown
