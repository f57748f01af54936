"""The read side: one published revision held in memory, and what clients select from it."""
