"""The table's tasks as done by hands of another look: what is kept of them, and what is seen."""

from __future__ import annotations

import numpy as np
import pytest
from hands_forward import hands_forward

from vla_core.recordings.hand_video import HandVideo
from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop import hand_videos
from vla_core.suites.tabletop.hand_videos import disguise
from vla_core.suites.tabletop.layout import sample_layout
from vla_core.suites.tabletop.tabletop import TabletopSim


def test_hands_look_otherwise_where_the_robot_is_and_nothing_else_does():
    with TabletopSim(RobotModel.load("g1_inspire")) as sim:
        sim.reset_to(sample_layout(np.random.default_rng(3)), hands_forward(sim.robot))
        robot = {camera: sim.render(camera).astype(int) for camera in ("head", "front")}
        disguise(sim)
        hands = {camera: sim.render(camera).astype(int) for camera in robot}
    for camera, before in robot.items():
        changed = np.abs(hands[camera] - before).max(axis=-1) > 20
        assert 0.005 < changed.mean() < 0.3
        red, green, blue = np.moveaxis(hands[camera], -1, 0)
        skin = (red > green + 15) & (green > blue + 8) & changed
        assert skin.sum() > 200, "no hand is seen"


def test_a_video_holds_wrists_and_pictures_of_a_solved_table(tmp_path):
    assert hand_videos.show(tmp_path, "g1_inspire", range(1), 24) == 1
    video = HandVideo.load(tmp_path / "000000.npz")
    assert set(video.images) == {"head", "front"} and video.hands == ("left", "right")
    assert video.images["head"].shape == (len(video), 24, 24, 3)
    assert video.poses.shape == (len(video), 2, 9) and video.complete
    columns = video.poses[..., 3:].reshape(len(video), 2, 2, 3)
    assert np.linalg.norm(columns, axis=-1) == pytest.approx(1.0, abs=1e-5)
    assert np.ptp(video.poses[..., :3], axis=0).max() > 0.1, "no hand went anywhere"
