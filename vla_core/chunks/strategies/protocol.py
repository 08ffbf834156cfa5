"""What a strategy of execution decides."""

from __future__ import annotations

from typing import Protocol

from vla_core.contract.manifest import PolicyManifest
from vla_core.types import ActionChunk, Conditioning


class Strategy(Protocol):
    """Decides how a chunk joins what is being executed; whoever runs System 1 has one.

    The executor always does the same: it drops what is past of the newest chunk and replaces
    everything later by it (`ChunkTimeline.insert`).

    Attributes:
        conditioning: what System 1 makes of the plan that its next chunk should join; None: it is
            not told the plan.
        waits: whether System 1 looks only once the robot has executed what it has and stands.
    """

    conditioning: Conditioning | None
    waits: bool

    def prepare(self, chunk: ActionChunk, now_ns: int) -> ActionChunk:
        """The chunk that is to be executed for one that is ready now."""

    def limit_steps(self, manifest: PolicyManifest, executed: int) -> int | None:
        """Largest delay that it can make one motion of [steps]; None: any.

        Args:
            manifest: of the policy that makes the chunks.
            executed: steps from one inference to the next, at least (the paper's s).
        """

    def forget(self) -> None:
        """Chunks that came before were for something else: another instruction, another start."""
