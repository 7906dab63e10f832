"""The tables of `w2s results`: from rows to what is printed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ensemble_core.documents import did_you_mean
from ensemble_core.errors import InputError
from w2s_platform.cli.render.layout import Layout
from w2s_platform.cli.render.text import count
from w2s_platform.results.summary import REPORTED

if TYPE_CHECKING:
    import pandas as pd

_SHOWN_BY_DEFAULT = ("accuracy", "choice_accuracy")


@dataclass(frozen=True)
class Wanted:
    """What a reader asked to see."""

    by: Sequence[str] | None = None
    """Columns that tell configurations apart; None: the varied keys."""
    metrics: Sequence[str] = ()
    """None: the accuracies."""
    subjects: Sequence[str] = ()
    """Names or patterns such as `expert_*`; none: the usual ones."""
    reference: Mapping[str, str] | None = None
    """Values of the configuration that the others are compared with."""
    margin: float | None = None
    """Points within which two subjects count as equal."""


def tables(frame: "pd.DataFrame", wanted: Wanted, *, sweep: str) -> list[Layout]:
    """Means, differences and what else was asked for, in the order in which they are printed.

    Raises:
        InputError: A metric, subject or configuration that was asked for is not there.
    """
    from w2s_platform.results.summary import GROUP, varied_columns

    by = varied_columns(frame)
    if "seed" in (wanted.by or ()):
        raise InputError("--by seed: means are over seeds", hint="--format csv has each seed")
    if wanted.by is not None:
        by = [key for key in wanted.by if key not in GROUP]
    metrics = _metrics(_measured(frame), wanted.metrics)
    subjects = _subjects(frame, wanted.subjects)
    layouts = [
        *_means(frame, subjects, metrics, by, sweep, named=bool(wanted.subjects)),
        *_contrasts(frame[frame["subject"].isin(subjects)], wanted, metrics, by),
    ]
    return _with_margin(layouts, frame, wanted.margin, metrics, by)


def unevenness(frame: "pd.DataFrame", wanted: Wanted) -> list[str]:
    """A note where some seeds lack what others have; none where all have the same."""
    from w2s_platform.results.summary import count_uneven

    shown = frame[frame["metric"].isin((*_metrics(_measured(frame), wanted.metrics), "pgr"))]
    uneven = count_uneven(shown, wanted.by)
    what = f"{count(uneven, 'mean')} with seeds that lack slices which other seeds have (yet)"
    return [what] if uneven else []


def _means(
    frame: "pd.DataFrame",
    subjects: Sequence[str],
    metrics: Sequence[str],
    by: Sequence[str],
    sweep: str,
    *,
    named: bool,
) -> Iterator[Layout]:
    from w2s_platform.cli.render.results import result_layouts
    from w2s_platform.results.summary import differences, summarise

    summary = summarise(frame[frame["subject"].isin(subjects)], by)
    gaps = differences(frame, by, metrics=metrics)
    for metric in metrics:
        yield from result_layouts(summary, gaps, sweep=sweep, metric=metric, by=by, named=named)


def _contrasts(
    frame: "pd.DataFrame", wanted: Wanted, metrics: Sequence[str], by: Sequence[str]
) -> Iterator[Layout]:
    if wanted.reference is None:
        return
    from w2s_platform.cli.render.contrasts import contrast_layouts
    from w2s_platform.results.contrasts import contrasts

    found = contrasts(frame, by, wanted.reference)
    for metric in metrics:
        yield from contrast_layouts(
            found, wanted.reference, metric=metric, by=by, named=bool(wanted.subjects)
        )


def _with_margin(
    layouts: list[Layout],
    frame: "pd.DataFrame",
    margin: float | None,
    metrics: Sequence[str],
    by: Sequence[str],
) -> list[Layout]:
    if margin is None:
        return layouts
    from w2s_platform.cli.render.equivalence import NOTHING_TO_TEST, equivalence_layouts

    tests = equivalence_layouts(frame, by, metrics, margin)
    if tests:
        return [*layouts, *tests]
    last = layouts[-1]
    return [*layouts[:-1], replace(last, notes=(*last.notes, NOTHING_TO_TEST))]


def _measured(frame: "pd.DataFrame") -> list[str]:
    """The metrics of test questions where there are any, else of whatever there is."""
    tested = frame[frame["role"].isin(REPORTED)]
    return list((frame if tested.empty else tested)["metric"].unique())


def _metrics(measured: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Choose the metrics to show: those asked for, else the accuracies, else the first measured.

    Raises:
        InputError: One that was asked for was not measured.
    """
    for metric in wanted:
        if metric not in measured:
            raise InputError(
                f"--metric {metric} was not measured", hint=did_you_mean(metric, measured)
            )
    usual = [metric for metric in _SHOWN_BY_DEFAULT if metric in measured]
    return list(wanted) or usual or list(measured[:1])


def _subjects(frame: "pd.DataFrame", wanted: Sequence[str]) -> list[str]:
    """The subjects that match any of the patterns; all of them without patterns.

    Raises:
        InputError: A pattern matches none.
    """
    measured = list(frame["subject"].unique())
    for pattern in wanted:
        if not any(fnmatchcase(name, pattern) for name in measured):
            raise InputError(
                f"--subject {pattern} was not measured", hint=did_you_mean(pattern, measured)
            )
    kept = [n for n in measured if any(fnmatchcase(n, pattern) for pattern in wanted)]
    return kept or measured
