"""Raw records: what prepare hands on of them, and the code that serves by features."""
