"""The detectors of a target, declared once; imports nothing that is slow to load."""

from typing import NamedTuple


class Detector(NamedTuple):
    """A test of the echoes on all paths.

    Attributes
    ----------
    name : str
        How functions and measures name it
    description : str
        What it tests
    title : str
        Readable name in figures
    """

    name: str
    description: str
    title: str


DETECTORS = {
    detector.name: detector
    for detector in (
        Detector("neyman_pearson", "the Neyman-Pearson test, path SNRs known", "Neyman–Pearson"),
        Detector("energy", "the unweighted energy of all paths (GLRT)", "energy"),
        Detector("best_path", "the best single path", "best path"),
    )
}
