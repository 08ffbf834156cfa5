"""The shipped `dial_g1` on a real recording that it has not learned from."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.paths import root
from vla_core.policies.registry import load_system1, load_system2
from vla_core.recordings.lerobot.dataset import LeRobotDataset
from vla_core.robot.model import RobotModel
from vla_core.types import Context, Instruction, Observation

DATASET = root().parent / "shared" / "data" / "g1_bottle"
#: Held out in training: every fifth is.
EPISODE, STRIDE, AHEAD = 16, 3, 5

pytestmark = pytest.mark.skipif(not DATASET.is_dir(), reason=f"no recordings in {DATASET}")


def test_half_a_second_ahead_it_errs_half_as_much_as_holding_and_foresees_more_than_the_present():
    policy = "dial_g1"
    system1, system2 = load_system1(policy), load_system2(policy)
    robot = RobotModel.load("g1_bottle")
    camera = {"head": "observation.images.cam_high"}
    side = system1.manifest.observation.cameras[0].width
    episode = LeRobotDataset(DATASET).read(EPISODE, robot, camera, side)
    horizon = system1.manifest.horizon * STRIDE
    told = Instruction(1, episode.instruction)
    rng = np.random.default_rng(0)
    errors, foresight = [], []
    for frame in range(STRIDE, len(episode) - horizon, 20):
        now = episode.position[frame]
        velocity = (now - episode.position[frame - STRIDE]) / (STRIDE / episode.rate_hz)
        seen, later = (
            Observation(k, k, {"head": episode.images["head"][k]}, now, velocity)
            for k in (frame, frame + horizon)
        )
        intent = system2.intend(Context(seen), told)
        target = episode.action[frame + AHEAD * STRIDE]
        chunk = system1.act(Context(seen), intent, rng)
        errors.append([np.abs(answer - target).mean() for answer in (chunk.targets[AHEAD], now)])
        future = system2.features(later)
        guesses = (intent.tensors["foresight"], intent.tensors["current"])
        foresight.append([np.square(guess - future).mean() for guess in guesses])
    policy_error, holding = np.mean(errors, axis=0)
    foreseen, copied = np.mean(foresight, axis=0)
    assert policy_error < 0.55 * holding
    assert foreseen < 0.75 * copied
