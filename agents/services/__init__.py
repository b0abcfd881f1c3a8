"""Every change of agents: the actor first, one transaction, one ledger entry, then the epoch."""
