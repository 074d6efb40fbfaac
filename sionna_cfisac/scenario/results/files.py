"""Writing files whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any


def write_atomic(file: Path, data: bytes) -> None:
    """Write a file so that a crash leaves either the old or the new content."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.part")
    with open(partial, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, file)


def write_json(file: Path, content: dict[str, Any]) -> None:
    """Write a JSON file atomically."""
    write_atomic(file, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
