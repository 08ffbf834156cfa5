"""What is measured once and reported: asynchrony, the costs of filter and takeovers, corrections."""
