"""What is wrong in the section training of a scenario is named with its line."""

from pathlib import Path

import pytest
from training_helpers import problems_of

from sionna_cfisac.scenario.file.errors import ScenarioError
from sionna_cfisac.scenario.study import load_study

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "steps: 12",
            "step: 12",
            [
                "6: training.steps: this key is required",
                "8: training.step: unknown key; did you mean 'steps'?",
            ],
        ),
        (
            "hidden_dim: 8",
            "hidden_dim: 0",
            ["7: training.beamformer.hidden_dim: expected a number of at least 1, got 0"],
        ),
        (
            "hetero_gnn",
            "gnn",
            ["7: training.beamformer.type: unknown network to train 'gnn'; expected one of "],
        ),
        (
            "steps: 12",
            "steps: 10",
            [
                "10: training.validation.every: expected a divisor of training.steps, "
                "got 4 and 10 steps"
            ],
        ),
        (
            "batch_size: 8",
            "batch_size: 8\n  samples: 7",
            ["10: training.samples: expected at least training.batch_size 8, got 7"],
        ),
        (
            "batch_size: 8",
            "batch_size: 1\n  sizes: [{num_aps: 1}, {num_users: 1}]",
            [
                "9: training.batch_size: expected at least one channel of each of the 2 "
                "training.sizes, got 1"
            ],
        ),
        (
            "batch_size: 8",
            "sizes: [{num_aps: 1}, {num_aps: 1}]",
            ["9: training.sizes.1: this size is already in the list"],
        ),
        (
            "training:\n",
            "noise_power: [0.1, 0.2]\ntraining:\n  sizes: [{num_aps: 1}, {num_users: 1}]\n",
            [
                "8: training.sizes.1: does not fit noise_power: expected 1 entries "
                "(network.num_users), got 2"
            ],
        ),
        (
            "batch_size: 8",
            "sensing_weight: {low: 0, high: 5}\n  noise_power: {low: 0.1, high: 1}",
            [
                "9: training.sensing_weight: a range needs a network that reads it: "
                "training.beamformer.conditioned: true",
                "10: training.noise_power: a range needs a network that reads it: "
                "training.beamformer.conditioned: true",
            ],
        ),
        (
            "num_layers: 1}",
            "conditioned: true}\n  sensing_weight: {low: 0, high: 21}\n"
            "  noise_power: {low: 0.001, high: 1}",
            [
                "8: training.sensing_weight: a conditioned network is made for 0 to 20, got 21",
                "9: training.noise_power: a conditioned network is made for 0.01 to 1, got 0.001",
            ],
        ),
        (
            "training:\n  beamformer: {type: hetero_gnn,",
            "objective: {sensing_weight: 30}\nnoise_power: [0.1, 2]\n"
            "training:\n  beamformer: {type: hetero_gnn, conditioned: true,",
            [
                "6: objective.sensing_weight: a conditioned network is made for 0 to 20, got 30",
                "7: noise_power: a conditioned network is made for 0.01 to 1, got 2",
            ],
        ),
        (
            "batch_size: 8",
            "sizes: [{num_tx_ant: 4}, {num_tx_ant: 8, num_aps: 1}]",
            [
                "9: training.sizes.1.num_tx_ant: the weights of a hetero_gnn are for "
                "network.num_tx_ant 4, got 8"
            ],
        ),
        (
            "type: hetero_gnn, hidden_dim: 8, num_layers: 1}",
            "type: dual_gnn}\n  noise_power: {low: 0.1, high: 1}\n  noise_scale: {low: 1, high: 2}",
            ["9: training.noise_scale: expected either noise_power or noise_scale, got both"],
        ),
        (
            "type: hetero_gnn, hidden_dim: 8, num_layers: 1}",
            "type: dual_gnn}\n  sizes: [{num_aps: 1}, {num_targets: 2}]",
            [
                "8: training.sizes.1: does not fit network.num_targets: a dual_gnn is trained for "
                "one target, got 2"
            ],
        ),
        (
            "batch_size: 8",
            "sizes: [{channel: umi}, {sensing: {gain: radar}}, {sensing: {rcs: 3}},\n"
            "    {channel: {type: topology, path_loss: umi, ue_height: 50}}]",
            [
                "9: training.sizes.0: does not fit channel.type: training draws flat channels: "
                "expected rayleigh or topology, got umi",
                "9: training.sizes.1: does not fit sensing.gain: radar needs positions: ",
                "9: training.sizes.2: does not fit sensing.rcs: has an effect only with gain radar",
                "10: training.sizes.3: does not fit channel.ue_height: ",
            ],
        ),
        (
            "num_layers: 1}",
            "conditioned: true}\n  noise_power: {low: 0.1, high: 1}\n"
            "  sizes: [{noise_power: 0.2}, {sensing: {noise_power: 0.2}}, {num_aps: 1}]",
            [
                "9: training.sizes.0: expected no noise powers beside training.noise_power",
                "9: training.sizes.1: expected no noise powers beside training.noise_power",
            ],
        ),
        (
            # said once, not again for every size
            "training:\n",
            "sensing: {rcs: 3}\ntraining:\n  sizes: [{num_aps: 1}, {num_users: 1}]\n",
            ["6: sensing.rcs: has an effect only with gain radar"],
        ),
        (
            "num_layers: 1}",
            "conditioned: true}\n  sizes: [{num_aps: 1}, {num_users: 1, noise_power: 50}]",
            ["8: training.sizes.1: a conditioned network is made for 0.01 to 1, got 50"],
        ),
        (
            "test_samples: 20",
            "sensing_weights: [1, 2, 1]",
            ["10: training.validation.sensing_weights.2: 1 is already in the list"],
        ),
        (
            "test_samples: 20",
            "sensing_weights: []",
            [
                "10: training.validation.sensing_weights: expected at least 1 entry, got 0",
            ],
        ),
        (
            "batch_size: 8",
            "sensing_weight: {low: 3, high: 2}",
            ["9: training.sensing_weight: expected low <= high, got 3 and 2"],
        ),
        (
            "batch_size: 8",
            "sensing_weight: -1",
            ["9: training.sensing_weight: expected a number of at least 0, got -1"],
        ),
        (
            "batch_size: 8",
            "noise_power: {low: 0, high: 2}",
            ["9: training.noise_power.low: expected a number above 0, got 0"],
        ),
        (
            "batch_size: 8",
            "initial_weights: paper-beta77",
            ["9: training.initial_weights: no weights named 'paper-beta77'"],
        ),
        (
            "batch_size: 8",
            "initial_weights: gone.weights.h5",
            ["9: training.initial_weights: no file 'gone.weights.h5'"],
        ),
        ("", "sweep: {training.steps: [4, 8]}", ["13: sweep.training.steps: this key cannot be"]),
    ],
)
def test_every_mistake_has_its_line(
    tmp_path: Path, old: str, new: str, expected: list[str]
) -> None:
    found = [line.removeprefix("s.yaml:") for line in problems_of(tmp_path, old, new)]
    assert len(found) == len(expected), found
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


def test_a_channel_of_links_is_not_trained_on(tmp_path: Path) -> None:
    text = (ROOT / "scenarios/ber_umi.yaml").read_text()
    section = "training: {beamformer: {type: dual_gnn}, steps: 4}\n"
    (tmp_path / "s.yaml").write_text(text + section)
    with pytest.raises(ScenarioError, match="training draws flat channels: expected rayleigh or"):
        load_study(tmp_path / "s.yaml")
