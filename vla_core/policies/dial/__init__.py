"""DIAL: decoupling intent and action via latent world modelling (seed paper 000)."""
