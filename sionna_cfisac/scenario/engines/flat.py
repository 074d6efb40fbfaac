"""Channels that are drawn, beams that are designed on them and measured: a run without a link."""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from sionna_cfisac.beamforming.methods import Network, Purpose, ascent_memory
from sionna_cfisac.measures import UPPER_BOUND, UTILITY_SHARE, UTILITY_SHARE_P1, Setting
from sionna_cfisac.scenario.engines.base import ConditionEngine, guard
from sionna_cfisac.scenario.engines.ingredients import ingredients
from sionna_cfisac.scenario.engines.result import ConditionResult, Values, target_angles
from sionna_cfisac.scenario.engines.seeds import BLOCK
from sionna_cfisac.scenario.engines.timing import timed
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.scenario.schema.seen import judged

if TYPE_CHECKING:
    from sionna_cfisac.statistics import Estimate


class FlatEngine(ConditionEngine):
    """Draws channels in batches; every method and measure sees the same ones."""

    unit = "channels"
    amount_key = "samples"
    batch_key = "batch_size"
    least_batch = BLOCK
    fast_amount = 50

    @classmethod
    def fast(cls, tree: dict[str, Any]) -> int | None:
        """At most 50 channels."""
        samples = tree.get("samples", ScenarioSpec.model_fields["samples"].default)
        return cls.fast_amount if isinstance(samples, int) and samples > cls.fast_amount else None

    @property
    def main_metric(self) -> str:
        """The utility, or else what is measured first."""
        names = [measure.name for measure in self.scenario.measures]
        if "utility" in names or names == [UPPER_BOUND]:
            return "utility"
        return next(name for name in names if name != UPPER_BOUND)

    def num_values(self, values: dict[str, Any]) -> int:
        """One for each channel."""
        return self.scenario.samples

    def memory(self) -> dict[str, float]:
        """The draw, the method that takes most and all beams; and the values of all channels."""
        scenario = self.scenario
        network = scenario.network
        at_once = min(scenario.batch_size, scenario.samples)
        one = network.num_aps * (network.num_users + network.num_targets) * network.num_tx_ant
        one += network.num_aps**2 * network.num_targets
        # complex numbers in double precision, some of them twice
        draws = 48.0 * one * max(at_once, BLOCK)
        beams = 16.0 * one * at_once * len(scenario.beamformers)
        most = max((m.memory(network, at_once) for m in scenario.beamformers), default=0.0)
        if UPPER_BOUND in scenario.measure:
            # the bound runs the optimiser's graphs
            most = max(most, ascent_memory(network, at_once))
        values = 16.0 * scenario.samples * len(scenario.measure) * len(scenario.beamformers)
        # of all streams at all UEs
        gains = 64.0 * network.num_users**2 * at_once
        return {self.batch_key: draws + beams + gains + most, self.amount_key: values}

    def start(self) -> None:
        """Load Keras with its backend, and the channels."""
        import sionna_cfisac.scenario.engines.channels  # noqa: F401

    def run(
        self,
        observe: Callable[[int, Values], None] | None = None,
        skip: Collection[str] = (),
    ) -> ConditionResult:
        """Run the condition.

        Parameters
        ----------
        observe : callable, optional
            Called after every batch with the number of channels done and all values so far
        skip : collection of str
            None: the results of all methods are compared channel by channel

        Returns
        -------
        ConditionResult
            Values of every method and measure on every channel

        Raises
        ------
        RunError
            If a method fails, or gives beams of another shape, not finite or over the power limit
        """
        from keras import ops

        from sionna_cfisac.scenario.engines.channels import draw_batches

        scenario = self.scenario
        methods = made_methods(scenario)
        evaluate = self._evaluator()
        result = ConditionResult(weights=guard("weights", ingredients, scenario))
        batches: dict[str, list[dict[str, Any]]] = {}
        for done, state, known in draw_batches(scenario):
            beams: dict[str, Any] = {}
            for label, method in methods.items():
                design = partial(guard, label, _design, method, known)
                beams[label] = timed(result.calls, label, known.h.shape, design)
                batches.setdefault(label, []).append(guard(label, evaluate, state, beams[label]))
            if UPPER_BOUND in scenario.measure:
                compute = partial(guard, UPPER_BOUND, self._bound, state, beams)
                bound = timed(result.calls, UPPER_BOUND, state.h.shape, compute)
                batches.setdefault(UPPER_BOUND, []).append({"utility": bound})
            if not result.beams:
                result.beams = {label: ops.convert_to_numpy(f[0]) for label, f in beams.items()}
                result.target_angles = target_angles(ops.convert_to_numpy(state.a[0]))
            result.values = _join(batches)
            if observe is not None:
                observe(done, result.values)
        return result

    def estimates(self, values: Values) -> "Iterator[tuple[str, str, Estimate]]":
        """Means over the channels, and shares of the reference's utility."""
        from sionna_cfisac.statistics import mean_interval, percentile_interval, ratio_interval

        scenario, confidence = self.scenario, self.scenario.confidence
        for method, metrics in values.items():
            for measure in scenario.measures:
                # the bound's values are the metric utility of a method of its own
                if measure.name in metrics and measure.of != "bound":
                    mean = mean_interval(metrics[measure.name], confidence)
                    yield method, measure.name, mean
            if method == UPPER_BOUND and "utility" not in scenario.measure:
                yield method, "utility", mean_interval(metrics["utility"], confidence)
            if scenario.reference is not None:
                reference = values[scenario.reference]["utility"]
                share = ratio_interval(metrics["utility"], reference, confidence)
                yield method, UTILITY_SHARE.name, share
                shares = _shares(metrics["utility"], reference)
                worst = percentile_interval(shares, 1.0, confidence)
                yield method, UTILITY_SHARE_P1.name, worst

    def _evaluator(self) -> Callable[[Any, Any], dict[str, Any]]:
        from sionna_cfisac.measures import MEASURES

        scenario = self.scenario
        measures = {m.name: m for m in scenario.measures if m.of != "bound"}
        if scenario.reference is not None:
            measures.setdefault("utility", MEASURES.own["utility"])
        setting = setting_of(scenario)
        return lambda state, f: {
            name: measure.evaluate(state, f, setting) for name, measure in measures.items()
        }

    def _bound(self, state: Any, beams: dict[str, Any]) -> Any:
        from keras import ops

        from sionna_cfisac.beamforming import upper_bound

        scenario = self.scenario
        weight = scenario.objective.sensing_weight
        # the optimum of the same objective is the best point to bound from
        optimal = [m.shown_name for m in scenario.beamformers if m.is_optimum(weight)]
        f = beams[optimal[0]] if optimal else None
        method = scenario.upper_bound.method
        bound = upper_bound(state, f, sensing_weight=weight, method=method)
        return np.asarray(ops.convert_to_numpy(bound), float)


