"""Tables as files and as training data: what a CSV says, what a split has to be."""
