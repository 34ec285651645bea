"""Where training runs: the one door to ray."""
