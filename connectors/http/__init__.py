"""Sends requests to an ATS: credentials, rate limits, errors, one origin."""
