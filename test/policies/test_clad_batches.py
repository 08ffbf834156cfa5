"""What CLaD learns from: the moments around a window, as a robot would have been told them."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.policies.clad.batches import dynamics_batch, policy_batch
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.windows import Windows
from vla_core.training.window_index import WindowIndex

H, STRIDE, FRAMES = 3, 2, 20
NORMALISATION = Normalisation(
    np.zeros(2, np.float32), np.ones(2, np.float32), np.full(2, 0.5, np.float32)
)


@pytest.fixture
def windows() -> Windows:
    """Two episodes of twenty frames, in which every number is that of its frame."""
    frames = np.arange(2.0 * FRAMES)[:, None]
    starts = WindowIndex.over([FRAMES, FRAMES], H, STRIDE).starts
    return Windows(
        horizon=H,
        stride=STRIDE,
        features=np.tile(frames[..., None], (1, 1, 1)).astype(np.float16),
        states=np.tile(frames, (1, 2)).astype(np.float32),
        velocities=np.zeros((2 * FRAMES, 2), np.float32),
        targets=np.tile(frames + 0.25, (1, 2)).astype(np.float32),
        words=np.tile(frames.astype(np.int64), (1, 4)),
        starts=starts,
    )


def row_of(windows: Windows, frame: int) -> np.ndarray:
    return np.flatnonzero(windows.starts[:, 0] == frame)


@pytest.mark.parametrize(("frame", "lag"), [(10, 0), (12, 2), (33, 1)])
def test_then_now_and_ahead_are_a_chunk_apart(windows, frame, lag):
    rows = row_of(windows, frame)
    batch = policy_batch(windows, rows, np.array([lag]), NORMALISATION)
    now = frame - lag * STRIDE
    past, future = now - H * STRIDE, now + H * STRIDE
    seen = {name: float(batch[name]) for name in ("past", "current", "future", "seen")}
    assert seen == {"past": past, "current": now, "future": future, "seen": frame}
    assert batch["states"][0, :, 0].tolist() == [past, now]
    assert float(batch["future_state"][0, 0]) == future and int(batch["words"][0, 0]) == now
    assert float(batch["state"][0, 0]) == frame
    done = np.array([past, past + STRIDE, past + 2 * STRIDE]) + 0.25
    assert batch["known"].all()
    assert batch["executed"][0, :, 0].numpy() == pytest.approx((done - past) / 0.5)
    told = frame + STRIDE * np.arange(H) + 0.25
    assert batch["actions"][0, :, 0].numpy() == pytest.approx((told - frame) / 0.5)


@pytest.mark.parametrize(("within", "known"), [(0, 0), (1, 0), (2, 1), (4, 2), (6, 3)])
def test_where_an_episode_begins_now_stands_for_then_and_some_actions_are_unknown(
    windows, within, known
):
    frame = FRAMES + within  # of the second episode: the first one's end is no past of it
    batch = dynamics_batch(windows, row_of(windows, frame), np.array([0]), NORMALISATION)
    assert float(batch["past"]) == (frame - H * STRIDE if within >= H * STRIDE else frame)
    assert batch["known"][0].tolist() == [k >= H - known for k in range(H)]
    base = float(batch["past"])
    done = frame - STRIDE * np.arange(known, 0, -1) + 0.25
    assert batch["executed"][0, H - known :, 0].numpy() == pytest.approx((done - base) / 0.5)


def test_a_lag_is_cut_where_the_episode_begins(windows):
    rows = row_of(windows, FRAMES + 3)
    batch = policy_batch(windows, rows, np.array([4]), NORMALISATION)
    assert float(batch["current"]) == float(batch["past"]) == FRAMES + 1
    assert not batch["known"].any() and float(batch["seen"]) == FRAMES + 3
