"""Every change of organizations and people: the actor first, one transaction, one ledger entry."""
