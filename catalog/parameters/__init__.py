"""What one request asks for: parameters, filter sets, pages, and which answers may be cached."""
