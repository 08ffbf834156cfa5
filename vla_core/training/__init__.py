"""Training: a resumable trainer, and the stages that make a policy."""
