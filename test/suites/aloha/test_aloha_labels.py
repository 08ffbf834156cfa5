"""Labelled scenes: what the labels say is what the pictures show."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.suites.aloha.random_scenes import OBJECTS, RandomAlohaScenes
from vla_core.suites.aloha.world import CAMERAS
from vla_core.suites.registry import load_suite

SIZE, COUNT = 96, 12
#: Which channel of a picture an object is seen in.
COLOURS = {"box": 0, "peg": 0, "socket": 2}


@pytest.fixture(scope="module")
def drawn(arms) -> list:
    """Scenes whose arms are in the ready pose, or over the table with open hands."""
    load_suite("aloha")  # chooses how MuJoCo draws
    reaching = arms.ready_pose.copy()
    for side in ("left", "right"):
        effector = arms.end_effectors[side]
        reaching[arms.group_indices(effector.arm_group)] = (0.0, -0.1, 0.6, 0.0, 0.5, 0.0)
        reaching[arms.group_indices(effector.hand_group)] = 0.95
    source = RandomAlohaScenes("aloha", np.stack([arms.ready_pose, reaching]), SIZE, CAMERAS)
    rng = np.random.default_rng(4)
    found = [source.draw(rng) for _ in range(COUNT)]
    source.close()
    return found


def test_objects_are_seen_where_they_are_labelled(drawn):
    """By their colour; often fingers are before them."""
    seen = []
    for scene in drawn:
        assert scene.images.shape == (1, len(CAMERAS), SIZE, SIZE, 3)
        for picture, pixels in zip(scene.images[0].astype(int), scene.pixels[0], strict=True):
            for name, (x, y) in zip(OBJECTS, pixels, strict=False):
                if 0 <= x < 1 and 0 <= y < 1:
                    red_green_blue = picture[int(y * SIZE), int(x * SIZE)]
                    others = np.delete(red_green_blue, COLOURS[name])
                    seen.append(red_green_blue[COLOURS[name]] - others.max() > 50)
    assert len(seen) >= COUNT and np.mean(seen) > 0.5


def test_a_scene_has_the_objects_of_its_task_alone(drawn):
    for scene in drawn:
        there = np.isfinite(scene.positions[0]).all(axis=(0, 2))
        assert there[:3].tolist() in ([True, False, False], [False, True, True])
        assert there[3:].all()  # hands
        assert np.isnan(scene.pixels[0][:, ~there]).all()


def test_a_fixed_camera_tells_places_in_the_base_frame_and_a_wrists_in_its_own(drawn, scene):
    """What is ahead of a wrist camera, divided by its distance, is where its picture shows it."""
    focal = scene.intrinsics("left_wrist")[0, 0] / len(scene.render("left_wrist"))
    for each in drawn:
        positions, pixels = each.positions[0], each.pixels[0]
        wrist = CAMERAS.index("left_wrist")
        ahead = np.nan_to_num(positions[wrist][:, 2], nan=-1.0) > 0
        across = positions[wrist][ahead, :2] / positions[wrist][ahead, 2:]
        assert 0.5 + across * focal == pytest.approx(pixels[wrist][ahead], abs=1e-5)
        heights = positions[CAMERAS.index("front")][:, 2]
        assert np.nanmin(heights) > 0.0 and np.nanmax(heights) < 0.8
