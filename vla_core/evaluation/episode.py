"""One episode in the stepped simulation: both systems at their rates, nothing waits, no noise
but the seeded one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vla_core.chunks.executor import Executor, TimelineExecutor
from vla_core.chunks.peers.choose import PEERS
from vla_core.chunks.peers.stepped_peer import SteppedPeer
from vla_core.chunks.stepped_inference import SteppedInference
from vla_core.contract.protocol import System1, System2
from vla_core.contract.scene import PublishedScene, Scene, SceneLostError
from vla_core.errors import InstructionError
from vla_core.evaluation.intent_mode import IntentMode, zeroed
from vla_core.evaluation.motion_watch import STOOD, MotionQuality, MotionWatch
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.evaluation.viewer import EpisodeViewer
from vla_core.observation.scene_observer import SceneObserver
from vla_core.robot.camera_poses import CameraPoses
from vla_core.types import NANOSECONDS, Context, Instruction, LatentIntent

#: How often an episode begins anew whose scene is lost.
RESTARTS = 2


@dataclass(frozen=True)
class EpisodeResult:
    """How one episode ended.

    Attributes:
        seed: of the scene and of System 1's noise.
        instruction: what was told, in words.
        success: whether it was done, and stayed so.
        duration_s: simulated time to success, or the time limit [s].
        motion: how smooth the joint targets were.
        wrong_instruction: what System 2 was told instead, in `wrong` mode.
        wrong_success: whether that was done instead.
        delay_steps: estimate of the chunks' delay at the end, counted in steps.
        takeovers: times that an operator took over.
        restarts: times that it was begun anew, for its scene was lost.
        published_success: success as the benchmark's authors count it; None: not another way.
        refused: why the policy did not take the instruction; empty: it did.
    """

    seed: int
    instruction: str
    success: bool
    duration_s: float
    motion: MotionQuality
    wrong_instruction: str | None = None
    wrong_success: bool = False
    delay_steps: int = 0
    takeovers: int = 0
    restarts: int = 0
    published_success: bool | None = None
    refused: str = ""


#: Gives the intent for an observation; the policy's own, or a control's.
IntentSource = Callable[[Context], LatentIntent]


class EpisodeRunner:
    """Runs episodes of one policy in one scene.

    Args:
        scene: the stepped simulation.
        system1, system2: the policy.
        settings: rates and limits.
        instructions: everything that can be told, for the `wrong` mode.
        executor: makes the executor of a seed's episode; without, the servos get the timeline's
            targets as they are.
        poses: where cameras are, for policies that ask for it.
    """

    def __init__(
        self,
        scene: Scene,
        system1: System1,
        system2: System2,
        settings: EvaluationSettings,
        instructions: tuple[Instruction, ...],
        executor: Callable[[int], Executor] | None = None,
        poses: CameraPoses | None = None,
    ) -> None:
        self._scene = scene
        self._system1 = system1
        self._system2 = system2
        self._settings = settings
        self._instructions = instructions
        self._spec = system1.manifest.observation
        self._poses = poses
        names = system1.manifest.joint_names
        self._executor = executor or (lambda seed: TimelineExecutor(names, settings.control_s))

    def close(self) -> None:
        """Let go of the scene's renderer."""
        self._scene.close()

    def run(self, seed: int, viewer: EpisodeViewer | None = None) -> EpisodeResult:
        """Run the episode of `seed`; the same seed gives the same result, whatever ran before.

        Where its scene is lost it begins anew, `RESTARTS` times.

        Args:
            viewer: sees it; changes nothing.

        Raises:
            SceneLostError: it was lost once more.
            InstructionError: the policy does not take what it is told (`refused`).
        """
        return with_restarts(self._run, seed, viewer or EpisodeViewer())

    def refused(self, seed: int, error: InstructionError) -> EpisodeResult:
        """What the episode of `seed` comes to whose instruction the policy refused: it stood still."""
        told = self._scene.reset(seed, self._settings.task(seed))
        limit_s = self._settings.time_limit_s
        return EpisodeResult(seed, told.text, False, limit_s, STOOD, refused=str(error))

    def _run(self, seed: int, viewer: EpisodeViewer) -> EpisodeResult:
        mode = self._settings.intent
        donor: list[LatentIntent] = []
        if mode is IntentMode.SHUFFLED:
            other = int(np.random.default_rng((seed, 1)).integers(1 << 31, 1 << 32))
            told = self._scene.reset(other, self._settings.task(other))
            self._roll_out(other, told, None, self._recording(told, donor), EpisodeViewer())
        told = self._scene.reset(seed, self._settings.task(seed))
        wrong = self._other_instruction(seed, told) if mode is IntentMode.WRONG else None
        source = {
            IntentMode.PREDICTED: lambda context: self._system2.intend(context, told),
            IntentMode.ZERO: lambda context: zeroed(self._system2.intend(context, told)),
            IntentMode.SHUFFLED: _in_turn(donor),
            IntentMode.WRONG: lambda context: self._system2.intend(context, wrong),
        }[mode]
        return self._roll_out(seed, told, wrong, source, viewer)

    def _recording(self, told: Instruction, record: list[LatentIntent]) -> IntentSource:
        def intend(context: Context) -> LatentIntent:
            record.append(self._system2.intend(context, told))
            return record[-1]

        return intend

    def _other_instruction(self, seed: int, told: Instruction) -> Instruction:
        others = [i for i in self._instructions if i.id != told.id]  # the words may be other ones
        return others[np.random.default_rng((seed, 2)).integers(len(others))]

    def _roll_out(
        self,
        seed: int,
        told: Instruction,
        wrong: Instruction | None,
        intend: IntentSource,
        viewer: EpisodeViewer,
    ) -> EpisodeResult:
        settings, scene = self._settings, self._scene
        inference, executor = self._make(seed)
        period_s = executor.period_s
        for system in (self._system2, self._system1):
            system.reset(wrong or told)
        watch = MotionWatch()
        viewer.begin(seed, wrong or told)
        observer = SceneObserver(scene, self._spec, self._poses, period_s)

        def look(tick: int, now_ns: int) -> Context:
            return inference.context(observer.look(tick, now_ns), observer.history(now_ns))

        think_ticks = max(1, round(settings.system2_period_s / period_s))
        done_ticks = wrong_ticks = 0
        held_long = max(1, round(settings.settle_s / period_s))
        for tick in range(round(settings.time_limit_s / period_s)):
            now_ns = round(tick * period_s * NANOSECONDS)
            observer.tick(tick, now_ns)
            if tick % think_ticks == 0:
                context = look(tick, now_ns)
                started_s = time.perf_counter()
                intent = intend(context)
                viewer.intended(now_ns, intent, time.perf_counter() - started_s)
            if inference.is_due(now_ns, intent):
                if context.observation.stamp_ns != now_ns:
                    context = look(tick, now_ns)
                started_s = time.perf_counter()
                inference.infer(context, intent)
                viewer.inferred(now_ns, time.perf_counter() - started_s)
            if inference.deliver(now_ns):
                watch.arrived()
            viewer.ticked(now_ns, scene)
            target = executor.tick(now_ns, scene.position, scene.velocity)
            watch.tick(now_ns, target, executor.off_path)
            scene.set_targets(target)
            scene.step(period_s)
            done_ticks = done_ticks + 1 if scene.success_of(told) else 0
            wrong_ticks = wrong_ticks + 1 if wrong and scene.success_of(wrong) else 0
            if max(done_ticks, wrong_ticks) >= held_long:
                break
        return EpisodeResult(
            seed=seed,
            instruction=told.text,
            success=done_ticks >= held_long,
            motion=watch.quality(),
            duration_s=round((tick + 1) * period_s, 3),
            wrong_instruction=wrong.text if wrong else None,
            wrong_success=wrong_ticks >= held_long,
            delay_steps=inference.delay.steps,
            takeovers=executor.takeovers,
            published_success=published_success(scene),
        )

    def _make(self, seed: int) -> tuple[SteppedInference | SteppedPeer, Executor | SteppedPeer]:
        """Who looks and computes, and who turns that into joint targets; a peer does both."""
        settings, rng = self._settings, np.random.default_rng((seed, 0))
        if settings.strategy in PEERS:
            make = PEERS[settings.strategy]
            peer = make(self._system1, settings.schedule, rng, settings.control_s)
            return peer, peer
        executor = self._executor(seed)
        return SteppedInference(self._system1, executor, settings.schedule, rng), executor


def with_restarts(
    run: Callable[[int, EpisodeViewer], EpisodeResult], seed: int, viewer: EpisodeViewer
) -> EpisodeResult:
    """The episode that `run` makes of a seed; it begins anew, `RESTARTS` times, if its scene is lost.

    Raises:
        SceneLostError: it was lost once more.
    """
    for restarts in range(RESTARTS):
        try:
            return replace(run(seed, viewer), restarts=restarts)
        except SceneLostError as error:
            print(f"episode {seed} begins anew: {error}", file=sys.stderr, flush=True)
    return replace(run(seed, viewer), restarts=RESTARTS)


def _in_turn(intents: list[LatentIntent]) -> IntentSource:
    """Another episode's intents, one a call, its last for ever, as if they were of now."""
    remaining = list(reversed(intents))

    def next_intent(context: Context) -> LatentIntent:
        intent = remaining.pop() if len(remaining) > 1 else remaining[0]
        return replace(intent, observation_stamp_ns=context.observation.stamp_ns)

    return next_intent


def published_success(scene: Scene) -> bool | None:
    """Success as a benchmark's authors count it; None: not another way."""
    return scene.published_success if isinstance(scene, PublishedScene) else None
