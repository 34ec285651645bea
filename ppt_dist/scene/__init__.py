"""What a scene, a batch and a label set are."""
