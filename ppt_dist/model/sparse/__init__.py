"""Sparse convolution: weights in our modules, tensors to a backend."""
