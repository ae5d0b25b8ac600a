"""A published schema, so strict that whatever is printed must be in it."""


def closed(value):
    """The schema without room for fields that it does not name: what is printed is published."""
    if isinstance(value, list):
        return [closed(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    found = {key: closed(inner) for key, inner in value.items()}
    if isinstance(value.get("properties"), dict) and value.get("type") == "object":
        found["additionalProperties"] = False
    return found
