"""Messages, topics and profiles: what goes over the middleware."""
