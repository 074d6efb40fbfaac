"""Scenario files that somebody or something has spoilt: never a crash, never a wait.

The short version is part of the suite; 20,000 files take

    pytest -n 0 tests/scenario/test_scenario_mutations.py --hypothesis-profile thorough
"""

import json
import re
import resource
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sionna_cfisac import cli
from sionna_cfisac.scenario.file.yaml import MAX_DEPTH, MAX_LENGTH, MAX_VALUES, read_yaml

ROOT = Path(__file__).parents[2]
SEEDS = [
    file.read_text(encoding="utf-8")
    for folder in ("sionna_cfisac/scenario/templates", "scenarios")
    for file in sorted((ROOT / folder).glob("*.yaml"))
]
GOOD = "schema_version: 1\nname: good\nbeamformers: [rzf]\n"

TAGS = ["!!python/object/apply:os.system ['true']", "!!python/name:os.system", "!!bool maybe",
        "!!timestamp 2020-01-01", "!own 3", "!!int 3", "!!binary aGk=", "!!set {a, b}",
        "!!float 'x'", "! x", "!!omap [a: 1]", "!!null 3"]  # fmt: skip
NUMBERS = ["1e400", "-1e400", ".nan", ".inf", "-.inf", "0x", "0xZZ", "0x" + "f" * 5000,
           "0o" + "7" * 5000, "0o9", "1_000", "1__0", "_1",
           "190:20:30", "2020-01-01", "1e308", "1e-308", "5e-324", "-0.0", "-94", "9" * 3000,
           "0." + "0" * 500 + "1", "1" + "0" * 350, "9223372036854775808", "2.5", "0", "-1",
           "1e9", "1e6", "true", "1e12", "0b11", "+.5", "1.", "٣", "½"]  # fmt: skip
WORDS = ["", "~", "null", "yes", "No", "{}", "[]", "[[]]", "{a: 1}", "{? [1, 2] : 3}", "{1: 2}",
         "{null: 2}", "{true: 2}", "{2.5: 1}", "[null]", "[true, 1]", "'", '"', "*unknown",
         "&a 1", "&a [*a]", "&a {b: *a}", "{<<: 3}", "{<<: [1]}", "&a {<<: *a}", "<<", "? ", "- x",
         ": ", "@x", "`x`", "%x", "|", ">", "|\n  x", '"\\0"', '"\\ud800"', '"\\x07"', '"\\u2028"',
         '"\\U0010ffff"', "../up", "/etc/passwd", "./gone.py:X", "a:b", "os:system", "a.b.c:d",
         "'a\n\n  b'", "\u202e", "{type: rzf, regularization: 1e400}", "[rzf, rzf]", "paper",
         "{low: 2, high: 1}", "{start: 1, stop: 2, num: 3}", "{start: 1e400, stop: 2, num: 3}",
         "{start: 1, stop: 2, num: 100000000}", "[" * 40 + "]" * 40]  # fmt: skip
VALUES = st.one_of(st.sampled_from(TAGS), st.sampled_from(NUMBERS), st.sampled_from(WORDS))
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def spoilt_text(draw: st.DrawFn) -> str:
    """A scenario of the package in which a few lines were changed."""
    lines = draw(st.sampled_from(SEEDS)).splitlines()
    for _ in range(draw(st.integers(1, 3))):
        index = draw(st.integers(0, len(lines) - 1))
        line = lines[index]
        indent = line[: len(line) - len(line.lstrip())]
        key, colon, _ = line.partition(":")
        value = draw(VALUES)
        change = draw(
            st.sampled_from(["value", "key", "insert", "cut", "twice", "indent", "noise"])
        )
        if change == "value":
            lines[index] = f"{key}: {value}" if colon else f"{indent}{value}"
        elif change == "key":
            lines[index] = f"{indent}{value}: 1"
        elif change == "insert":
            lines.insert(index, f"{indent}{draw(st.sampled_from(['extra', '<<', '? x']))}: {value}")
        elif change == "cut" and len(lines) > 1:
            del lines[index]
        elif change == "twice":
            lines.insert(index, line)
        elif change == "indent":
            lines[index] = " " * draw(st.integers(0, 6)) + line.lstrip()
        else:
            position = draw(st.integers(0, len(line)))
            letters = draw(st.text(st.characters(codec="utf-8"), max_size=4))
            lines[index] = line[:position] + letters + line[position:]
    return "\n".join(lines) + "\n"


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(tree, dict | list):
        return []
    found = []
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        found += [(*path, key), *_paths(value, (*path, key))]
    return found


