"""Views of a run's events: nothing here is written by training, and nothing trains."""
