"""LingBot-VA: a causal video-action world model, run while the robot moves (seed paper 002)."""
