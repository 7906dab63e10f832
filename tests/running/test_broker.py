"""The broker's decisions, with a launcher that does as it is told."""

import asyncio

import pytest
from broker_world import DATA, FAST, OTHER, ROUND, STAGES, STUDENT, World, play

from w2s_platform.graph.model import Cell, Graph
from w2s_platform.running.broker import LostError
from w2s_platform.running.gate import Gate
from w2s_platform.running.policy import Policy
from w2s_platform.running.records import Failure
from w2s_platform.stage import Stage
from w2s_platform.stages.runtime import Outcome

pytestmark = pytest.mark.alone  # scenarios wait some hundredths of a second for what is to happen


def test_inputs_come_first_and_each_stage_once() -> None:
    async def scenario() -> None:
        world = World()
        await world.add(("a", (DATA, ROUND, STUDENT)), ("b", (DATA, ROUND, OTHER)))
        both = await asyncio.gather(*(world.broker.run_cell(cell) for cell in "ab"))
        assert [outcome.status for outcome in both] == ["done", "done"]
        assert set(world.launcher.launched.values()) == {1}
        order = world.launcher.order
        assert order[0] == "data"
        assert order.index("round") < order.index("student")

    play(scenario)


def test_what_is_there_is_not_run() -> None:
    async def scenario() -> None:
        world = World()
        world.records.status = {stage.key: "done" for stage in (DATA, ROUND)}
        await world.add(("a", (DATA, ROUND)), ("b", (DATA, OTHER)))
        assert (await world.broker.run_cell("a")).status == "cached"
        assert (await world.broker.run_cell("b")).status == "done"
        assert set(world.launcher.launched) == {OTHER.key}

    play(scenario)


def test_a_damaged_input_is_made_again_before_it_is_read() -> None:
    async def scenario() -> None:
        world = World()
        world.records.status = {DATA.key: "done", ROUND.key: "done"}
        world.records.damaged = {ROUND.key}
        await world.add(("a", (STUDENT,)))
        assert (await world.broker.run_cell("a")).status == "done"
        assert world.launcher.order == ["round", "student"]

    play(scenario)


@pytest.mark.parametrize("damaged", [False, True])
def test_an_input_is_verified_once_for_all_who_read_it(damaged: bool) -> None:
    async def scenario() -> None:
        world = World()
        world.records.status = {DATA.key: "done"}
        world.records.damaged = {DATA.key} if damaged else set()
        world.records.check_seconds = 0.05
        world.launcher.hold = {DATA.key: asyncio.Event()}
        await world.add(("a", (ROUND,)), ("b", (OTHER,)))
        both = asyncio.gather(*(world.broker.run_cell(cell) for cell in "ab"))
        await asyncio.sleep(0.2)
        world.launcher.hold[DATA.key].set()
        assert [outcome.status for outcome in await both] == ["done", "done"]
        assert world.records.checked == [DATA.key]
        assert world.launcher.launched[DATA.key] == (1 if damaged else 0)

    play(scenario)


def test_a_failure_fails_only_the_cells_that_need_it() -> None:
    async def scenario() -> None:
        world = World()
        wrong = Outcome(ROUND.key, "failed", error="diverged", deterministic=True)
        world.launcher.script[ROUND.key] = [wrong]
        await world.add(("a", (DATA, ROUND, STUDENT, OTHER)), ("b", (DATA, OTHER)))
        first = await world.broker.run_cell("a")
        assert first.status == "failed"
        assert "diverged" in (first.error or "")
        assert (await world.broker.run_cell("b")).status == "done"
        assert world.launcher.launched == {DATA.key: 1, ROUND.key: 1, OTHER.key: 1}
        assert world.states()["student"] == "to_run"

    play(scenario)


def test_infrastructure_failures_are_retried_within_the_budget() -> None:
    async def scenario() -> None:
        world = World()
        hiccup = Outcome(DATA.key, "failed", error="disk", deterministic=False)
        world.launcher.script[DATA.key] = [LostError("its process died"), hiccup]
        await world.add(("a", (DATA,)))
        assert (await world.broker.run_cell("a")).status == "done"
        assert world.launcher.launched[DATA.key] == 3
        changes = [event.change for event in world.events]
        assert changes == ["retrying", "retrying", "done"]

    play(scenario)


