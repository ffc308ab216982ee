"""How long things take, beside how long they take elsewhere: `make bench`."""
