"""The command line; the only module that prints."""

def main() -> int:
    """Run."""
    return 0
