"""Training windows: the foresight's target lies H steps ahead of what System 2 saw, no further."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_dial import SIZES
from torch import nn

from vla_core.contract.episode import Episode
from vla_core.contract.placement import Placement
from vla_core.policies.blocks.keypoints import Keypoints
from vla_core.policies.blocks.words import InstructionShape
from vla_core.policies.visuomotor.language import open_language
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.windows import MAX_LAG, Windows

H = 3
#: Its state is its one joint.
ROBOT = SimpleNamespace(state_vector=lambda position: position)
PLAIN = Normalisation(np.zeros(1), np.ones(1), np.ones(1))


class Grey(nn.Module):
    """A ViT of one patch a camera whose feature is the picture's grey."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, images):
        return images[:, :, 0, 0, :1].float()


def episode(frames: int, first: int = 0, complete: bool = True) -> Episode:
    """In frame k all is k: the picture, the joint, and the action after it, 100 + k."""
    count = first + np.arange(frames)
    images = np.broadcast_to(count[:, None, None, None], (frames, 2, 2, 3)).astype(np.uint8)
    position = count[:, None].astype(float)
    return Episode(
        {"head": images}, position, position + 100, "put the red block", 10.0, complete
    )


def build(*episodes: Episode, rate_hz: float = 10.0, vit: nn.Module | None = None) -> Windows:
    sizes = replace(SIZES, horizon=H)
    words = open_language(vars(sizes), Placement())
    return Windows.build(episodes, vit or Grey(), ROBOT, ["head"], sizes, rate_hz, words)


def window(windows: Windows, row: int, lag: int = 0) -> dict[str, list[float]]:
    batch = windows.batch(np.array([row]), np.array([lag]), PLAIN)
    return {key: value.flatten().tolist() for key, value in batch.items()}


def test_the_target_is_the_features_h_steps_ahead():
    assert window(build(episode(9)), row=2) == {
        "current": [2], "past": [2], "future": [2 + H], "state": [2],
        "actions": [100, 101, 102],  # targets 102, 103, 104 seen from joint 2
        "words": [5, 7, 6, 1, 0, 0, 0, 0, 0, 0],
    }  # fmt: skip


def test_a_lagging_intent_sees_the_past_and_looks_h_steps_ahead_from_there():
    lagging = window(build(episode(9)), row=5, lag=2)
    assert (lagging["current"], lagging["past"], lagging["future"]) == ([5], [3], [3 + H])
    assert lagging["actions"] == [100, 101, 102]


def test_an_encoder_that_learns_with_the_policy_is_given_the_pictures_themselves():
    windows = build(episode(9), vit=Keypoints(4, 2, InstructionShape(10, 0, 8), 1))
    current = windows.now(np.array([2, 4]), PLAIN)["current"]
    assert current.dtype == torch.uint8
    assert torch.equal(current[:, 0, 1, 1], torch.tensor([[2] * 3, [4] * 3], dtype=torch.uint8))


def test_a_window_begins_at_every_frame_and_its_steps_may_be_several_frames():
    windows = build(episode(12, complete=False), rate_hz=5.0)
    assert len(windows) == 12 - 2 * H
    lagging = window(windows, row=5, lag=2)
    assert (lagging["current"], lagging["past"], lagging["future"]) == ([5], [1], [1 + 2 * H])
    assert lagging["actions"] == [100, 102, 104]  # targets 105, 107, 109 seen from joint 5
    ahead = windows.batch(np.array([5]), np.zeros(1, int), PLAIN, np.array([H]))
    assert ahead["after"].flatten().tolist() == [5 + 2 * H]


def test_proprioception_holds_velocities_where_the_policy_is_told_them():
    fast = episode(9, complete=False)
    fast = replace(fast, position=fast.position**2)  # 0, 1, 4, 9, ... at 10 Hz
    windows = build(fast)
    told = windows.normalisation(velocity=True)
    speeds = 10.0 * np.array([0, 1, 3, 5, 7, 9])
    assert told.velocity_std == pytest.approx([np.sqrt(np.square(speeds).mean())])
    batch = windows.batch(np.arange(4), np.zeros(4, int), replace(told, velocity_std=np.ones(1)))
    assert batch["state"].shape == (4, 2)
    assert batch["state"][:, 1].tolist() == [0, 10, 30, 50]


