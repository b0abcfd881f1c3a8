"""Reports that people take along: asked for, made by a worker, signed where they are PDF, kept to be fetched again.

A room above registers its kinds (`aim.reports.kinds`) and asks for a report (`aim.reports.making.ask_report`).
"""
