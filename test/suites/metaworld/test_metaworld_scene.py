"""MetaWorld itself, in its environment: skipped, saying so, where that is not installed."""

from __future__ import annotations

import json
import subprocess
from itertools import islice

import numpy as np
import pytest

from vla_core.chunks.executor import TimelineExecutor
from vla_core.cli.main import main
from vla_core.suites.metaworld.suite import FIXED_PLACES
from vla_core.suites.metaworld.tasks import MT10
from vla_core.suites.metaworld.terms import LARGEST_M, STEP_S, STEPS
from vla_core.types import NANOSECONDS, ActionChunk

#: Where `MT1(NAME, seed=42)` has the first of its goals, told by the benchmark itself.
FIRST_OF_MT1 = """
import json, pickle, sys
import metaworld
task = metaworld.MT1(sys.argv[1], seed=42).train_tasks[0]
print(json.dumps(pickle.loads(task.data)["rand_vec"].tolist()))
"""


@pytest.fixture(scope="module")
def demonstrator(suite, hand):
    made = suite.demonstrator(hand)
    yield made
    made.close()


def oracle(scene, steps: int = STEPS) -> list[np.ndarray]:
    """What it commands, until success."""
    commands = []
    while len(commands) < steps and not scene.success:
        commands.append(scene.advise())
        scene.play(commands[-1][None], STEP_S)
    return commands


@pytest.mark.parametrize("task", (MT10.index("push-v3"), MT10.index("window-close-v3")))
def test_a_seed_is_the_same_scene_whatever_was_before(scene, task):
    scene.reset(1_000_000_000, task)
    begins, commands, ends = scene.position, oracle(scene), scene.position
    picture = scene.render("front")
    assert scene.success
    scene.reset(7, task)
    oracle(scene, 30)
    scene.reset(1_000_000_000, task)
    np.testing.assert_array_equal(scene.position, begins)
    scene.play(np.array(commands), STEP_S)
    np.testing.assert_array_equal(scene.position, ends)
    np.testing.assert_array_equal(scene.render("front"), picture)


def test_seeds_place_things_elsewhere(scene):
    def seen(seed: int) -> np.ndarray:
        scene.reset(seed, MT10.index("pick-place-v3"))
        return scene.render("wrist").astype(int)

    assert np.abs(seen(0) - seen(1_000_000_000)).max() > 50


def test_the_hand_goes_a_centimetre_a_step_at_most_and_holds_where_it_is_told(scene):
    scene.reset(3, MT10.index("reach-v3"))
    begin = scene.position
    far = begin + [0.1, 0.0, 0.0, 0.0]
    played = scene.play(np.tile(far, (60, 1)), STEP_S)
    assert np.abs(np.diff(played.position[:, 0])).max() < 1.5 * LARGEST_M
    np.testing.assert_allclose(scene.position[:3], far[:3], atol=0.02)
    np.testing.assert_allclose(played.time_s[-1], 60 * STEP_S)
    closed = scene.play(np.tile([*far[:3], 1.0], (40, 1)), STEP_S).position[-1, 3]
    opened = scene.play(np.tile([*far[:3], -1.0], (40, 1)), STEP_S).position[-1, 3]
    assert closed > opened + 0.5


def test_longer_than_the_benchmark_lets_is_no_error(scene):
    scene.reset(0, MT10.index("reach-v3"))
    hold = scene.targets
    scene.play(np.tile(hold, (STEPS + 5, 1)), STEP_S)
    assert not scene.success


def test_pictures_are_upright_and_not_mirrored(scene):
    scene.reset(2, MT10.index("drawer-open-v3"))
    halves = slice(None, 40), slice(40, None)
    for camera, (arm, free) in {"front": halves, "side": halves[::-1]}.items():
        picture = scene.render(camera).astype(int)
        assert picture.shape == (96, 96, 3)
        assert picture[:8, free].std() < 5, "grey above"
        assert picture[:8, arm].std() > 10, "the arm comes from above, at its own side"
        red, _, blue = picture[-30:, free].mean(axis=(0, 1))
        assert red > blue + 10, "wood below"
        assert scene.intrinsics(camera)[0, 2] == 47.5


def test_a_demonstration_is_one_that_a_policy_could_have_done(demonstrator, scene, hand):
    """Played back as a chunk at the frames' rate, it comes to success again."""
    for seed in range(10):
        (whole,) = islice(demonstrator.demonstrate(seed), 1)
        assert whole.success[-1] and whole.images["front"].shape[1:] == (96, 96, 3)
        chunk = ActionChunk(1, 0, 1, 1, 0, 1 / whole.rate_hz, hand.joint_names, whole.action)
        executor = TimelineExecutor(hand.joint_names, STEP_S)
        executor.on_chunk(chunk, 0)
        scene.reset(seed)
        for step in range(len(whole) * 4 + 8):
            now_ns = round(step * STEP_S * NANOSECONDS)
            scene.set_targets(executor.tick(now_ns, scene.position, scene.velocity))
            scene.step(STEP_S)
            if scene.success:
                break
        assert scene.success, f"seed {seed}: {whole.instruction}"


def test_fixed_places_are_the_first_of_mt1_with_seed_42(suite, hand):
    process = suite.process
    told = subprocess.run(
        [str(process.python), "-c", FIRST_OF_MT1, "reach-v3"], env=process.variables(),
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    goal = np.array(json.loads(told.stdout.splitlines()[-1]))[3:]
    fixed = suite.scene(hand, FIXED_PLACES)
    for seed in (0, 10):
        assert fixed.reset(seed).text == suite.tasks[0].instruction.text
        oracle(fixed)
        assert fixed.success
        assert np.linalg.norm(fixed.position[:3] - goal) < 0.12, "of the hand, above its fingers"
    fixed.close()


def test_holding_still_is_evaluated_by_the_benchmarks_terms(suite, tmp_path):
    out = tmp_path / "hold.json"
    told = ["eval", "--suite", "metaworld", "--policy", "hold_metaworld", "--shift", "paraphrase",
            "--episodes", "2", "--workers", "1", "--json", str(out)]  # fmt: skip
    assert main(told) == 0
    found = json.loads(out.read_text())
    assert found["n"] == 2 and found["successes"] == 0
    assert not found["settings"]["filtered"] and found["settings"]["delay_s"] == 0.0
    assert [episode["duration_s"] for episode in found["episodes"]] == [6.25, 6.25]
    for episode, task in zip(found["episodes"], suite.tasks, strict=False):
        assert episode["instruction"] in task.paraphrases
