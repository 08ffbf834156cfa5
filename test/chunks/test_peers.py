"""Peers' executors: one action a step, evenly; theirs to decide when a chunk is computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from one_joint import LEFT, MANIFEST, RIGHT, Follower, Foresight, OneJointScene

from vla_core.chunks.peers import choose
from vla_core.chunks.peers.stepped_peer import SteppedPeer
from vla_core.errors import PolicyError
from vla_core.evaluation.episode import EpisodeRunner
from vla_core.evaluation.evaluate import EvaluationError, evaluate
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.experiments.asynchrony import fitting
from vla_core.observation.scene_observer import SceneObserver
from vla_core.types import NANOSECONDS, Context

SETTINGS = EvaluationSettings("one_joint", time_limit_s=5.0, replan_steps=2, filtered=False)
TICK_NS = round(SETTINGS.control_s * NANOSECONDS)


class Once(SteppedPeer):
    """Asks for one chunk, and plays it to its end."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.chunk: np.ndarray | None = None
        self.left: list[np.ndarray] = []

    def hungry(self) -> bool:
        return self.chunk is None

    def ask(self, seen, intent) -> None:
        self.chunk = self.actions(seen, intent)

    def receive(self) -> None:
        self.left = list(self.chunk)

    def next_action(self) -> np.ndarray | None:
        return self.left.pop(0) if self.left else None


def play(delay_s: float) -> tuple[Once, np.ndarray]:
    """A second of joint targets of a robot that starts at 0 and is told to go right."""
    schedule = replace(SETTINGS, delay_s=delay_s).schedule
    peer = Once(Follower(), schedule, np.random.default_rng(0), SETTINGS.control_s)
    scene, foresight = OneJointScene(), Foresight()
    observer = SceneObserver(scene, MANIFEST.observation, None, SETTINGS.control_s)
    observer.tick(0, 0)
    seen = observer.look(0, 0)
    targets = []
    for now_ns in range(0, NANOSECONDS, TICK_NS):
        if peer.is_due(now_ns):
            peer.infer(Context(seen), foresight.intend(Context(seen), RIGHT))
        peer.deliver(now_ns)
        targets.append(peer.tick(now_ns, scene.position, scene.velocity))
    return peer, np.array(targets)[:, 0]


def test_the_first_action_is_where_to_be_a_step_after_the_observation():
    peer, targets = play(0.0)
    step = round(MANIFEST.step_s / SETTINGS.control_s)
    sent = step  # a step began at 0, before there was a chunk
    assert targets[: sent + 1] == pytest.approx(0.0)
    assert targets[sent + step] == pytest.approx(peer.chunk[0, 0])
    assert len(peer.chunk) == MANIFEST.horizon - 1


def test_it_moves_evenly_to_each_action_and_stays_at_the_last():
    peer, targets = play(0.0)
    step = round(MANIFEST.step_s / SETTINGS.control_s)
    nodes = np.concatenate([[0.0], peer.chunk[:, 0]])
    moving = targets[step : step + step * (len(nodes) - 1) + 1]
    expected = np.interp(np.arange(len(moving)) / step, np.arange(len(nodes)), nodes)
    assert moving == pytest.approx(expected, abs=1e-6)
    assert targets[-1] == pytest.approx(peer.chunk[-1, 0])


def test_nothing_is_sent_before_the_delay_is_over():
    _, targets = play(0.3)
    assert targets[: round(0.3 / SETTINGS.control_s) + 1] == pytest.approx(0.0)
    assert targets[-1] > 0.2


@pytest.mark.parametrize("name", choose.PEERS)
def test_one_that_is_not_installed_is_skipped_with_what_to_do(monkeypatch, name):
    monkeypatch.setitem(choose._MODULES, name, "a_module_that_nobody_has")
    able, skipped = fitting(["switch", name], MANIFEST)
    assert able == ["switch"]
    assert "pip install --no-deps -r benchmarks/requirements-peers.txt" in skipped[name]


@pytest.mark.parametrize("delay_s", [0.0, 0.2])
@pytest.mark.parametrize("name", choose.PEERS)
def test_a_peer_drives_the_robot_to_its_goal(name, delay_s):
    try:
        choose.require_peer(name)
    except PolicyError as error:
        pytest.skip(str(error))
    settings = replace(SETTINGS, strategy=name, delay_s=delay_s)
    runner = EpisodeRunner(OneJointScene(), Follower(), Foresight(), settings, (LEFT, RIGHT))
    assert runner.run(0).success


def test_a_peer_is_not_filtered():
    with pytest.raises(EvaluationError, match="unfiltered"):
        evaluate(EvaluationSettings("dial_tabletop", strategy="openpi_broker"), [0])
