"""Sparse convolution behind four functions: a backend sees tensors, our modules keep the weights.

`submanifold_map`, `stride2_map`, `sparse_conv`, `Map.reversed`. One backend so far: `reference`.
"""

from ppt_dist.model.sparse.maps import Map, stride2_map, submanifold_map
from ppt_dist.model.sparse.reference import sparse_conv

__all__ = ["Map", "sparse_conv", "stride2_map", "submanifold_map"]