def test_velocities_are_means_over_a_tenth_of_a_second_at_any_rate():
    smooth = replace(episode(40), rate_hz=30.0)
    (speed,) = build(smooth, rate_hz=10.0).velocities.T
    assert speed[0] == 0.0
    assert speed[1:40] == pytest.approx(30.0)
    assert speed[40:43] == pytest.approx([20.0, 10.0, 0.0])  # it stands behind its end


def test_no_intent_is_older_than_its_episode():
    assert window(build(episode(9)), row=1, lag=MAX_LAG)["past"] == [0]


def test_a_forward_model_is_asked_for_the_features_after_so_many_actions_of_the_chunk():
    batch = build(episode(9)).batch(np.array([2, 3]), np.zeros(2, int), PLAIN, np.array([1, H]))
    assert batch["ahead"].tolist() == [1, H]
    assert batch["after"].flatten().tolist() == [2 + 1, 3 + H]


def test_behind_the_end_of_a_complete_episode_stands_its_last_frame():
    windows = build(episode(5))
    assert len(windows) == 5
    assert window(windows, row=4)["future"] == [4]
    assert window(windows, row=3)["future"] == [4]
    assert window(windows, row=3)["actions"] == [100, 101, 101]


def test_no_window_reaches_beyond_a_cut_episode():
    windows = build(episode(5, complete=False))
    assert len(windows) == 5 - H
    assert window(windows, row=1)["future"] == [4]
    assert window(windows, row=1)["actions"] == [100, 101, 102]


@pytest.mark.parametrize("complete", [True, False])
def test_windows_never_mix_episodes(complete):
    windows = build(episode(6, 0, complete), episode(6, 50, complete))
    assert len(windows) == 2 * (6 if complete else 6 - H)
    for row in range(len(windows)):
        for lag in range(MAX_LAG + 1):
            got = window(windows, row, lag)
            seen = got["current"] + got["past"] + got["future"]
            assert len({value >= 50 for value in seen}) == 1
            assert got["past"][0] >= got["current"][0] - lag


def test_what_was_built_is_what_is_loaded(tmp_path):
    windows = build(episode(6), episode(7, 50, complete=False))
    windows.save(tmp_path)
    assert window(Windows.load(tmp_path), row=3, lag=1) == window(windows, row=3, lag=1)


def test_normalisation_is_of_the_windows_states_and_moves():
    # joints 0 and 1, moves 100 to 102
    fitted = build(episode(5, complete=False)).normalisation(velocity=False)
    assert fitted.state_mean == pytest.approx([0.5])
    assert fitted.state_std == pytest.approx([0.5])
    assert fitted.action_std == pytest.approx([np.sqrt((100**2 + 101**2 + 102**2) / 3)])


def test_normalised_actions_come_back(tmp_path):
    fitted = build(episode(9)).normalisation(velocity=False)
    state, targets = np.array([0.3]), np.array([[0.1], [0.7]])
    assert fitted.target(fitted.action(targets, state), state) == pytest.approx(targets)


def test_joints_that_stand_still_are_not_blown_up():
    still = Normalisation.fit(np.zeros((4, 1)), np.zeros((4, 1)))
    assert still.state_std == still.action_std == pytest.approx([0.02])


def test_still_windows_are_drawn_less_and_beginnings_more():
    still = episode(9)
    still = replace(still, action=np.repeat(still.position[:1], 9, axis=0) * 0)
    windows = build(episode(9), replace(still, position=still.position * 0))
    weights = windows.weights()
    assert weights.sum() == pytest.approx(1.0)
    relative = weights / weights[MAX_LAG]
    assert relative[:9] == pytest.approx([2] * MAX_LAG + [1] * (9 - MAX_LAG))
    assert relative[9:] == pytest.approx([0.25] * 9)
