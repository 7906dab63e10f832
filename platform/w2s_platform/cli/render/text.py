"""Numbers with their nouns, and durations."""


def count(number: int, noun: str) -> str:
    """Write a number with its noun: `1 cell`, `3 cells`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def show_duration(seconds: float) -> str:
    """Write a duration in its two largest units: `45 s`, `3 min 20 s`, `2 h 05 min`."""
    if 0 < seconds < 1:
        return "< 1 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(whole / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    hours = round(minutes / 60)
    return f"{hours // 24} d {hours % 24:02} h"
