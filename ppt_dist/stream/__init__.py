"""The data order as arithmetic, and the processes that execute it."""
