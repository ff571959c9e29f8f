"""The steps of an analytics export."""
