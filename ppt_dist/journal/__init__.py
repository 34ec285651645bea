"""The log of what happens in a run, and files that are whole or absent."""
