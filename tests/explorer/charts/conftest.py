"""Charts of made-up answers."""

import pytest

from explorer.charts import kinds_of_chart
from explorer.project.choices import Choices


@pytest.fixture
def draw(make_project):
    """A function drawing a chart of made-up answers; all runs are on it."""

    def drawn(kind, answers=None, rows=None, project=None, **chosen):
        project = project or make_project(rows, answers)
        return kinds_of_chart.drawing_of(kind, project, Choices(**chosen), list(project.runs.values()))

    return drawn
