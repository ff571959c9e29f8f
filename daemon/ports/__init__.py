"""What jobs need from the outside, as Protocols: stores, clock, alerts. No driver is named here."""
