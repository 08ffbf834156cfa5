"""CLaD: planning with grounded foresight by cross-modal latent dynamics (seed paper 001)."""
