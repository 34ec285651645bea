"""The loop, its engine, checkpoints and evaluation."""
