"""Words for what somebody wrote: values cut to a readable length, and what they may have meant."""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any


def show(value: Any, limit: int = 60) -> str:
    """``repr`` of a value from a file, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def suggestion(word: Any, candidates: Sequence[str]) -> str:
    """``; did you mean '…'?``, or the list of candidates where none is close."""
    close = closest(word, candidates)
    if close is not None:
        return f"; did you mean '{close}'?"
    return f"; expected one of {', '.join(candidates)}" if candidates else ""


def closest(word: Any, candidates: Sequence[str]) -> str | None:
    """The candidate that ``word`` most likely misspells."""
    if not isinstance(word, str):
        return None
    lower = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return lower[found[0]] if found else None


def dotted_names(message: str, section: str, names: Iterable[str]) -> str:
    """A rule's message about arguments as one about keys: ``num_users`` as network.num_users."""
    for name in names:
        message = re.sub(rf"(?<![\w.]){name}(?!\w)", f"{section}.{name}", message)
    return message
