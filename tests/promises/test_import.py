"""`import softmargin` imports neither scikit-learn nor scipy.optimize nor matplotlib."""

HEAVY = "print([m for m in ('sklearn', 'scipy.optimize', 'matplotlib', 'polars', 'rich') if m in sys.modules])"


def test_import_is_light(in_new_process):
    for code in (
        "import softmargin",
        "import softmargin as sm; sm.fit([[0.0], [1.0]], [0, 1], epochs=1); sm.loss_and_grad([[0.0], [1.0]], [[1.0]], [0])",
        "import softmargin as sm; sm.L2, sm.optimizers.Adam, sm.schedules.Cosine, sm.reference, sm.check_gradient, sm.build_info()",
        "from softmargin.plotting import WeightsDisplay; WeightsDisplay([[1.0, 2.0]])",
    ):
        assert in_new_process(f"import sys\n{code}\n{HEAVY}") == "[]"


def test_the_question_finds_them(in_new_process):
    """The control: each, imported on purpose."""
    for name in ("sklearn", "scipy.optimize", "matplotlib"):
        assert f"'{name}'" in in_new_process(f"import sys, softmargin, {name}\n{HEAVY}")
