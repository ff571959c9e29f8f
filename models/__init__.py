"""The values of the domain. No network, no scheduling; `models.documents` is imported only where it is needed."""
