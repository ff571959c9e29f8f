"""Compares a definition with the OpenAPI document that its vendor publishes. Pure but for reading the file."""
