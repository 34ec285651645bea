"""Procedural raw scenes in the real formats."""
