"""Class names to vectors: the one door to text encoders."""
