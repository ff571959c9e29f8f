"""What others need for the same listing. Nothing here is part of the daemon."""
