"""Prompt, backbone, adapter, head: no rank, device or file in here."""
