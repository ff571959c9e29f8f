"""The embedded MongoDB: a real mongod as a child process."""
