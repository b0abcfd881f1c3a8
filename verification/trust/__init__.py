"""What the record says of an agent's trust: the factors, the score they make, and whether a snapshot may believe it."""
