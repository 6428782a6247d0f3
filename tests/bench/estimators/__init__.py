"""scikit-learn's classes and ours side by side: what a user gains who changes one import."""
