"""Names of hosts, checked before anything is sent to one. Pure."""


def can_be_a_host(name: str) -> bool:
    """True for a text that can be resolved: no part of a name is empty or longer than 63 characters."""
    try:
        return bool(name.encode("idna").decode("idna"))
    except UnicodeError:
        return False
