"""What this room derives from the ledger. Each module is one follower and registers itself when imported."""
