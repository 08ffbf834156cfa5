"""Training of whatever policy: configuration, data, windows, normalisation, trainer, shipping."""
