"""Every change of agents: the actor first, one transaction, one ledger entry, and the runtime row's epoch raised last."""
