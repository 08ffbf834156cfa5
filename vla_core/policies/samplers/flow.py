"""Flow matching (Lipman et al. 2023, arXiv 2210.02747): a chunk is where a velocity field leads."""

from __future__ import annotations

from dataclasses import dataclass

from vla_core.inference.arrays import Array
from vla_core.policies.samplers.guidance import Jacobian, Velocity, guided_velocity
from vla_core.policies.samplers.plan import Guide, Prefix


@dataclass(frozen=True)
class FlowMatching:
    """Euler's steps along the field, from noise at tau = 0 to data at tau = 1.

    Attributes:
        steps: of the integration.
        until: tau that it ends at; before 1 some of the noise is left (LingBot-VA, section 3.3).
        jacobian: of the guidance, where there is one.
    """

    steps: int
    jacobian: Jacobian = Jacobian.IDENTITY
    until: float = 1.0

    def sample(
        self,
        velocity: Velocity,
        noise: Array,
        prefix: Prefix | None = None,
        guide: Guide | None = None,
    ) -> Array:
        """A^(tau + d) = A^tau + d v(A^tau, tau), with v guided where there is a guide.

        Args:
            velocity: v; a network that has learned to continue a prefix is told it by its caller.
            noise: A^0, `(batch, horizon, width)`.
            prefix: what the chunks begin with at the end, to the last bit.
            guide: what they are pulled to (`guidance`).

        Returns:
            A^until, like `noise`, on its device.
        """
        chunk = noise
        for k in range(self.steps):
            time = self.until * k / self.steps
            if guide is None:
                flow = velocity(chunk, time)
            else:
                flow = guided_velocity(velocity, chunk, time, guide, self.jacobian)
            chunk = chunk + self.until * flow / self.steps
        return chunk if prefix is None else prefix.before(chunk)
