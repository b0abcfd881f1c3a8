"""What is usual for an agent, learned from what it was allowed to do, and how unusual a request is beside it."""
