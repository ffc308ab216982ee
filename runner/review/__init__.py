"""The review page of a run: read from what the run left, rendered as one HTML file."""
