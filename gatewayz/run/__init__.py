"""What `make run` needs: the supervisor and its children, a broker without Redis, pulses and probes."""
