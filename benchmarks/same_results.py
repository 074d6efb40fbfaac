"""Whether two checkouts give the same bytes: ``results.csv`` of every scenario with ``--fast``.

    python benchmarks/same_results.py OLD_CHECKOUT [--only NAME ...] [--keep FOLDER]

Every scenario that this checkout ships is run by the code of both checkouts, each with its own
scenario files, and the two tables are compared byte for byte. Results of the old checkout are kept
in ``FOLDER`` and used again the next time, so that a refactoring can be checked in steps. The
figures depend on Matplotlib alone and are not drawn.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


def run(checkout: Path, scenario: str, output: Path) -> bytes | None:
    """The table that a checkout's code makes of one of its scenarios, or None if it fails."""
    if not output.is_dir():
        # what is interrupted is not taken for a result the next time
        part = output.with_name(output.name + ".part")
        done = subprocess.run(
            [
                sys.executable, "-m", "sionna_cfisac.cli", "run", f"scenarios/{scenario}.yaml",
                "--fast", "--set", "figures=[]", "--force", "--output", str(part),
            ],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout)},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return None
        part.rename(output)
    return (output / "results.csv").read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path, help="the other checkout")
    parser.add_argument("--only", nargs="*", help="names of scenarios, by default all")
    parser.add_argument("--keep", type=Path, help="where results of the old checkout are kept")
    options = parser.parse_args()
    names = options.only or sorted(file.stem for file in (HERE / "scenarios").glob("*.yaml"))
    different = 0
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            start = time.perf_counter()
            before = run(options.old.resolve(), name, (options.keep or Path(place) / "old") / name)
            after = run(HERE, name, Path(place) / "new" / name)
            same = before is not None and before == after
            different += not same
            digest = "failed" if after is None else hashlib.sha256(after).hexdigest()[:12]
            seconds = time.perf_counter() - start
            print(
                f"{name:28} {'same' if same else 'DIFFERENT':10} {digest} {seconds:6.1f} s",
                flush=True,
            )
    sys.exit(f"{different} of {len(names)} differ" if different else 0)


if __name__ == "__main__":
    main()
