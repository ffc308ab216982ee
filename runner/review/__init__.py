"""The review page: all that a reviewer needs to say yes or no, in one file."""