def test_the_retry_budget_ends() -> None:
    async def scenario() -> None:
        world = World()
        world.launcher.script[DATA.key] = [LostError("its process died")] * 9
        await world.add(("a", (DATA,)))
        outcome = await world.broker.run_cell("a")
        assert outcome.status == "failed"
        assert "its process died" in (outcome.error or "")
        assert world.launcher.launched[DATA.key] == 1 + FAST.retries

    play(scenario)


def test_backoff_grows() -> None:
    policy = Policy(backoff=1.0)
    assert [policy.pause_before(attempt) for attempt in (1, 2, 3)] == [1.0, 4.0, 16.0]


@pytest.mark.parametrize("deterministic", [True, False])
def test_only_deterministic_failures_of_earlier_runs_are_kept(deterministic: bool) -> None:
    async def scenario() -> None:
        world = World()
        world.records.failures[DATA.key] = Failure("diverged", deterministic)
        await world.add(("a", (DATA,)))
        outcome = await world.broker.run_cell("a")
        assert outcome.status == ("failed" if deterministic else "done")
        assert world.launcher.launched[DATA.key] == (0 if deterministic else 1)

    play(scenario)


def test_a_kept_failure_is_run_again_on_request() -> None:
    async def scenario() -> None:
        world = World(Policy(retry_failed=True))
        world.records.failures[DATA.key] = Failure("diverged", True)
        await world.add(("a", (DATA,)))
        assert (await world.broker.run_cell("a")).status == "done"
        assert world.records.failures == {}

    play(scenario)


@pytest.mark.parametrize("found", ["done", "to_run"])
def test_another_driver_is_waited_for(found: str) -> None:
    async def scenario() -> None:
        world = World()
        world.launcher.script[DATA.key] = [Outcome(DATA.key, "busy")]
        await world.add(("a", (DATA,)))
        world.records.status[DATA.key] = "running"
        running = asyncio.create_task(world.broker.run_cell("a"))
        while world.states()["data"] != "running":
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.03)
        assert world.launcher.launched[DATA.key] == 1
        assert not running.done()
        world.records.status[DATA.key] = found
        assert (await running).status == ("cached" if found == "done" else "done")
        assert world.launcher.launched[DATA.key] == (1 if found == "done" else 2)

    play(scenario)


def test_the_same_work_of_another_stage_is_waited_for() -> None:
    content = "c" * 64

    async def scenario() -> None:
        world = World()
        world.launcher.script[DATA.key] = [Outcome(DATA.key, "busy", waits_for=content)] * 2
        await world.add(("a", (DATA,)))
        world.records.status[content] = "running"
        running = asyncio.create_task(world.broker.run_cell("a"))
        await asyncio.sleep(0.1)
        (waiting,) = [s for s in world.broker.snapshot().stages if s.key == DATA.key]
        assert (waiting.status, waiting.note) == ("running", "another stage does the same work")
        assert world.launcher.launched[DATA.key] == 1, "it was launched while it could not run"
        del world.records.status[content]
        assert (await running).status == "done"

    play(scenario)


def test_release_stops_what_nobody_else_waits_for() -> None:
    async def scenario() -> None:
        world = World()
        world.records.status = {DATA.key: "done"}
        world.launcher.hold = {ROUND.key: asyncio.Event(), OTHER.key: asyncio.Event()}
        await world.add(("a", (ROUND, OTHER)), ("b", (OTHER, STUDENT)))
        first = asyncio.create_task(world.broker.ensure_all([ROUND.key, OTHER.key], "a"))
        second = asyncio.create_task(world.broker.ensure_all([OTHER.key], "b"))
        while len(world.launcher.running) < 2:
            await asyncio.sleep(0.005)
        world.broker.release("a")
        await asyncio.sleep(0.01)
        assert world.launcher.running == {OTHER.key}
        world.launcher.hold[OTHER.key].set()
        assert [outcome.status for outcome in await second] == ["done"]
        assert [outcome.status for outcome in await first] == ["failed", "done"]
        assert world.states()["round"] == "to_run"

    play(scenario)


