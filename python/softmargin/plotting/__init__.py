"""Pictures of linear models: training curves, weights, decision surfaces. matplotlib is imported when one is drawn.

Displays follow scikit-learn's: ``from_estimator`` reads a fitted model and draws, ``plot`` draws again elsewhere, ``ax_``
and ``figure_`` are where. ``plot_history`` and ``plot_templates`` take plain numbers and return a figure.
"""

from .decision_surface import DecisionSurfaceDisplay
from .history import plot_history
from .templates import plot_templates
from .training_curve import TrainingCurveDisplay
from .weights import WeightsDisplay

__all__ = ["DecisionSurfaceDisplay", "TrainingCurveDisplay", "WeightsDisplay", "plot_history", "plot_templates"]
