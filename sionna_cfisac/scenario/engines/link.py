"""Slots of a link, sent bit by bit: a run whose results are error rates."""

import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from sionna_cfisac.link.rules import SLOT_BLOCK, group_size, whole_blocks
from sionna_cfisac.scenario.engines.base import ConditionEngine, guard
from sionna_cfisac.scenario.engines.flat import made_methods, setting_of
from sionna_cfisac.scenario.engines.ingredients import ingredients
from sionna_cfisac.scenario.engines.result import ConditionResult, Values, target_angles
from sionna_cfisac.scenario.engines.seeds import condition_seed
from sionna_cfisac.scenario.engines.timing import Call
from sionna_cfisac.scenario.schema.link import LinkSpec
from sionna_cfisac.scenario.schema.resolved import part
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec

if TYPE_CHECKING:
    from sionna_cfisac.link import CellFreeOFDMLink, ErrorCounts, ErrorSimulation
    from sionna_cfisac.statistics import Estimate


# measured: Sionna and what XLA compiles; a coefficient of the channels, from the paths that it is
# made of to the UEs' gains; a coded bit with the messages of the decoder
_COMPILED = 0.2e9
_CHANNEL_BYTES = 700.0
_BIT_BYTES = 250.0


class LinkEngine(ConditionEngine):
    """Simulates slots until every method has enough errors."""

    unit = "blocks"
    amount_key = "link.stop.max_blocks"
    amount_is_limit = True
    batch_key = "link.slots_per_batch"
    least_batch = SLOT_BLOCK
    fast_amount = 2000

    @classmethod
    def fast(cls, tree: dict[str, Any]) -> int | None:
        """At most 2,000 blocks."""
        link = tree.get("link")
        stop = link.get("stop") if isinstance(link, dict) else None
        blocks = stop.get("max_blocks") if isinstance(stop, dict) else None
        few = isinstance(blocks, int) and blocks <= cls.fast_amount
        return None if few else cls.fast_amount

    @property
    def main_metric(self) -> str:
        """The first error rate."""
        return next(measure.name for measure in self.scenario.measures if measure.of == "link")

    def num_values(self, values: dict[str, Any]) -> int:
        """Every method has as many slots as it took."""
        return max(1, len(next(iter(values.values()))))

    def memory(self) -> dict[str, float]:
        """The channels of a batch of slots with what makes them, the beams and the decoder."""
        scenario, spec = self.scenario, self.spec
        network, slots = scenario.network, whole_blocks(spec.slots_per_batch)
        groups = 1 if scenario.channel.flat else spec.num_subcarriers
        sets = max(1, groups // group_size(spec.num_subcarriers, spec.beams_per))
        # where UEs move, every OFDM symbol has its own channels
        if getattr(scenario.channel, "speed", 0.0) > 0:
            groups *= spec.num_ofdm_symbols
        one = network.num_aps * network.num_users * network.num_tx_ant
        channels = _CHANNEL_BYTES * one * groups * slots
        beams = max((m.memory(network, slots * sets) for m in scenario.beamformers), default=0.0)
        blocks, coded, _ = spec.code_blocks()
        bits = _BIT_BYTES * network.num_users * blocks * coded * slots
        # gains of all streams at all UEs
        gains = 64.0 * network.num_users**2 * groups * slots
        values = 16.0 * spec.stop.max_blocks * len(scenario.measure) * len(scenario.beamformers)
        batch = _COMPILED + channels + gains + beams + bits
        return {self.batch_key: batch, self.amount_key: values}

    @property
    def spec(self) -> LinkSpec:
        """The section ``link``."""
        assert self.scenario.link is not None
        return self.scenario.link

    def start(self) -> None:
        """Let XLA print at its first use what it prints only once."""
        import tensorflow as tf

        import sionna_cfisac.scenario.engines.channels  # noqa: F401

        tf.function(lambda x: x + 1.0, jit_compile=True)(tf.constant(0.0))

    def run(
        self,
        observe: Callable[[int, Values], None] | None = None,
        skip: Collection[str] = (),
    ) -> ConditionResult:
        """Run the condition.

        Parameters
        ----------
        observe : callable, optional
            Called after every batch with the most code blocks done by a method and all values so
            far
        skip : collection of str
            Methods that are not simulated

        Returns
        -------
        ConditionResult
            Values of every method and measure on every slot. The error rates are numbers of errors,
            of blocks for ``bler`` and of bits for ``ber``; different methods have different numbers
            of slots, the first of which they share

        Raises
        ------
        RunError
            If a method fails, or gives beams of another shape, not finite or over the power limit
        """
        from keras import ops

        from sionna_cfisac.link.beams import join_groups
        from sionna_cfisac.link.error_counts import StopRule
        from sionna_cfisac.link.monte_carlo import evaluate_beams

        scenario, spec = self.scenario, self.spec
        setting = setting_of(scenario)
        others = [measure for measure in scenario.measures if measure.of != "link"]

        def evaluate(of: str, state: Any, f: Any) -> dict[str, Any]:
            return {m.name: m.evaluate(state, f, setting) for m in others if m.of == of}

        simulation = _simulation(scenario)
        result = ConditionResult(weights=guard("weights", ingredients, scenario))
        started = time.perf_counter()
        parts: dict[str, list[dict[str, Any]]] = {name: [] for name in simulation.methods}

        def on_batch(draw: Any, beams: dict[str, Any], counts: "dict[str, ErrorCounts]") -> None:
            for name, (f, noise_power) in beams.items():
                if others:
                    on_channel = partial(evaluate, "channel")
                    values = guard(name, evaluate_beams, draw, f, noise_power, on_channel)
                    # the echoes of all subcarriers make one decision
                    values |= guard(name, evaluate, "echoes", draw.state, join_groups(f))
                    parts[name].append(values)
                result.beams.setdefault(name, ops.convert_to_numpy(f[0, 0]))
            if not result.target_angles.size:
                result.target_angles = target_angles(ops.convert_to_numpy(draw.state.a[0]))
            result.values = self._values(counts, parts)
            if observe is not None:
                done = max(len(c.block_errors) * c.blocks for c in counts.values())
                observe(min(done, spec.stop.max_blocks), result.values)

        counts = guard(
            "link",
            simulation.run,
            spec.snr_db,
            stop=StopRule(**spec.stop.model_dump()),
            seed=int(condition_seed(scenario)[:15], 16),
            skip=skip,
            observe=on_batch,
        )
        # a graph is for one size of everything
        sizes = scenario.network
        antennas = (sizes.num_aps, sizes.num_users, sizes.num_tx_ant)
        shape = (simulation.batch_size, spec.num_subcarriers, *antennas)
        for name, count in counts.items():
            first = [Call(shape, count.first_seconds, first=True)] if count.first_seconds else []
            result.calls[name] = first + [Call(shape, seconds) for seconds in count.batch_seconds]
        wall = time.perf_counter() - started
        result.overhead["link"] = wall - sum(result.seconds.values())
        return result

    def estimates(self, values: Values) -> "Iterator[tuple[str, str, Estimate]]":
        """Error rates, and means over the slots."""
        from sionna_cfisac.link.intervals import error_rate_interval
        from sionna_cfisac.statistics import Estimate, mean_interval

        confidence = self.scenario.confidence
        blocks, _, bits = self.spec.code_blocks()
        for method, metrics in values.items():
            for measure in self.scenario.measures:
                if measure.name not in metrics:
                    continue
                found = metrics[measure.name]
                if measure.of != "link":
                    yield method, measure.name, mean_interval(found, confidence)
                    continue
                # numbers of errors in slots; the slots are the independent trials
                per_block = 1 if measure.name == "bler" else bits
                units = self.scenario.network.num_users * blocks * per_block
                rate = error_rate_interval(found, units, confidence)
                number = len(found) * units
                yield method, measure.name, Estimate(rate.value, rate.low, rate.high, number)

    def _values(
        self, counts: "dict[str, ErrorCounts]", parts: dict[str, list[dict[str, Any]]]
    ) -> Values:
        values: Values = {}
        for name, count in counts.items():
            errors = {"bler": count.block_errors, "ber": count.bit_errors}
            values[name] = {
                measure.name: errors[measure.name]
                for measure in self.scenario.measures
                if measure.of == "link"
            }
            for metric in parts[name][0] if parts[name] else ():
                values[name][metric] = np.concatenate([part[metric] for part in parts[name]])
                # what was simulated beyond the stop does not count
                values[name][metric] = values[name][metric][: len(count.block_errors)]
        return values


def make_link(scenario: ScenarioSpec) -> "CellFreeOFDMLink":
    """The link of a scenario that has one.

    Raises
    ------
    ValueError
        If the link or its channel refuses an argument
    """
    import inspect

    from sionna_cfisac.link import CellFreeOFDMLink
    from sionna_cfisac.scenario.engines.channels import make_channel, make_csi

    spec = scenario.link
    assert spec is not None
    # the other keys say how it is simulated
    known = inspect.signature(CellFreeOFDMLink.__init__).parameters
    options = {name: value for name, value in spec.model_dump().items() if name in known}
    return CellFreeOFDMLink(
        scenario.channel.make_for_link(make_channel(scenario), scenario.precision),
        csi=make_csi(scenario),
        precision=scenario.precision,
        **{**options, "code_rate": spec.rate},
    )


# the last simulation, so that the points of a curve need not compile it anew
_LAST: "dict[str, ErrorSimulation]" = {}


def _simulation(scenario: ScenarioSpec) -> "ErrorSimulation":
    import json

    # what a compiled simulation is made of; weights and code of the same name may have changed
    made_of = [
        part(scenario, ["draw", "design"]),
        [method.shown_name for method in scenario.beamformers],
        guard("weights", ingredients, scenario),
        scenario.link and scenario.link.slots_per_batch,
    ]
    key = json.dumps(made_of, sort_keys=True)
    if key not in _LAST:
        _LAST.clear()
        _LAST[key] = guard("link", _make_simulation, scenario)
    return _LAST[key]


def _make_simulation(scenario: ScenarioSpec) -> "ErrorSimulation":
    from sionna_cfisac.link import ErrorSimulation

    assert scenario.link is not None
    methods = {
        name: partial(guard, name, method) for name, method in made_methods(scenario).items()
    }
    return ErrorSimulation(make_link(scenario), methods, batch_size=scenario.link.slots_per_batch)
