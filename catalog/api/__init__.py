"""The interface for programs: the `/catalog` endpoints."""