@st.composite
def spoilt_tree(draw: st.DrawFn) -> str:
    """A scenario of the package in which a few values were changed, as JSON, which is YAML."""
    node = read_yaml(draw(st.sampled_from(SEEDS)))
    assert node is not None
    tree = node.plain()
    for _ in range(draw(st.integers(1, 3))):
        paths = _paths(tree)
        *above, last = draw(st.sampled_from(paths))
        place = tree
        for step in above:
            place = place[step]
        if draw(st.booleans()):
            place[last] = draw(PLAIN)
        elif isinstance(place, dict):
            place[draw(st.text(max_size=8))] = place.pop(last)
    return json.dumps(tree, ensure_ascii=draw(st.booleans()))


def bomb(levels: int) -> str:
    """Aliases of aliases."""
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


FEW = st.sampled_from([
    bomb(10), bomb(4), "a: &a [1]\nb: &a [*a]\n", "&a a: *a", "[" * 10_000, "{" * 10_000,
    "a: " + "[" * 10_000 + "]" * 10_000, "- " * 10_000, "? " * 10_000,
    "\n".join(" " * i + "a:" for i in range(1000)), "x" * MAX_LENGTH, "x" * (MAX_LENGTH + 1),
    GOOD + "\n".join(f"wrong{i}: {i}" for i in range(20_000)),
    GOOD + "network:\n" + "\n".join(f"  num_ap{i}: {i}" for i in range(20_000)),
    GOOD + "sweep:\n" + "\n".join(f"  noise_power{i}: [{i}]" for i in range(10_000)),
    GOOD + "fast:\n" + "\n".join(f"  samples.{i}: {i}" for i in range(10_000)),
    GOOD.replace("[rzf]", "[" + "rzf, " * 20_000 + "]"),
    GOOD.replace("[rzf]", "[" + "rfz, " * 20_000 + "]"),
    GOOD + f"measure: [{'sum_rate, ' * 20_000}]", GOOD + f"measure: [{'sum_rat, ' * 20_000}]",
    GOOD + f"noise_power: [{'-1, ' * 20_000}]", GOOD + f"noise_power: [{'1, ' * 9_000}]",
    GOOD + f"sweep: {{noise_power: [{', '.join(map(str, range(-10_000, 0)))}]}}",
    GOOD + f"sweep: {{noise_power: [{', '.join(map(str, range(1, 10_001)))}]}}",
    GOOD + f"sweep: {{noise_power: [{'1, ' * 10_000}]}}",
    GOOD + f"sweep: {{network.num_aps: [{', '.join(map(str, range(-9_000, 0)))}]}}",
    GOOD + f"sweep: {{channel: [{', '.join(f'{{type: x{i}}}' for i in range(5_000))}]}}",
    GOOD + "sweep: {noise_power: {start: 1, stop: 2, num: 10000}, seed: [1, 2]}",
    GOOD + "sweep: {noise_power: {start: 1, stop: 2, num: 100}, "
    "network.total_power: {start: 1, stop: 2, num: 100}}",
    GOOD + "k" * 900_000 + ": 1", GOOD + "name2: " + "k" * 900_000, GOOD + f"'{'k' * 150}': 1",
    "\x00", "\ufeff", "\ufeff" + GOOD, "---\n" * 1000, "%YAML 1.1\n---\n" + GOOD,
    "%YAML 9.9\n---\n" + GOOD, "%TAG ! tag:x,2020:\n---\na: !b 1", GOOD.replace("\n", "\r"),
])  # fmt: skip
PYTHON = re.compile(
    r"Traceback|TypeError|ValueError|KeyError|Exception|NoneType|<class|object at 0x|datetime|"
    r"OrderedDict|Commented|ruamel|pydantic|function_node|\bTrue\b|\bFalse\b|\bNone\b"
)


