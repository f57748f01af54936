"""What is sent and received: requests, streams, tokens, errors and headers. Pure."""
