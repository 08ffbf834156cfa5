"""What is seen and was executed into memory, frame by frame (algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.inference.arrays import Array, namespace
from vla_core.inference.session import Session
from vla_core.policies.lingbot_va.memory import Memory
from vla_core.policies.lingbot_va.sizes import LingBotSizes
from vla_core.types import NANOSECONDS, Context, Observation


class Grid(NamedTuple):
    """Times of a policy in nanoseconds.

    Attributes:
        step_ns, unit_ns: from one step to the next, and from one latent frame to the next.
    """

    step_ns: float
    unit_ns: float

    @classmethod
    def of(cls, manifest: PolicyManifest, sizes: LingBotSizes) -> Grid:
        """Of a policy."""
        step_ns = manifest.step_s * NANOSECONDS
        return cls(step_ns, step_ns * sizes.unit_steps)

    def same(self, first_ns: float, second_ns: float) -> bool:
        """Whether two stamps are of one step."""
        return abs(first_ns - second_ns) < 0.5 * self.step_ns

    def units(self, elapsed_ns: float) -> float:
        """Latent frames that pass in a time, in whole steps."""
        return round(elapsed_ns / self.step_ns) * self.step_ns / self.unit_ns


class Recollection:
    """Keeps the memory of one run.

    Asked a whole number of latent frames after the newest that it holds, it goes on from there.
    Asked at another time, it sees the frames that the contract shows anew, so that they are as far
    apart as in training, beside what it holds of the time before them.

    Args:
        manifest, sizes: of the policy.
        networks: `encoder` and `remember`.
        numbers: joint targets `(n, dof)` to normalised actions.
    """

    def __init__(
        self,
        manifest: PolicyManifest,
        sizes: LingBotSizes,
        networks: Mapping[str, Session],
        numbers: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self._manifest, self._sizes, self._numbers = manifest, sizes, numbers
        self._encoder, self._network = networks["encoder"], networks["remember"]
        self._grid = Grid.of(manifest, sizes)
        self.forget()

    def forget(self) -> None:
        """As if new."""
        sizes = self._sizes
        shape = (sizes.rows, sizes.window * sizes.unit_tokens, sizes.cache_width)
        cache = self._network.put(np.zeros(shape, np.float32))
        self._memory = Memory(cache, sizes.unit_tokens)

    def see(self, context: Context, words: Array) -> Memory:
        """The memory with now as its newest frame.

        Args:
            words: of each row.

        Raises:
            ObservationError: images or joints are not what the manifest declares.
        """
        seen = self._seen(context)
        now_ns, unit_ns = context.observation.stamp_ns, self._grid.unit_ns
        held = self._memory
        ages = range(len(seen) + 1)
        newest = held.stamps_ns[-1] if held else 0
        joins = [age for age in ages if held and self._grid.same(newest, now_ns - age * unit_ns)]
        if joins:
            memory, first = held, joins[0] - 1
        else:
            first = len(seen) - 1
            # half a frame before the oldest of them, and what is of that step
            oldest_ns = now_ns - (first + 0.5) * unit_ns + 0.5 * self._grid.step_ns
            memory = held.before(round(oldest_ns))
        begun = (newest, held.now) if held else (now_ns - round(first * unit_ns), 0.0)
        for age in range(first, -1, -1):
            stamp_ns = now_ns - round(age * unit_ns)
            time = begun[1] + self._grid.units(stamp_ns - begun[0])
            memory = self._with(memory, context, seen[age], age, words, stamp_ns, time)
        if joins or not held:
            self._memory = memory
        elif now_ns - newest > unit_ns - 0.5 * self._grid.step_ns:
            told = memory.cache[:, -self._sizes.unit_tokens :]
            self._memory = held.append(told, now_ns, memory.now, memory.latents, memory.kept)
        return memory

    def add(
        self,
        memory: Memory,
        latents: Array,
        seen_at: float,
        actions: np.ndarray,
        words: Array,
        stamp_ns: int,
        time: float,
        kept: Array | None = None,
    ) -> Memory:
        """A memory with a frame more, and with the actions that led to it.

        Args:
            latents: `(1, N, token_numbers)`.
            seen_at: flow time of these; 1: they were seen.
            actions: `(unit_steps, 30)`, normalised.
            words: of each row.
            stamp_ns, time, kept: as `Memory.append` takes them.
        """
        rows, put = self._sizes.rows, self._network.put
        told = self._network.run(
            latents=repeated(latents, rows),
            seen_at=put(np.full(rows, seen_at, np.float32)),
            actions=put(np.repeat(actions[None], rows, axis=0)),
            words=words,
            **moment(put, memory, time),
        )
        return memory.append(told, stamp_ns, time, latents, kept)

    def _seen(self, context: Context) -> list[list[Observation]]:
        """Of each latent frame its pictures, oldest first; the newest frame first.

        As many as there are without a gap. The first picture alone of the oldest, as of a video's
        first frame.
        """
        each = self._sizes.vae_frames
        moments = [context.observation, *reversed(context.history)]
        there = moments.index(None) if None in moments else len(moments)
        for observation in moments[:there]:
            self._manifest.check_observation(observation)
        frames = [moments[k : k + each][::-1] for k in range(0, there - each + 1, each)]
        if there % each and (last := len(frames) * each) < there:
            frames.append([moments[last]])
        return frames or [[moments[0]]]

    def _with(
        self,
        memory: Memory,
        context: Context,
        seen: list[Observation],
        age: int,
        words: Array,
        stamp_ns: int,
        time: float,
    ) -> Memory:
        """With what was seen `age` frames ago."""
        names = [camera.name for camera in self._manifest.observation.cameras]
        fresh = memory.kept is None
        if fresh:
            seen = seen[-1:]
        pictures = np.stack([np.stack([o.images[name] for name in names]) for o in seen])[None]
        put = self._encoder.put
        kept = memory.kept
        if fresh:
            kept = put(np.zeros((1, self._sizes.first_kept), np.float32))
        found = self._encoder.run(pictures=put(pictures), kept=kept)
        count = self._sizes.frame_tokens * self._sizes.token_numbers
        latents = found[:, :count].reshape(1, self._sizes.frame_tokens, -1)
        done = self._numbers(self._done(context.executed, seen[-1].position, age))
        return self.add(memory, latents, 1.0, done, words, stamp_ns, time, found[:, count:])

    def _done(
        self, executed: np.ndarray | None, position: np.ndarray, age: int
    ) -> np.ndarray:
        """`(unit_steps, dof)` that led to a frame; where nothing was commanded, it stood there."""
        steps, last = self._sizes.unit_steps, (self._sizes.history + 1 - age)
        stood = np.repeat(position[None], steps, axis=0)
        if executed is None:
            return stood
        told = executed[(last - 1) * steps : last * steps]
        return np.where(np.isfinite(told), told, stood)


def repeated(array: Array, rows: int) -> Array:
    """`(1, ...)` to `(rows, ...)`."""
    return array if rows == 1 else namespace(array).concatenate([array] * rows, 0)


def moment(put: Callable[[np.ndarray], Array], memory: Memory, time: float) -> dict[str, Array]:
    """What every pass is told of a memory, at a time."""
    shown = memory.shown
    now = np.full(len(shown), time, np.float32)
    return {"now": put(now), "cache": memory.cache, "shown": put(shown)}
