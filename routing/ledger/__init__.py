"""One row for each attempt: written to a spool before it is sent, then stored in the database."""