def test_what_was_stopped_can_be_asked_for_again() -> None:
    async def scenario() -> None:
        world = World()
        world.launcher.hold = {DATA.key: asyncio.Event()}
        await world.add(("a", (DATA,)))
        first = asyncio.create_task(world.broker.ensure(DATA.key, "a"))
        while not world.launcher.running:
            await asyncio.sleep(0.005)
        world.broker.release("a")
        again = asyncio.create_task(world.broker.ensure(DATA.key, "b"))
        assert (await first).status == "failed"
        assert (await again).status == "done"
        assert world.launcher.launched[DATA.key] == 2

    play(scenario)


def test_a_worker_is_told_to_stop() -> None:
    async def scenario() -> None:
        world = World()
        world.launcher.hold = {DATA.key: asyncio.Event()}
        await world.add(("a", (DATA,)))
        waiting = asyncio.create_task(world.broker.ensure(DATA.key, "a"))
        await asyncio.sleep(0.02)
        assert world.broker.progress(DATA.key, {"step": 1, "steps": 4}) is False
        assert world.broker.snapshot().stages[0].fraction == 0.25
        world.broker.release("a")
        assert world.broker.progress(DATA.key, {}) is True
        await waiting

    play(scenario)


@pytest.mark.parametrize("policy", [Policy(time_budget=0.0), Policy(device_hours=0.0)])
def test_a_used_up_budget_starts_nothing_and_is_no_failure(policy: Policy) -> None:
    async def scenario() -> None:
        world = World(policy)
        await world.add(("a", (DATA, ROUND)))
        outcome = await world.broker.run_cell("a")
        assert outcome.status == "to_run"
        assert "budget" in (outcome.error or "")
        assert not world.launcher.launched

    play(scenario)


def test_device_hours_count_every_device() -> None:
    two_gpus = Stage("round", {"n": 9}, hints={"resources": {"workers": 2, "gpus_per_worker": 1}})

    async def scenario() -> None:
        world = World(Policy(device_hours=1.5))
        world.launcher.script[two_gpus.key] = [Outcome(two_gpus.key, "done", 3600.0)]
        cells = (Cell("a", 0, {}, (two_gpus.key,), ()), Cell("b", 0, {}, (DATA.key,), ()))
        await world.broker.add(Graph("sweep", {**STAGES, two_gpus.key: two_gpus}, cells))
        assert (await world.broker.run_cell("a")).status == "done"
        assert (await world.broker.run_cell("b")).status == "to_run"

    play(scenario)


def test_closing_stops_everything() -> None:
    async def scenario() -> None:
        world = World()
        world.launcher.hold = {DATA.key: asyncio.Event()}
        await world.add(("a", (DATA, ROUND)))
        cell = asyncio.create_task(world.broker.run_cell("a"))
        await asyncio.sleep(0.02)
        await world.broker.close(1.0)
        assert (await cell).status == "to_run"
        assert world.launcher.launched == {DATA.key: 1}
        assert not world.launcher.running

    play(scenario)


def test_events_are_numbered_so_that_a_reader_can_ask_for_what_is_new() -> None:
    async def scenario() -> None:
        world = World()
        await world.add(("a", (DATA, ROUND)))
        await world.broker.run_cell("a")
        numbers = [event.number for event in world.broker.snapshot().events]
        assert numbers == list(range(1, len(numbers) + 1))
        assert [e.number for e in world.broker.snapshot(after=1).events] == numbers[1:]

    play(scenario)


def test_a_snapshot_can_be_taken_while_a_graph_is_added() -> None:
    async def scenario() -> None:
        world = World()
        world.records.listing.clear()
        adding = asyncio.create_task(world.add(("a", (DATA, ROUND))))
        await asyncio.sleep(0.02)
        assert world.broker.snapshot().cells == ()
        world.records.listing.set()
        await adding
        assert [cell.id for cell in world.broker.snapshot().cells] == ["a"]

    play(scenario)


def test_the_gate_opens_when_all_trials_have_come_or_patience_ends() -> None:
    async def scenario() -> None:
        gate = Gate(2, patience=5.0)
        gate.arrive("a")
        gate.arrive("a")
        waiting = asyncio.create_task(gate.wait())
        await asyncio.sleep(0.02)
        assert not waiting.done()
        gate.arrive("b")
        await waiting
        alone = Gate(2, patience=0.01)
        alone.arrive("a")
        await alone.wait()

    play(scenario)
