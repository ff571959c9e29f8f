"""The steps of fetching candidates' files."""
