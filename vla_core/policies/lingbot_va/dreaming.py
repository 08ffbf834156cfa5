"""Latent frames to come: partly denoised for the actions, and what committed actions lead to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from vla_core.inference.arrays import Array, fetched, namespace, same_for_all
from vla_core.inference.session import Session
from vla_core.policies.lingbot_va.memory import Memory
from vla_core.policies.lingbot_va.recollection import moment, repeated
from vla_core.policies.lingbot_va.sizes import LingBotSizes


class Dream(NamedTuple):
    """A chunk of latent frames that is foreseen.

    Attributes:
        latents: `(1, K * N, token_numbers)` at flow time `video_until`, as actions see it.
        clean: `(K, N, token_numbers)`, where its flow leads from the last step.
        context: what the flow of actions is told.
    """

    latents: Array
    clean: np.ndarray
    context: dict[str, Array]


class Dreaming:
    """The video stream's passes, without a memory of its own.

    Args:
        sizes: of the policy.
        networks: `dream`, `look` and `imagine`.
    """

    def __init__(self, sizes: LingBotSizes, networks: Mapping[str, Session]) -> None:
        self._sizes, self._networks = sizes, networks

    def dream(self, memory: Memory, words: Array, rng: np.random.Generator) -> Dream:
        """Algorithm 1, line 5: from noise to s = `video_until`, with guidance.

        v = v_untold + scale (v_told - v_untold) (Ho and Salimans 2022, arXiv 2207.12598).

        Args:
            words: of each row: as told, and as told nothing.
        """
        sizes, network = self._sizes, self._networks["dream"]
        told = moment(network.put, memory, memory.now)
        shape = (1, sizes.chunk_frames * sizes.frame_tokens, sizes.token_numbers)
        noise = network.put(rng.standard_normal(shape, dtype=np.float32))
        clean = noise

        def flow(chunk: Array, time: float) -> Array:
            nonlocal clean
            rows = repeated(chunk, sizes.rows)
            said = network.run(latents=rows, time=same_for_all(rows, time), words=words, **told)
            velocity = said[:1]
            if sizes.rows > 1:
                velocity = said[1:] + sizes.video_guidance * (velocity - said[1:])
            clean = chunk + (1.0 - time) * velocity
            return velocity

        latents = sizes.video_sampler.sample(flow, noise)
        frames = fetched(clean).reshape(sizes.chunk_frames, sizes.frame_tokens, -1)
        return Dream(latents, frames, self._context(memory, words, latents))

    def imagine(
        self, memory: Memory, actions: np.ndarray, words: Array, rng: np.random.Generator
    ) -> Array:
        """FDM of algorithm 2: the latent frame `(1, N, token_numbers)` that actions lead to.

        Args:
            actions: `(unit_steps, 30)`, normalised.
            words: of each row.
        """
        sizes, network = self._sizes, self._networks["imagine"]
        told = _first_row(moment(network.put, memory, memory.now))
        done, words = network.put(actions[None]), words[:1]
        shape = (1, sizes.frame_tokens, sizes.token_numbers)
        noise = network.put(rng.standard_normal(shape, dtype=np.float32))

        def flow(frame: Array, time: float) -> Array:
            when = same_for_all(frame, time)
            return network.run(latents=frame, time=when, actions=done, words=words, **told)

        return sizes.imagined_sampler.sample(flow, noise)

    def _context(self, memory: Memory, words: Array, latents: Array) -> dict[str, Array]:
        """What is remembered, and what was dreamt, as actions see both."""
        network = self._networks["look"]
        told = _first_row(moment(network.put, memory, memory.now))
        time = same_for_all(latents, self._sizes.video_until)
        looked = network.run(latents=latents, time=time, words=words[:1], **told)
        array = namespace(looked)
        seen = network.put(np.ones((1, int(looked.shape[1])), bool))
        return {
            "context": array.concatenate([told["cache"], looked], 1),
            "shown": array.concatenate([told["shown"], seen], 1),
            "now": told["now"],
        }


def _first_row(told: dict[str, Array]) -> dict[str, Array]:
    return {name: array[:1] for name, array in told.items()}
