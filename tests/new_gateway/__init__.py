"""A gateway that does not exist, in the three files that a new gateway takes."""
