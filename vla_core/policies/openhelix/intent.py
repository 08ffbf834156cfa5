"""What is in OpenHelix's intents: nobody but its two systems and its view reads it."""

from __future__ import annotations

#: z_t^ACT, `(language_width,)`: the last layer's state of the learnable token.
LATENT = "latent"
