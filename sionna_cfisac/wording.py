"""Words for what somebody wrote: values cut to a readable length, and what they may have meant."""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any


def show(value: Any, limit: int = 60) -> str:
    """A value of a file as one would write it there, cut to a readable length."""
    text = _written(value, limit)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _written(value: Any, limit: int) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # no more than is shown: a text can be as long as a file
        return repr(value[: limit + 1])
    if isinstance(value, float):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(value), repr(value))
    # no more of long ones than can be seen
    if isinstance(value, list | tuple):
        return f"[{', '.join(_written(v, limit) for v in value[:limit])}]"
    if isinstance(value, dict):
        parts = list(value.items())[:limit]
        return f"{{{', '.join(f'{key}: {_written(v, limit)}' for key, v in parts)}}}"
    return repr(value)


_KERAS = re.compile(r"Exception encountered when calling .*?\n\n\x1b\[1m(.*?)\x1b\[0m", re.DOTALL)
# TensorFlow's names of operations, terminal colours, addresses of objects
_NOISE = re.compile(r"\{\{[^}]*\}\}\s*|\s*\[Op:\w+\]( name:\s*\S*)?|\x1b\[[0-9;]*m| at 0x[0-9a-f]+")

_RAISED = re.compile(r"^\s*[\w.]+(Error|Exception|Interrupt|Warning|Exit)\b(: )?", re.MULTILINE)


def reason(error: BaseException) -> str:
    """What an error says, without what Keras and TensorFlow wrap around it."""
    text = str(error)
    # a layer within a layer is wrapped twice
    while wrapped := _KERAS.search(text):
        text = wrapped[1]
    if text.startswith("in user code:"):
        # where in the traced code, then the error as a traceback ends
        last = list(_RAISED.finditer(text))[-1:]
        lines = text[last[0].end() :].splitlines() if last else [text]
        text = "\n".join(line.strip() for line in lines)
    return _NOISE.sub("", text).strip() or type(error).__name__


def span(values: Sequence[float]) -> str:
    """``0.01 to 1``: the ends of some numbers, or the number where all are the same."""
    low, high = (f"{end:.4g}" for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


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
