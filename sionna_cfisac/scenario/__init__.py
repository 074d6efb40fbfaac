"""Scenario files: what they may say, how they are run and what they leave behind.

Reading and checking a file (:func:`~sionna_cfisac.scenario.load.load_study`) imports neither Keras
nor TensorFlow; running it (:func:`~sionna_cfisac.scenario.runner.run_study`) does.
"""
