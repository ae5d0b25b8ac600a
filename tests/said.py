"""What a command complains of."""


def complaints(stderr: str) -> list[str]:
    """Lines on standard error, but for the one that says in which project a verb works."""
    lines = stderr.strip().splitlines()
    return [line for line in lines if not line.startswith("groundspeed: project ")]
