"""Weights of the official classes, in and out: SpUNet-v1m3 under PPT-v1m1 or PPT-v1m2.

Pointcept (github.com/Pointcept/Pointcept, commit d74c646) and PonderV2 use the same names.
"""
