"""What a call refuses, as the tests of arguments compare it."""

import pytest


def refusal(function, *arguments, **named):
    """The type and the text of what a call raises."""
    with pytest.raises((TypeError, ValueError)) as caught:
        function(*arguments, **named)
    return caught.type.__name__, str(caught.value)
