"""Raw scans to shards and back."""
