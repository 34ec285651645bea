"""Benchmarks: each figure beside a plain baseline that ran between its own repeats."""
