"""Contracts between the jobs and the outside, as Protocols: stores, clock, alerts. No driver is named here."""
