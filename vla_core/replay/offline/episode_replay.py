"""One recorded episode through the pipeline of the nodes, on the recording's clock."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from vla_core.chunks.inference_schedule import InferenceSchedule
from vla_core.chunks.stale_intent import StaleIntentRule
from vla_core.chunks.stepped_inference import SteppedInference
from vla_core.contract.joint import JointSystem1
from vla_core.contract.joint_targets import in_joint_targets
from vla_core.contract.protocol import System1, System2
from vla_core.errors import VlaError
from vla_core.metrics.listener import ReplayListener
from vla_core.observation.history import History
from vla_core.observation.observation_builder import ObservationBuilder
from vla_core.observation.pacing import StampPacer
from vla_core.recordings.sources.recording import (
    CommandCame,
    DepthCame,
    Event,
    ImageCame,
    IntrinsicsCame,
    JointStateCame,
    RecordedEpisode,
    UnreadableCame,
)
from vla_core.replay.offline.open_loop_executor import OpenLoopExecutor
from vla_core.replay.offline.settings import OfflineSettings
from vla_core.robot.camera_poses import CameraPoses
from vla_core.robot.model import RobotModel
from vla_core.types import (
    NANOSECONDS,
    ActionChunk,
    CommittedPlan,
    Context,
    Instruction,
    LatentIntent,
    Observation,
)

#: Above every camera's, so that none of its pictures is left out [Hz].
_EVERY_FRAME_HZ = 200.0
#: A look that is due this soon is due: stamps are rounded [ns].
_EARLY_NS = 2_000_000
#: After this long without an event the control ticks pause until the next one [ns].
_SILENCE_NS = 2 * NANOSECONDS


class EpisodeReplay:
    """The camera node's alignment, both systems at their rates, and the command core.

    At every control tick, and whenever something was received, the time is the recording's. Each
    system works on the newest input only; what it gives arrives when its declared delay is over.

    Args:
        system1, system2: the policy.
        robot: that the recording was made with.
        executor: takes the chunks.
        settings: rates, delays, strategy.
        instruction: what is told.
        episode: number of the episode; with the observation's it seeds the sampler's noise.
        listener: told everything.
        has_commands: whether the recording holds what the robot was told.
    """

    def __init__(
        self,
        system1: System1,
        system2: System2,
        robot: RobotModel,
        executor: OpenLoopExecutor,
        settings: OfflineSettings,
        instruction: Instruction,
        episode: int,
        listener: ReplayListener,
        has_commands: bool,
    ) -> None:
        self._executor = executor
        for system in (system2, system1):
            system.reset(instruction)
        self._listener = listener
        self._settings = settings
        self._has_commands = has_commands
        manifest = system2.manifest
        self._builder = ObservationBuilder(
            manifest.observation.cameras,
            robot.joint_names,
            _EVERY_FRAME_HZ,
            settings.max_skew_s,
            per_radian=executor.per_radian,
            poses=CameraPoses(robot),
        )
        forming = system1 if isinstance(system1, JointSystem1) else None
        told = listener if forming is None else ReplayListener()
        self._intents = _IntentsInTime(system2, instruction, settings, told)
        acting = in_joint_targets(system1, robot)
        acting = _SeededSystem1(acting, forming, (settings.seed, episode), listener)
        schedule = InferenceSchedule(
            settings.strategy, settings.replan_steps, delay_s=settings.system1_delay_s
        )
        rng = np.random.default_rng(settings.seed)
        self._inference = SteppedInference(acting, executor, schedule, rng)
        self._past: History[Observation] = History(manifest.observation.history_s)
        self._stale = StaleIntentRule(settings.intent_timeout_s)
        self._period_ns = round(executor.period_s * NANOSECONDS)
        self._tick_ns: int | None = None

    def run(self, episode: RecordedEpisode) -> None:
        """Go through the episode once."""
        self._listener.began(episode.name)
        last_ns = None
        for event in episode.events:
            if last_ns is None or event.now_ns - last_ns > _SILENCE_NS:
                if last_ns is not None:
                    self._tick_until(last_ns + _SILENCE_NS)
                self._tick_ns = event.now_ns
            self._tick_until(event.now_ns)
            self._take(event)
            last_ns = event.now_ns
        self._listener.ended()

    def _tick_until(self, now_ns: int) -> None:
        """Every control tick up to now; what happens now comes after its tick."""
        while self._tick_ns <= now_ns:
            self._inference.deliver(self._tick_ns)
            self._executor.tick(self._tick_ns)
            self._tick_ns += self._period_ns

    def _take(self, event: Event) -> None:
        started_s, dropped = time.perf_counter(), self._builder.drops.total()
        try:
            observations = self._build(event)
            if self._builder.drops.total() > dropped:
                self._listener.refused(event.now_ns, "observations", self._builder.last_drop)
        except VlaError as error:
            self._listener.refused(event.now_ns, _source(event), str(error))
            return
        finally:
            self._listener.came(event, time.perf_counter() - started_s)
        for seen in observations:
            self._see(seen, event.now_ns)

    def _build(self, event: Event) -> list[Observation]:
        builder = self._builder
        match event:
            case ImageCame():
                return builder.image(event.camera, event.pixels, event.stamp_ns, event.now_ns)
            case DepthCame():
                return builder.depth(event.camera, event.depth, event.stamp_ns, event.now_ns)
            case IntrinsicsCame():
                builder.intrinsics(event.camera, event.matrix, event.size)
            case JointStateCame():
                self._executor.on_joint_state(event)
                observations = builder.joint_state(
                    event.names, event.position, event.velocity, event.stamp_ns, event.now_ns
                )
                if not self._has_commands and builder.position is not None:
                    self._listener.executed(event.stamp_ns, builder.position)
                return observations
            case CommandCame():
                self._listener.executed(event.stamp_ns, event.position)
            case UnreadableCame():
                self._listener.refused(event.now_ns, event.source, event.problem)
        return []

    def _see(self, seen: Observation, now_ns: int) -> None:
        self._listener.observed(seen)
        history = self._past.before(seen.stamp_ns)
        self._past.add(seen.stamp_ns, seen)
        context = self._inference.context(seen, history)
        self._intents.offer(context)
        intent = self._intents.newest(now_ns)
        if intent is None or not self._inference.is_due(seen.stamp_ns + _EARLY_NS):
            return
        if problem := self._stale.why_not(intent, seen.stamp_ns):
            self._listener.refused(now_ns, "System 1", problem)
            return
        if problem := self._inference.infer(context, intent):
            self._listener.refused(now_ns, "System 1", problem)


class _IntentsInTime:
    """System 2 at its rate, one inference at a time, its delay declared."""

    def __init__(
        self,
        system2: System2,
        instruction: Instruction,
        settings: OfflineSettings,
        listener: ReplayListener,
    ) -> None:
        self._system2 = system2
        self._instruction = instruction
        self._listener = listener
        self._pacer = StampPacer(settings.system2_rate_hz)
        self._delay_ns = round(settings.system2_delay_s * NANOSECONDS)
        self._coming: LatentIntent | None = None
        self._newest: LatentIntent | None = None

    def offer(self, context: Context) -> None:
        """Begin an inference if it is time for one."""
        seen = context.observation
        self.newest(seen.stamp_ns)
        if self._coming is not None or not self._pacer.due(seen.stamp_ns):
            return
        self._coming = _as_sent(self._system2.intend(context, self._instruction))
        self._listener.intended(seen, self._coming)

    def newest(self, now_ns: int) -> LatentIntent | None:
        """The intent that has arrived last."""
        coming = self._coming
        if coming is not None and now_ns - coming.observation_stamp_ns >= self._delay_ns:
            self._newest, self._coming = coming, None
        return self._newest


class _SeededSystem1:
    """System 1 whose noise depends on seed, episode and observation alone.

    So a chunk does not depend on how many were asked for before, and that of an observation can be
    scored whatever plan the executed one is joined to.

    Args:
        forming: the joint policy behind it, which forms its own intents; None: it is none.
    """

    def __init__(
        self,
        system1: System1,
        forming: JointSystem1 | None,
        seed: tuple[int, int],
        listener: ReplayListener,
    ) -> None:
        self.manifest = system1.manifest
        self._system1, self._forming = system1, forming
        self._seed = seed
        self._listener = listener

    def act(
        self,
        context: Context,
        intent: LatentIntent,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> ActionChunk:
        """The chunk to be executed; the one without a plan is told to the listener."""
        seen = context.observation
        seed = (*self._seed, seen.sequence)
        if self._forming is not None:  # it may remember, so it is asked once
            chunk = self._system1.act(context, intent, np.random.default_rng(seed), plan)
            intent = _as_sent(self._forming.formed)
            self._listener.intended(seen, intent)
            self._listener.acted(seen, intent, chunk)
            return chunk
        alone = self._system1.act(context, intent, np.random.default_rng(seed))
        self._listener.acted(seen, intent, alone)
        if plan is None or not len(plan.targets):
            return alone
        joined = self._system1.act(context, intent, np.random.default_rng(seed), plan)
        return replace(joined, sequence=alone.sequence)


def _as_sent(intent: LatentIntent) -> LatentIntent:
    """With numbers in half precision: that is how intents travel, and System 1 gets them."""
    tensors = {
        name: values.astype(np.float16) if values.dtype.kind == "f" else values
        for name, values in intent.tensors.items()
    }
    return replace(intent, tensors=tensors)


def _source(event: Event) -> str:
    of_camera = isinstance(event, ImageCame | DepthCame | IntrinsicsCame)
    return f"camera {event.camera}" if of_camera else "joint states"
