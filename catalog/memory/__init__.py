"""One published revision in the memory of a serving process, and how offers are found in it."""
