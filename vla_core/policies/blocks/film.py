"""Feature-wise linear modulation (Perez et al. 2018, arXiv 1709.07871)."""

from __future__ import annotations

from torch import Tensor, nn


class FiLM(nn.Module):
    """x gamma(c) + beta(c), one scale and shift a feature; begins near x itself.

    Args:
        condition_width: of c.
        width: of x.
    """

    def __init__(self, condition_width: int, width: int) -> None:
        super().__init__()
        self.affine = nn.Linear(condition_width, 2 * width)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """`(..., width)`, and `(..., condition_width)` whose other axes broadcast to x's."""
        change, shift = self.affine(condition).chunk(2, dim=-1)
        return x * (1.0 + change) + shift
