"""LingBot-VA on a robot, on torch or ONNX Runtime: remembers, foresees, acts, in one process."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.inference.arrays import Array, fetched
from vla_core.inference.networks import open_networks
from vla_core.inference.session import Session
from vla_core.policies.lingbot_va.dreaming import Dream, Dreaming
from vla_core.policies.lingbot_va.forecast import Forecast, Surprise
from vla_core.policies.lingbot_va.intent import tensors_of
from vla_core.policies.lingbot_va.memory import Memory
from vla_core.policies.lingbot_va.networks import OF_POLICY
from vla_core.policies.lingbot_va.recollection import Grid, Recollection
from vla_core.policies.lingbot_va.sampling import UnifiedSampling
from vla_core.policies.lingbot_va.sizes import LingBotSizes
from vla_core.policies.samplers.plan import committed_steps
from vla_core.policies.visuomotor.language import Language, open_language
from vla_core.policies.visuomotor.sizes import sizes_of
from vla_core.policies.visuomotor.systems import VisuomotorJoint
from vla_core.types import CommittedPlan, Conditioning, Context, Instruction, Observation


def load_joint(folder: Path, manifest: PolicyManifest, placement: Placement) -> LingBotPolicy:
    """Load it whole.

    Raises:
        PolicyError: sizes, weights or a placement that cannot be.
        ConfigError: the sentence encoder that it reads by is not installed.
    """
    sizes = sizes_of(LingBotSizes, folder, manifest)

    def load() -> tuple:
        from vla_core.policies.lingbot_va.weights import example_inputs, load_lingbot

        model = load_lingbot(folder, manifest)
        return model, example_inputs(model, prefix=manifest.prefix_steps > 0)

    language = open_language(manifest.model, placement)
    networks = open_networks(folder, placement, OF_POLICY, load)
    return LingBotPolicy(manifest, sizes, language, networks)


class Formed(NamedTuple):
    """What a chunk is decoded from.

    Attributes:
        dream: what is foreseen.
        done: `(n, dof)` committed steps that the chunk begins with.
    """

    dream: Dream
    done: np.ndarray


class LingBotPolicy(VisuomotorJoint):
    """What is seen and was executed to forecast and chunk, by a memory that a reset clears.

    Args:
        language: turns instructions into what the video stream takes.
        networks: those of `OF_POLICY`.
    """

    def __init__(
        self,
        manifest: PolicyManifest,
        sizes: LingBotSizes,
        language: Language,
        networks: dict[str, Session],
    ) -> None:
        super().__init__(manifest, UnifiedSampling(manifest, sizes, networks["velocity"]))
        self._sizes, self._language = sizes, language
        self._recollection = Recollection(manifest, sizes, networks, self._sampling.numbers)
        self._dreaming = Dreaming(sizes, networks)
        self._grid = Grid.of(manifest, sizes)
        self._put = networks["remember"].put
        self.reset(None)

    def reset(self, instruction: Instruction | None) -> None:
        """Forget what was seen, done and foreseen."""
        self._recollection.forget()
        self._forecast: Forecast | None = None
        self._surprise: Surprise | None = None

    def form(
        self,
        context: Context,
        instruction: Instruction,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> tuple[Formed, dict[str, np.ndarray]]:
        """Remember and foresee: algorithm 1; with `Conditioning.FORWARD` algorithm 2."""
        words = self._words(instruction)
        seen = self._recollection.see(context, words)
        self._compare(seen)
        memory, done = self._carried(seen, plan, words, rng)
        dream = self._dreaming.dream(memory, words, rng)
        self._forecast = Forecast.of(dream, memory, self._grid)
        errors = self._surprise or Surprise(-1.0, -1.0)
        tensors = tensors_of(dream.clean, fetched(seen.latents)[0], errors)
        return Formed(dream, done), tensors

    def decode(
        self,
        seen: Formed,
        now: Observation,
        rng: np.random.Generator,
        plan: CommittedPlan | None,
    ) -> np.ndarray:
        """The committed steps, up to a whole latent frame, and the horizon's own."""
        position = seen.done[-1] if len(seen.done) else now.position
        own = self._sampling.sample(seen.dream.context, position, rng, plan)
        return np.concatenate([seen.done, own])

    @property
    def path_speed(self) -> float:
        """Less than 1 from the declared error of a forecast on, in proportion."""
        limit = self._sizes.unsure_from
        if not limit or self._surprise is None:
            return 1.0
        return min(1.0, limit / max(self._surprise.forecast, limit))

    def _words(self, instruction: Instruction) -> Array:
        """Of each row: as told, and with guidance as told nothing, which is all zeros."""
        told = self._language(instruction.text)[None]
        rows = [told, np.zeros_like(told)][: self._sizes.rows]
        return self._put(np.concatenate(rows))

    def _compare(self, memory: Memory) -> None:
        """What came with what was foreseen."""
        if self._forecast is not None:
            self._surprise = self._forecast.surprise(memory, self._grid) or self._surprise

    def _carried(
        self, memory: Memory, plan: CommittedPlan | None, words: Array, rng: np.random.Generator
    ) -> tuple[Memory, np.ndarray]:
        """The memory after the committed steps, as it is supposed to be then, and these.

        Committed steps `(n, dof)` are filled up to whole latent frames by what the plan holds
        after them, or by its last step again.
        """
        sizes = self._sizes
        steps = committed_steps(plan, Conditioning.FORWARD, self.manifest.forward_steps)
        units = -(-steps // sizes.unit_steps)
        if not units:
            return memory, np.empty((0, len(self.manifest.joint_names)))
        places = np.minimum(np.arange(units * sizes.unit_steps), len(plan.targets) - 1)
        done = plan.targets[places]
        for actions in np.split(self._sampling.numbers(done), units):
            stamp_ns = memory.stamps_ns[-1] + round(self._grid.unit_ns)
            stale = None
            if self._forecast is not None and not sizes.grounded:
                stale = self._forecast.frame(stamp_ns, self._grid)
            latents, seen_at = stale, sizes.video_until
            if stale is None:
                latents, seen_at = self._dreaming.imagine(memory, actions, words, rng), 1.0
            memory = self._recollection.add(
                memory, latents, seen_at, actions, words, stamp_ns, memory.now + 1.0
            )
        return memory, done
