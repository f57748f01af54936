"""The face for programs: the `/catalog` endpoints."""
