"""Scenario files: what they may say, how they are run and what they leave behind.

Reading and checking a file (:func:`~sionna_cfisac.scenario.study.load_study`) imports neither Keras
nor TensorFlow; running it (:func:`~sionna_cfisac.scenario.runner.run_study`) does. The rooms, each
of which imports only from those before it: ``file``, ``schema``, ``engines``, ``rules``,
``study``, ``results``, ``runner``, ``report``, ``catalogue``.
"""
