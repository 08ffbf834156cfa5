"""What happens in a replay is told once, in full, and kept in bounded memory by who shows it."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest
from noisy_policy import PATCHES, noisy_policy
from swaying_robot import (
    AMPLITUDE,
    BEGIN_NS,
    ELBOW,
    FRAMES,
    INSTRUCTION,
    RATE_HZ,
    ROBOT,
    write_bag,
    write_dataset,
)

from vla_core.contract.intent_view import ShownIntent
from vla_core.foresight.feature_colours import FeatureColours
from vla_core.recordings.sources.open_recording import open_recording
from vla_core.replay.event_log.constraint_spans import ConstraintSpans
from vla_core.replay.event_log.event_recorder import EventRecorder
from vla_core.replay.event_log.foresight_pictures import ForesightPictures
from vla_core.replay.event_log.logged_event import (
    ChunkJoined,
    Constrained,
    Foreseen,
    JointSource,
    JointsAt,
    Measured,
    ModeEntered,
    PictureSeen,
    Refused,
)
from vla_core.replay.offline.replay import OfflineReplay
from vla_core.replay.offline.settings import OfflineSettings
from vla_core.report.merged_spans import MergedSpans
from vla_core.report.replay_notes import SAMPLES, SPANS, STEPS, ReplayNotes
from vla_core.report.thinned import Thinned, larger
from vla_core.types import (
    NANOSECONDS,
    ActiveConstraint,
    ControlMode,
    Instruction,
    LatentIntent,
)

MILLISECOND = 1_000_000


class Listing:
    """A writer that keeps everything."""

    def __init__(self):
        self.told, self.begun, self.ended = [], [], 0
        self.result = {}

    def begin(self, start_ns, joint_names):
        self.begun.append((start_ns, joint_names))

    def write(self, event):
        assert self.begun and not self.ended
        self.told.append(event)

    def end(self):
        self.ended += 1

    def of(self, kind):
        return [event for event in self.told if isinstance(event, kind)]


def event_log(path, episode=None) -> Listing:
    listing = Listing()
    recording = open_recording(path, ROBOT, ["head"])
    recorder = EventRecorder(ROBOT, ["head"], recording.has_commands, [listing], episode)
    replay = OfflineReplay(ROBOT, noisy_policy(), OfflineSettings(INSTRUCTION))
    listing.result = replay.run(recording, listeners=[recorder])
    return listing


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return event_log(write_bag(tmp_path_factory.mktemp("bag") / "sway"))


def test_every_picture_joint_state_and_command_of_the_recording_is_told(told):
    assert told.begun == [(BEGIN_NS, ROBOT.joint_names)] and told.ended == 1
    assert len(told.of(PictureSeen)) == FRAMES
    by_source = {s: [j for j in told.of(JointsAt) if j.source is s] for s in JointSource}
    assert len(by_source[JointSource.MEASURED]) == FRAMES
    elbow = [joints.position[ELBOW] for joints in by_source[JointSource.RECORDED]]
    assert max(elbow) - min(elbow) == pytest.approx(2 * AMPLITUDE, rel=0.01)
    assert len(by_source[JointSource.REPLAYED]) > 90


def test_modes_and_what_changed_the_command_are_told_with_their_time(told):
    assert [entered.mode for entered in told.of(ModeEntered)][-1] is ControlMode.POLICY
    stale = [c for c in told.of(Constrained) if c.name == "chunk_stale"]
    assert len(stale) == 1 and stale[0].ticks > 1
    assert BEGIN_NS <= stale[0].time_ns < stale[0].end_ns < BEGIN_NS + NANOSECONDS


def test_chunks_of_one_lane_do_not_overlap(told):
    chunks = told.of(ChunkJoined)
    assert len(chunks) >= 3
    for lane in {chunk.lane for chunk in chunks}:
        times = [chunk.times_ns for chunk in chunks if chunk.lane == lane]
        for before, after in pairwise(times):
            assert before[-1] < after[0]


def test_every_step_of_system_2_shows_present_foresight_and_truth(told):
    steps = told.of(Foreseen)
    assert len(steps) == told.result["intents"]
    known = [step for step in steps if "true" in step.views[0].features]
    assert len(known) == told.result["foresight_intents"] == 8  # the others look beyond the end
    view = known[0].views[0]
    current, predicted, true = (view.features[k] for k in ("current", "predicted", "true"))
    assert current.shape == predicted.shape == true.shape == (PATCHES, PATCHES, 3)
    changes = (view.photos["predicted_change"], view.photos["true_change"])
    assert {change.shape for change in changes} == {view.picture.shape}
    # the foresight of this policy is the present, a little brighter; the true future has moved on
    as_number = lambda rgb: rgb.astype(int)
    foreseen = np.abs(as_number(predicted) - as_number(current)).mean()
    came_true = np.abs(as_number(true) - as_number(current)).mean()
    assert 0 < foreseen and came_true > 20


def test_lines_of_the_policy_are_shown_over_what_was_seen():
    pictures, grey = ForesightPictures(), np.full((90, 120, 3), 90, np.uint8)
    pictures.intended({"head": grey})
    shown = ShownIntent(outlines={"head": np.array([[[0.1, 0.5], [0.9, 0.5]]])})
    intent = LatentIntent(1, BEGIN_NS, 1, Instruction(1, INSTRUCTION), 0.5, "", {})
    ((view,),) = [step.views for step in pictures.came_true(intent, shown, None)]
    assert set(view.photos) == {"predicted_outline"} and not view.features
    changed = (view.photos["predicted_outline"] != view.picture).any(axis=(1, 2))
    assert np.flatnonzero(changed).mean() == pytest.approx(len(changed) / 2, abs=1)


def test_a_step_shown_is_told_with_the_time_of_its_observation(told):
    times_s = [(step.time_ns - BEGIN_NS) / NANOSECONDS for step in told.of(Foreseen)]
    assert np.diff(times_s) == pytest.approx(0.2, abs=1.01 / RATE_HZ)
    assert np.array(times_s) * RATE_HZ == pytest.approx(np.round(np.array(times_s) * RATE_HZ))


def test_distances_of_the_foresight_are_those_of_the_scores(told):
    errors = [m.value for m in told.of(Measured) if m.series == "foresight_error"]
    cosine = told.result["foresight_cosine"]["foresight"]
    assert np.mean(errors) == pytest.approx(cosine, abs=1e-6)


def test_only_the_episode_that_was_chosen_is_told(tmp_path):
    told = event_log(write_dataset(tmp_path / "sway", episodes=2), episode="1")
    assert told.ended == 1 and len(told.of(PictureSeen)) == FRAMES


def test_what_is_refused_is_told_though_nothing_was_taken_before(tmp_path):
    told = event_log(write_bag(tmp_path / "bag", picture_of=lambda frame: b"no jpeg"))
    refused = told.of(Refused)
    assert len(refused) == FRAMES and refused[0].time_ns == BEGIN_NS


def test_a_constraint_goes_on_over_single_ticks_without_it():
    spans, told = ConstraintSpans(), []
    limit = ActiveConstraint("velocity", "elbow", 0.1)
    for tick in [*range(10), *range(15, 20), *range(200, 205)]:
        amount = 0.3 if tick == 17 else 0.1
        told += spans.tick(tick * 5 * MILLISECOND, [limit._replace(amount=amount)])
    told += spans.rest()
    assert [(s.time_ns // MILLISECOND, s.end_ns // MILLISECOND, s.ticks) for s in told] == [
        (0, 95, 15), (1000, 1020, 5),
    ]  # fmt: skip
    assert [s.largest for s in told] == [0.3, 0.1]


def test_equal_features_have_equal_colours_and_components_are_those_of_the_truth():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(500, 8)) * [9, 5, 3, 0.1, 0.1, 0.1, 0.1, 0.1]
    colours = FeatureColours(truth, np.array([0.2]))
    shown = colours(truth[:100])
    assert np.array_equal(shown, colours(truth)[:100]) and shown.dtype == np.uint8
    first = np.abs(np.corrcoef(shown[:, 0], truth[:100, 0])[0, 1])
    assert first > 0.98
    assert (shown.std(axis=0) > 40).all()


def test_thinned_streams_keep_peaks_and_span_everything():
    thinned = Thinned(100, larger)
    for k in range(12_345):
        thinned.add((float(k), 9.0 if k == 7777 else 1.0))
    assert 50 <= len(thinned.items) <= 100 and thinned.number == 12_345
    assert max(value for _, value in thinned.items) == 9.0
    assert thinned.items[0][0] == 0.0 and thinned.items[-1][0] > 12_000


def test_merged_spans_lose_no_tick_and_join_what_is_near():
    merged = MergedSpans(10)
    for k in range(1000):
        begin_ns = k * NANOSECONDS + (100 * NANOSECONDS if k >= 500 else 0)
        merged.add(Constrained(begin_ns, begin_ns + MILLISECOND, "jerk", "elbow", k / 1000, 2))
    assert len(merged.spans) <= 10 and merged.ticks == 2000
    # the longest silence is still one
    silence_s = max(
        (after.time_ns - before.end_ns) / NANOSECONDS for before, after in pairwise(merged.spans)
    )
    assert silence_s == pytest.approx(101, abs=0.1)


def test_a_report_s_notes_do_not_grow_with_the_recording(told):
    step, picture = told.of(Foreseen)[0], told.of(PictureSeen)[0]

    def size(seconds: int) -> int:
        notes = ReplayNotes()
        notes.begin(0, ROBOT.joint_names)
        for tick in range(seconds * 50):
            now_ns = tick * 20 * MILLISECOND
            notes.write(JointsAt(now_ns, JointSource.REPLAYED, np.zeros(ROBOT.dof)))
            notes.write(Measured(now_ns, "gap", 0.1))
            notes.write(Constrained(now_ns, now_ns, "jerk", "elbow", 1.0, 1))
            notes.write(PictureSeen(now_ns, "head", picture.pixels))
            notes.write(Refused(now_ns, "camera", "black"))
            if tick % 100 == 0:
                notes.write(Foreseen(now_ns, 0.5, 0.1, step.views))
        assert len(notes.joints[JointSource.REPLAYED].items) <= SAMPLES
        assert len(notes.steps.items) <= STEPS
        assert len(notes.spans["jerk", "elbow"].spans) <= SPANS
        return len(pickle.dumps(notes))

    assert size(320) < 1.3 * size(160)
