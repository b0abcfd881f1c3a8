"""What changes the state of reports: one function a change, one entry of the ledger with it."""
