"""A chunk said at once, without noise, as ACT's (Zhao et al. 2023, arXiv 2304.13705)."""

from __future__ import annotations

from dataclasses import dataclass

from vla_core.inference.arrays import Array, namespace
from vla_core.policies.samplers.guidance import Velocity
from vla_core.policies.samplers.plan import Guide, Prefix


@dataclass(frozen=True)
class Regression:
    """The network's answer to empty actions at time 0 is the chunk: one step, from nothing.

    There are no steps in which a chunk could be pulled to an old plan Y, so that is mixed in with
    the weights W of real-time chunking: A + W (Y - A).
    """

    def sample(
        self,
        velocity: Velocity,
        noise: Array,
        prefix: Prefix | None = None,
        guide: Guide | None = None,
    ) -> Array:
        """A.

        Args:
            velocity: the network; one that has learned to continue a prefix is told it by its
                caller.
            noise: `(batch, horizon, width)`, for its shape and device alone.
            prefix: what the chunks begin with at the end, to the last bit.
            guide: the old plan.

        Returns:
            The chunks, like `noise`, on its device.
        """
        chunk = velocity(namespace(noise).zeros_like(noise), 0.0)
        if guide is not None:
            chunk = chunk + guide.weight * (guide.plan - chunk)
        return chunk if prefix is None else prefix.before(chunk)
