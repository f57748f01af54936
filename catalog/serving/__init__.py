"""The read side: one published revision held in memory, and the selections that clients make from it."""
