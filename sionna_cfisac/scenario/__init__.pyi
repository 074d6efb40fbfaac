from .engines.training import TrainingEngine as TrainingEngine
from .report.figures import draw_figures as draw_figures
from .runner import run_study as run_study
from .study import load_study as load_study
