"""What the README shows runs as it stands."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from sionna_cfisac import cli, metrics
from sionna_cfisac.beamforming import JointBeamformer
from sionna_cfisac.channel import CellFreeChannel

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def _cfisac(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["cfisac", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    return exit_.value.code


@pytest.mark.slow
def test_drop_in_example_gives_the_rate_and_a_plausible_error_rate(capsys):
    namespace: dict = {}
    exec(_blocks("python")[0], namespace)
    printed = dict(line.split() for line in capsys.readouterr().out.splitlines())
    state, f = namespace["state"], namespace["f"]
    assert float(printed["rate"]) == pytest.approx(float(np.mean(metrics.sum_rate(state, f))))
    # 64-QAM with Gray labels at each user's SINR, Gaussian interference: closed form
    sinr = metrics.sinr(state, f).numpy()
    levels = np.array([-7, -5, -3, -1, 1, 3, 5, 7]) / np.sqrt(42)
    labels = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 1], [0, 1, 0]])
    labels = np.vstack([labels, labels[::-1] ^ [1, 0, 0]])
    edges = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    sigma = 1 / np.sqrt(2 * sinr)[..., None, None]
    reach = np.diff(norm.cdf((edges - levels[:, None]) / sigma), axis=-1)
    errors = (labels[:, None] != labels[None]).mean(-1)
    expected = (reach * errors).sum(-1).mean(-1).mean()
    # bits of a symbol err together: count symbols, three bits to an axis
    deviation = np.sqrt(expected / (256 * 2 * 2000))
    assert float(printed["BER"]) == pytest.approx(expected, abs=4 * deviation + 0.1 * expected)


def test_the_trained_networks_come_near_the_optimum(capsys):
    namespace: dict = {}
    exec(_blocks("python")[3], namespace)
    printed = float(capsys.readouterr().out.split()[1])
    state = namespace["state"]
    for f, weight in ((namespace["f"], 2.0), (namespace["one_for_all"](state), 0.7)):
        utility = np.mean(metrics.utility(state, f, weight))
        assert utility > 0.975 * np.mean(
            metrics.utility(state, JointBeamformer(weight)(state), weight)
        )
    assert printed == pytest.approx(float(utility), rel=1e-5)


def test_one_network_for_every_size(capsys):
    namespace: dict = {}
    exec(_blocks("python")[2], namespace)
    printed = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    sizes = ((5, 2, 8), (16, 8, 4), (3, 1, 64))
    for size, utility in zip(sizes, printed, strict=True):
        state = CellFreeChannel(*size, seed=1)(256)
        best = np.mean(metrics.utility(state, JointBeamformer(2.0)(state), 2.0))
        assert 0.999 * best < utility < best * (1 + 1e-5)
    state, dual = namespace["state"], namespace["dual"]
    rate = np.mean(metrics.sum_rate(state, dual(state)))
    # less weight, more rate; more noise to allow for, less care about interference
    assert np.mean(metrics.sum_rate(state, namespace["other_weight"])) > rate
    noisy = state._replace(noise_power=state.noise_power + 0.1 * np.sum(state.ap_power[0]))
    np.testing.assert_allclose(namespace["estimated"], dual(noisy), atol=2e-6)
    assert np.max(np.abs(namespace["estimated"] - dual(state))) > 1e-4


@pytest.mark.slow
def test_link_example_gives_the_gaps(capsys):
    namespace: dict = {}
    exec(_blocks("python")[4], namespace)
    assert namespace["bits"].shape == namespace["bits_hat"].shape
    table = namespace["table"]
    bler = table[(table.metric == "bler") & (table.snr_db == -5)].set_index("method").value
    assert set(bler.index) == {"rzf", "wmmse", "dual_gnn"}
    # README's table of imperfect CSI has 10 % between -5.6 and -4.8 dB
    assert ((bler > 0.005) & (bler < 0.3)).all()
    assert "gap_db" in capsys.readouterr().out


def test_detection_example_measures_what_it_expects(capsys):
    namespace: dict = {}
    exec(_blocks("python")[5], namespace)
    printed = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    measured, expected = float(printed["measured"]), float(printed["expected"])
    assert 0.1 < expected < 0.99
    assert abs(measured - expected) < 4 * np.sqrt(expected * (1 - expected) / 256)
    # ten or so independent directions, each with a false-alarm probability of 1e-2 in all
    assert 5 < float(printed["SNR for 90 %"]) < 25


def test_own_beamformer_runs_in_a_scenario(tmp_path, monkeypatch):
    package = tmp_path / "site"
    info = package / "my_package-1.0.dist-info"
    info.mkdir(parents=True)
    (package / "my_package.py").write_text(_blocks("python")[1], encoding="utf-8")
    section, entry = _blocks("toml")[0].strip().splitlines()
    group = re.search(r'"(.*)"', section).group(1)
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry.replace(chr(34), '')}\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(package))
    file = tmp_path / "scenario.yaml"
    text = _blocks("yaml")[0].replace("  - rzf\n", "  - matched_filter_with_sensing\n", 1)
    file.write_text(re.sub("samples: 500", "samples: 4", text), encoding="utf-8")
    assert _cfisac(monkeypatch, "run", file, "--output", tmp_path / "out") == 0
    assert "matched_filter_with_sensing" in (tmp_path / "out" / "results.csv").read_text()
    namespace: dict = {}
    exec(_blocks("python")[1], namespace)
    state = CellFreeChannel()(3, seed=1)
    f = namespace["MatchedFilterWithSensing"]()(state)
    np.testing.assert_allclose(metrics.ap_power(f), state.ap_power, rtol=1e-5)
    sys.modules.pop("my_package", None)


def test_scenario_example_is_valid(tmp_path, monkeypatch):
    file = tmp_path / "scenario.yaml"
    file.write_text(_blocks("yaml")[0], encoding="utf-8")
    assert _cfisac(monkeypatch, "check", file) == 0


def test_ci_runs_the_test_command_of_the_readme():
    _, command = (block.strip() for block in _blocks("sh"))
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_files_that_the_readme_names_exist():
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    names = re.findall(r"`((?:scenarios|benchmarks|examples)/[\w.]+)`", README)
    assert links
    assert names
    for name in links + names:
        assert (ROOT / name).exists(), name
