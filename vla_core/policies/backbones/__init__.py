"""Pretrained networks that a policy may read and see by: weights that come on request, frozen."""
