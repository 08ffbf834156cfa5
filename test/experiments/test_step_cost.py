"""The cost of a step is that of its matrix products, and of what autograd keeps."""

from __future__ import annotations

import torch
from torch import nn

from vla_core.experiments.step_cost import step_cost

ROWS, WIDTH, LAYERS = 5, 8, 3


class Stack(nn.Module):
    """Layers of two matrices in a `ModuleList`, behind a matrix that does not learn."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Linear(WIDTH, WIDTH, bias=False).requires_grad_(False)
        self.layers = nn.ModuleList(nn.Sequential(*self.half(), *self.half()) for _ in range(LAYERS))

    @staticmethod
    def half() -> tuple[nn.Module, nn.Module]:
        return nn.Linear(WIDTH, WIDTH, bias=False), nn.Tanh()

    def forward(self, batch, noise):
        x = self.frozen(batch["x"])
        for layer in self.layers:
            x = layer(x)
        return {"loss": (x * x).sum()}


def test_products_and_kept_activations_by_hand():
    with torch.device("meta"):
        stack, batch = Stack(), {"x": torch.empty(ROWS, WIDTH)}
    cost = step_cost(stack, batch)
    product, learned = 2 * ROWS * WIDTH * WIDTH, 2 * LAYERS
    assert cost.forward == (1 + learned) * product
    assert cost.backward == (2 * learned - 1) * product  # before the first that learns there is none
    assert cost.flops == 2 * cost.forward + cost.backward
    assert (cost.weights, cost.learned) == ((1 + learned) * WIDTH**2, learned * WIDTH**2)
    assert cost.resident() == 4 * cost.weights + 12 * cost.learned == 2 * cost.resident(2)

    activation = 2 * ROWS * WIDTH  # in half precision; what tanh keeps the next matrix keeps too
    assert cost.kept == (1 + learned) * activation
    between, first_layers_own = LAYERS - 1, 3
    assert cost.kept_checkpointed == (between + first_layers_own) * activation