def check(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What ``cfisac check`` makes of a text is exit 0, or exit 2 and errors in words."""
    file = folder / "s.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    sys.argv = ["cfisac", "check", str(file)]
    start = time.perf_counter()
    with pytest.raises(SystemExit) as stop:
        cli.main()
    seconds = time.perf_counter() - start
    out, error = capsys.readouterr()
    assert stop.value.code in (0, cli.EXIT_WRONG_INPUT), error
    assert seconds < 10, text[:300]  # a hang, not a measure of speed
    lines = error.splitlines()
    assert len(lines) <= 60
    errors = [line for line in lines if not line.startswith("warning: ")]
    assert bool(stop.value.code) == bool(errors), error
    # a message may repeat the words of the file
    assert {found[0] for found in PYTHON.finditer(error)} <= set(PYTHON.findall(text)), error
    if stop.value.code:
        assert errors[0].startswith(str(file)), error
        assert re.match(r":\d+: |: ", lines[0].removeprefix(str(file)))
    else:
        assert "good: " in out


SETTINGS = settings(suppress_health_check=list(HealthCheck))


@SETTINGS
@given(text=st.one_of(spoilt_text(), spoilt_tree()))
@example(text=GOOD)
def test_a_spoilt_scenario_is_refused_in_words(
    text: str, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    check(text, tmp_path_factory.getbasetemp(), capsys)


@SETTINGS
@given(text=st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_refused_in_words(
    text: str, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    check(text, tmp_path_factory.getbasetemp(), capsys)


@pytest.mark.parametrize("text", FEW.elements, ids=lambda text: repr(text[:20] + text[-20:]))
def test_what_is_made_to_hurt_does_not(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    check(text, tmp_path, capsys)
    # kilobytes on Linux
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: !!python/object:os.system x", 1, "expected a value without a tag, got !!python/obj"),
        ("a: 1\nb: !own 1", 2, "expected a value without a tag, got !own"),
        ("? [1, 2]\n: 3", 1, "expected a key in letters, got a list"),
        ("{? {a: 1} : 3}", 1, "expected a key in letters, got a mapping"),
        ("1: 2", 1, "expected a key in letters, got 1"),
        ("null: 2", 1, "expected a key in letters, got null"),
        ("a: &x\n  - *x", 2, "expected no alias of what it is a part of, got *x"),
        ("a: *x", 1, "expected an anchor &x above this alias"),
        ("a: &x\n  <<: *x", 2, "expected no alias of what it is a part of, got *x"),
        ("a: {<<: 3}", 1, "expected a mapping to merge, got 3"),
        ("a: 1\nb: 2\na: 3", 3, "expected every key once, got it again after line 1"),
        ('a: "\\0"', 1, "expected text, got the control character U+0000"),
        ('"a\\nb": 1', 1, "expected a key of at most 200 letters on one line, got 'a\\\\nb'"),
        ("[" * (MAX_DEPTH + 1), 1, f"expected at most {MAX_DEPTH} lists and mappings within"),
        (bomb(10), 5, f"expected a document of at most {MAX_VALUES} values, aliases expanded"),
        ("a: " + "9" * 500, 1, "expected a number of at most 400 digits, got 99999"),
        ("a: 1\n---\nb: 2", 2, "expected a single document"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_refused(text: str, line: int, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message).replace(r"\\\\", r"\\")) as caught:
        read_yaml(text)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1_000", {"a": 1000}), ("a: 0x1F", {"a": 31}), ("a: 0o17", {"a": 15}),
        ("a: 190:20:30", {"a": "190:20:30"}), ("a: 2020-01-01", {"a": "2020-01-01"}),
        ("a: yes", {"a": "yes"}), ("a: 1e3", {"a": 1000.0}), ("a: '1'", {"a": "1"}),
        ("a: ~", {"a": None}), ("a: TRUE", {"a": True}), ("a: -.inf", {"a": float("-inf")}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}), ("a: 0x", {"a": "0x"}),
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("a: [&x 1, &x 2, *x]", {"a": [1, 2, 2]}), ("# nothing", None), ("", None),
        ("a: |\n  x\n", {"a": "x\n"}), ("{'<<': 1}", {"<<": 1}),
    ],
)  # fmt: skip
def test_what_is_read(text: str, value: Any) -> None:
    node = read_yaml(text)
    assert (node if node is None else node.plain()) == value


def test_keys_know_their_lines() -> None:
    node = read_yaml("a:\n  b: 1\n  c:\n    - 1\n    - {d: 2}\ne: &x {f: 1}\ng: {<<: *x}\n")
    assert node is not None
    assert dict(node.places()) == {
        ("a",): 1, ("a", "b"): 2, ("a", "c"): 3, ("a", "c", 0): 4, ("a", "c", 1): 5,
        ("a", "c", 1, "d"): 5, ("e",): 6, ("e", "f"): 6, ("g",): 7, ("g", "f"): 7,
    }  # fmt: skip
