"""OpenHelix: a frozen language model with one learnable token, and a diffusion policy in space."""