def made_methods(scenario: ScenarioSpec) -> dict[str, Callable[[Any], Any]]:
    """The beamformers of a scenario by their names in tables.

    Raises
    ------
    RunError
        If one refuses its options
    """
    from sionna_cfisac.scenario.engines.channels import precision_dtype

    weight, dtype = scenario.objective.sensing_weight, precision_dtype(scenario)
    made = {}
    for method in scenario.beamformers:
        networks = [part for _, part in method.parts() if isinstance(part, Network)]
        known = judged(networks[0], scenario) if networks else frozenset()
        made[method.shown_name] = guard(
            method.shown_name, method.make, Purpose(weight, dtype, known)
        )
    return made


def setting_of(scenario: ScenarioSpec) -> Setting:
    """What measures may depend on beside channels and beams."""
    return Setting(
        scenario.objective.sensing_weight, scenario.network.num_rx_ant, scenario.detection
    )


def _design(method: Callable[[Any], Any], state: Any) -> Any:
    from sionna_cfisac.feasible import check_feasible
    from sionna_cfisac.state import check_beams

    f = check_beams(method(state), state)
    check_feasible(state, f)
    return f


def _join(batches: dict[str, list[dict[str, Any]]]) -> Values:
    return {
        label: {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for label, parts in batches.items()
    }


def _shares(values: Any, reference: Any) -> Any:
    """Ratio on every channel [n]; nan where the reference is zero, which leaves it undefined."""
    return np.divide(values, reference, out=np.full(len(values), np.nan), where=reference != 0)
